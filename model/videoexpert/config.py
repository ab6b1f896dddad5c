"""What a model is: the sizes and constants saved with its weights. The defaults are the published 7B model's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from videoexpert.errors import CheckpointError

VIDEO_ID = -200
"""The id that stands for the video among the ids of a prompt (spec §2)."""

IGNORED = -100
"""The label of a token that is not learnt (spec §2)."""

LOC = "[LOC]"
"""The token that the model writes where it means a time (spec §8)."""

Variant = Literal["class_pool", "mean_pool", "compress_pool", "only_cls"]
Interaction = Literal["simp_add", "intact_add"]
Decoding = Literal["windows", "regions"]
Projector = Literal["linear", "spelled"]
Attention = Literal["sdpa", "eager", "flash"]
ImageText = Literal["clip", "siglip"]


def _positive(values: object, *names: str) -> None:
    for name in names:
        value = getattr(values, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}")


def _choice(values: object, name: str, choices: object) -> None:
    if getattr(values, name) not in get_args(choices):
        raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, got {getattr(values, name)!r}")


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """A CLIP vision transformer (spec §0). image_size, patch_size: pixels. features: D, after the projection."""

    image_size: int = 224
    patch_size: int = 14
    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    intermediate: int = 4096
    features: int = 768
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"

    def __post_init__(self) -> None:
        _positive(self, "image_size", "patch_size", "hidden", "layers", "heads", "intermediate", "features")
        _choice(self, "activation", Literal["quick_gelu", "gelu"])
        if self.image_size % self.patch_size or self.hidden % self.heads:
            raise ValueError(f"image {self.image_size} / patch {self.patch_size} or width / heads do not divide")

    @property
    def grid(self) -> int:
        """Patches along one side of the image."""
        return self.image_size // self.patch_size

    @property
    def patches(self) -> int:
        """Patches per frame, P (256)."""
        return self.grid**2


@dataclass(frozen=True, slots=True)
class EfficientNetConfig:
    """An EfficientNet-Lite classifier that looks at frames in their own aspect; the defaults are those of Lite2.

    image_size: pixels of the short side; long_side: the long one is cut to it. stages: of each its (expansion, kernel,
    stride, blocks, channels). features: D. classes: what its classifier tells apart, from D.
    """

    kind: Literal["efficientnet_lite"] = "efficientnet_lite"
    image_size: int = 260
    long_side: int = 462
    stem: int = 32
    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 3, 1, 1, 16),
        (6, 3, 2, 3, 24),
        (6, 5, 2, 3, 48),
        (6, 3, 2, 4, 88),
        (6, 5, 1, 4, 120),
        (6, 5, 2, 5, 208),
        (6, 3, 1, 1, 352),
    )
    features: int = 1280
    classes: int = 1000

    def __post_init__(self) -> None:
        _choice(self, "kind", Literal["efficientnet_lite"])
        _positive(self, "image_size", "long_side", "stem", "features", "classes")
        stages = tuple(tuple(stage) for stage in self.stages)
        if not stages or any(len(stage) != 5 or min(stage) < 1 for stage in stages):
            raise ValueError("each stage must be (expansion, kernel, stride, blocks, channels), above 0")
        if self.long_side < self.image_size:
            raise ValueError(f"long_side {self.long_side} is less than image_size {self.image_size}")
        object.__setattr__(self, "stages", stages)  # JSON has lists

    @property
    def grid(self) -> int:
        """Patches along the short side."""
        size = -(-self.image_size // 2)
        for _, _, stride, _, _ in self.stages:
            size = -(-size // stride)
        return size

    @property
    def patches(self) -> int:
        """Patches of a square frame, the fewest that a frame has."""
        return self.grid**2


@dataclass(frozen=True, slots=True)
class ImageTextConfig:
    """A CLIP or a SigLIP with both its sides, which tells apart whatever has a name.

    settings: transformers' own configuration of it. classes: how many names its classifier has. scale: what it
    multiplies the cosine of an image and a text by. pad: the token that fills a text up.
    """

    settings: Mapping[str, Any]
    classes: int
    scale: float
    pad: int = 0
    kind: Literal["image_text"] = "image_text"

    def __post_init__(self) -> None:
        _choice(self, "kind", Literal["image_text"])
        _positive(self, "classes")
        if self.family not in get_args(ImageText):
            raise ValueError(f"settings are of {self.family!r}, not of {' or '.join(get_args(ImageText))}")
        _positive(self, "image_size", "patch_size", "features", "context")
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0, got {self.scale}")

    @property
    def family(self) -> str:
        """clip or siglip."""
        return str(self.settings.get("model_type"))

    @property
    def image_size(self) -> int:
        """Pixels of a side of the square that it looks at."""
        return self._size("vision_config", "image_size")

    @property
    def patch_size(self) -> int:
        """Pixels of a side of a patch."""
        return self._size("vision_config", "patch_size")

    @property
    def features(self) -> int:
        """D, of images and of texts."""
        return self._size("projection_dim") if self.family == "clip" else self._size("vision_config", "hidden_size")

    @property
    def context(self) -> int:
        """The tokens of the longest text."""
        return self._size("text_config", "max_position_embeddings")

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.image_size // self.patch_size

    @property
    def patches(self) -> int:
        """Patches of a frame."""
        return self.grid**2

    def _size(self, *names: str) -> int:
        """A number of the settings, under these names."""
        found: Any = self.settings
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found  # type: ignore[no-any-return]  # checked above


AnyVision = VisionConfig | EfficientNetConfig | ImageTextConfig
"""The vision encoders that there are."""

Classifying = EfficientNetConfig | ImageTextConfig
"""Those with a classifier."""


@dataclass(frozen=True, slots=True)
class SentenceConfig:
    """A BERT whose mean state is a sentence's vector; the defaults are those of all-MiniLM-L6-v2."""

    hidden: int = 384
    layers: int = 6
    heads: int = 12
    intermediate: int = 1536
    vocabulary: int = 30522
    positions: int = 512

    def __post_init__(self) -> None:
        _positive(self, "hidden", "layers", "heads", "intermediate", "vocabulary", "positions")


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """The match channel (see `nn.match`): it compares a query's words with what a classifier sees in each frame.

    width, kernel: of its convolutions over the frames. likeliest: how many classes of a frame are compared one by one.
    alone: it alone locates, and hidden states are not listened to. threshold: the score below which what was asked for
    counts as not found, 0 .. 1.
    """

    width: int = 96
    kernel: int = 5
    likeliest: int = 16
    alone: bool = False
    threshold: float = 0.0

    def __post_init__(self) -> None:
        _positive(self, "width", "kernel", "likeliest")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must lie in 0 .. 1, got {self.threshold}")


