"""The models that vex knows by name."""

from dataclasses import dataclass
from importlib.resources import files

from videoexpert.hub.nano import PARTS
from videoexpert.hub.parts import Part, download_size


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that vex knows by name. about: what it is. licence: of its weights. source: how one comes by it.

    parts: what can be fetched to make it, empty where it has to be imported. build: `module:function`, called with the
    paths of the parts by their names and with the folder to make. revision: changes when the same parts give another
    model.
    """

    name: str
    about: str
    licence: str
    source: str
    parts: tuple[Part, ...] = ()
    build: str = ""
    revision: str = ""

    @property
    def size(self) -> int:
        """Bytes to download for it, 0 where it has to be imported."""
        return download_size(self.parts)

    @property
    def card(self) -> str:
        """What it is, what it is good and bad at, and its licence, as Markdown."""
        return (files("videoexpert.hub") / "cards" / f"{self.name}.md").read_text(encoding="utf-8")


KNOWN: tuple[KnownModel, ...] = (
    KnownModel(
        "nano",
        about="vex's own small model: runs on a laptop CPU; knows things and animals, not people or what they do",
        licence="Apache-2.0",
        source="vex models pull nano",
        parts=PARTS,
        build="videoexpert.models.nano:build",
        revision="c17b2135833d",  # of the trained weights' SHA-256; and how often their configuration changed
    ),
    KnownModel(
        "videoexpert-7b",
        about="the model that the authors of VideoExpert published: Vicuna-7B with temporal and spatial experts",
        licence="CC BY-NC-ND 4.0 (weights of VideoExpert), Llama 2 Community License (Vicuna)",
        source="vex models import --base DIR --expert DIR --projector FILE --clip FILE",
    ),
)
"""The models known by name, installed or not."""


def known_model(name: str) -> KnownModel | None:
    """The known model of that name, or None."""
    return next((known for known in KNOWN if known.name == name), None)


def known_names() -> list[str]:
    """The names of the known models."""
    return [known.name for known in KNOWN]