@dataclass(frozen=True, slots=True)
class CompressorConfig:
    """Spatial Compress (spec §1): `groups` of `group_frames` frames, each group `salient` + `uniform` tokens."""

    variant: Variant = "class_pool"
    groups: int = 4
    group_frames: int = 3
    salient: int = 28
    uniform: int = 36

    def __post_init__(self) -> None:
        _choice(self, "variant", Variant)
        _positive(self, "groups", "group_frames", "salient", "uniform")

    @property
    def centres(self) -> int:
        """Clusters, and so output tokens, per group, C (64)."""
        return self.salient + self.uniform

    def tokens(self, patches: int) -> int:
        """Visual tokens beside the frames' own, for `patches` patches per frame (256)."""
        if self.variant == "only_cls":
            return 0
        return self.groups * (patches // 4 if self.variant == "mean_pool" else self.centres)


@dataclass(frozen=True, slots=True)
class ExpertConfig:
    """The two low-rank experts of each linear map (spec §3). dropout: on their input, in training, [0, 1)."""

    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.05

    def __post_init__(self) -> None:
        _positive(self, "rank")
        if not self.alpha > 0:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def scale(self) -> float:
        """What an expert's output is multiplied by: alpha / rank (2.0)."""
        return self.alpha / self.rank


@dataclass(frozen=True, slots=True)
class LocatorConfig:
    """The temporal head (spec §5).

    decoding: how its word becomes moments (`decode.rank_moments`).
    """

    width: int = 512
    layers: int = 3
    kernel: int = 3
    interaction: Interaction = "simp_add"
    decoding: Decoding = "windows"

    def __post_init__(self) -> None:
        _positive(self, "width", "layers", "kernel")
        _choice(self, "interaction", Interaction)
        _choice(self, "decoding", Decoding)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")


@dataclass(frozen=True, slots=True)
class VideoExpertConfig:
    """A whole model. llm: transformers' own configuration of the language model, `[LOC]` counted in its vocab_size.

    frames: how many frames it was trained to see, T. trained_seconds: how long a stretch of video these stood for at
    most (QVHighlights: 150 s); longer videos are looked at in windows. loc_id: the id of `[LOC]`. projector: how visual
    features become tokens (`nn.projector`); sharpness: what it multiplies a classifier's logits by. match: the match
    channel, and sentences: what reads its queries; None without one.
    """

    llm: Mapping[str, Any]
    loc_id: int
    frames: int = 100
    trained_seconds: float = 150.0
    vision: AnyVision = field(default_factory=VisionConfig)
    projector: Projector = "linear"
    sharpness: float = 1.0
    compressor: CompressorConfig = field(default_factory=CompressorConfig)
    experts: ExpertConfig = field(default_factory=ExpertConfig)
    locator: LocatorConfig = field(default_factory=LocatorConfig)
    match: MatchConfig | None = None
    sentences: SentenceConfig | None = None

    def __post_init__(self) -> None:
        _positive(self, "frames", "loc_id")
        _choice(self, "projector", Projector)
        if (self.match is None) != (self.sentences is None):
            raise ValueError("match and sentences go together")
        if (self.match or self.projector == "spelled") and not isinstance(self.vision, Classifying):
            raise ValueError("match and a spelled projector need a vision encoder with a classifier")
        if self.projector == "spelled" and self.compressor.variant != "only_cls":
            raise ValueError("a spelled projector spells frames, but no patches: its compressor must be only_cls")
        if self.frames < self.compressor.group_frames:
            raise ValueError(f"frames must be at least {self.compressor.group_frames}, got {self.frames}")
        if not self.sharpness > 0:
            raise ValueError(f"sharpness must be above 0, got {self.sharpness}")
        if not self.trained_seconds > 0:
            raise ValueError(f"trained_seconds must be above 0, got {self.trained_seconds}")
        vocabulary = self.llm.get("vocab_size")
        if not isinstance(vocabulary, int) or self.loc_id >= vocabulary:
            raise ValueError(f"loc_id {self.loc_id} lies outside the vocabulary of {vocabulary}")
        if self.compressor.variant != "only_cls" and self.compressor.centres > self.vision.patches:
            raise ValueError(f"{self.compressor.centres} centres from {self.vision.patches} patches")
        if self.compressor.variant == "mean_pool" and self.vision.grid % 2:
            raise ValueError(f"mean_pool halves the grid of patches, which has {self.vision.grid} on a side")

    @property
    def compressed(self) -> int:
        """Visual tokens after the frames' own (256); N = T + this."""
        return self.compressor.tokens(self.vision.patches)

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> "VideoExpertConfig":
        """The configuration that `to_dict` gave. Raises CheckpointError, naming what is missing, unknown or wrong."""
        given = values if isinstance(values, dict) else {}
        there = [name for name in _PARTS if name in given and (given[name] is not None or name not in _OPTIONAL)]
        parts: dict[str, Any] = {name: _read(_kind(name, given[name]), given[name], name) for name in there}
        return _read(cls, {**given, **parts} if given else values, "model")


_PARTS: dict[str, type] = {
    "vision": VisionConfig,
    "compressor": CompressorConfig,
    "experts": ExpertConfig,
    "locator": LocatorConfig,
    "match": MatchConfig,
    "sentences": SentenceConfig,
}
_OPTIONAL = ("match", "sentences")


def _kind(name: str, values: object) -> type:
    """The type of a part. A vision encoder says its kind, but for CLIP's image side, which came first."""
    if name != "vision" or not isinstance(values, dict) or "kind" not in values:
        return _PARTS[name]
    return ImageTextConfig if values["kind"] == "image_text" else EfficientNetConfig


_T = TypeVar("_T")


def _read(kind: type[_T], values: object, where: str) -> _T:
    if not isinstance(values, dict):
        raise CheckpointError(f"configuration: {where} must be an object, not {values!r}")
    names = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    unknown = [str(name) for name in values if name not in names]
    if unknown:
        raise CheckpointError(
            f"configuration: {where} has unknown entries: {', '.join(unknown)}",
            hint="the model may need a newer version of vex",
        )
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"configuration: {where}: {error}") from error
