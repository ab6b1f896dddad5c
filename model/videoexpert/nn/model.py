"""VideoExpert: visual tokens and text through one language model with routed experts, to words and moments.

One `forward` serves training and inference; writing text step by step is in `generation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.cache_utils import Cache

from videoexpert.config import Attention, Classifying, VideoExpertConfig
from videoexpert.nn.building import allocate, attention_name, building
from videoexpert.nn.compressor import spatial_compress
from videoexpert.nn.experts import ROWS, add_experts, hold_experts
from videoexpert.nn.finder import Finder
from videoexpert.nn.layout import Assembled, TemporalRows, TokenLayout, assemble
from videoexpert.nn.locator import Locator, LocatorOutput
from videoexpert.nn.losses import Losses, LossWeights, MomentTargets, all_losses, learnt, token_loss
from videoexpert.nn.projector import SpellingProjector


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What one pass gives for B samples.

    hidden: [B, S, H], after the last norm; rows of padding mean nothing. loc_samples and loc_indices: [n], where the
    `[LOC]`s are among the prompt ids, batch-major. located: the head's word on them; None where there are none, or
    where a match channel was not told what they ask for. loss: None where no labels were given.
    """

    hidden: Tensor
    layout: TokenLayout
    loc_samples: Tensor
    loc_indices: Tensor
    located: LocatorOutput | None
    loss: Losses | None


class VideoExpert(Finder):
    """The model without its vision tower. llm: a causal model of transformers, of the Llama family, without experts.

    There is no `locator` where the match channel locates alone.
    """

    projector: nn.Linear | SpellingProjector
    locator: Locator

    def __init__(self, config: VideoExpertConfig, llm: PreTrainedModel) -> None:
        super().__init__(config)
        self.llm = llm
        self.router = add_experts(llm, config.experts)
        like = self._embedding.weight
        hidden = like.shape[1]
        vision = config.vision
        if config.projector == "spelled" and isinstance(vision, Classifying):
            spelling = SpellingProjector(vision.features, hidden, classes=vision.classes, sharpness=config.sharpness)
            self.projector = spelling.to(like)
        else:
            self.projector = nn.Linear(vision.features, hidden).to(like)
        if not self.matches_alone:
            self.locator = Locator(hidden, config.locator).to(like)

    @property
    def _embedding(self) -> nn.Embedding:
        embedding = self.llm.get_input_embeddings()
        assert isinstance(embedding, nn.Embedding)
        return embedding

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers that it computes with."""
        return self._embedding.weight.dtype

    def compress(self, cls: Tensor, patches: Tensor) -> Tensor:
        """Visual tokens [B, N, D] of frame features; see `compressor.spatial_compress` for the shapes (spec §1)."""
        return spatial_compress(cls, patches, self.config.compressor)

    def assemble(
        self, ids: Tensor, visual: Tensor, *, lengths: Sequence[int] | None = None, labels: Tensor | None = None
    ) -> Assembled:
        """Project `visual` [B, N, D] and put it into the prompts `ids` [B, L]; see `layout.assemble` (spec §2)."""
        projected = self._project(visual)
        frames = visual.shape[1] - self.config.compressed
        return assemble(ids, projected, embed=self._embedding, frames=frames, lengths=lengths, labels=labels)

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings of text ids: [..., H]."""
        embedded: Tensor = self._embedding(ids)
        return embedded

    def run(
        self,
        embeds: Tensor,
        *,
        rows: TemporalRows | None,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The language model up to its last norm: [B, S, H] -> [B, S, H] (spec §3).

        rows: the frame tokens among these positions. mask: [B, cached + S], False on padding. positions: [B, S], the
        next ones after the cached where None. cache: extended in place.
        """
        decoder = self.llm.get_decoder()  # type: ignore[no-untyped-call]
        output = decoder(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            **{ROWS: rows},
        )
        hidden: Tensor = output.last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits of hidden states: [..., H] -> [..., V]."""
        logits: Tensor = self.llm.get_output_embeddings()(hidden)  # type: ignore[no-untyped-call]
        return logits

    def forward(
        self,
        ids: Tensor,
        visual: Tensor,
        *,
        lengths: Sequence[int] | None = None,
        labels: Tensor | None = None,
        targets: MomentTargets | None = None,
        weights: LossWeights = LossWeights(),  # noqa: B008 - a frozen value
        cache: Cache | None = None,
    ) -> ModelOutput:
        """One pass over whole prompts.

        ids: [B, L], one `VIDEO_ID` per row; lengths: how many of them count. visual: [B, N, D], frame tokens first.
        labels: [B, L]; logits are computed only where they are learnt. targets: one per `[LOC]`, batch-major.
        cache: filled with keys and values where given. Raises ValueError where targets and `[LOC]`s do not match.
        """
        assembled = self.assemble(ids, visual, lengths=lengths, labels=labels)
        layout = assembled.layout
        hidden = self.run(assembled.embeds, rows=layout.rows, mask=assembled.mask, cache=cache)
        samples, indices = self._find_locs(ids, lengths)
        located = None
        queries = None if targets is None else targets.queries
        if len(samples) and (self.match is None or queries is not None):
            states = hidden[samples, layout.predictors(samples, indices)]
            located = self._locate(layout.rows.take(hidden), states, samples, visual[:, : layout.frames], queries)
        loss = None
        if assembled.labels is not None:
            if targets is not None and len(targets.inside) != len(samples):
                raise ValueError(f"{len(targets.inside)} targets for {len(samples)} [LOC] tokens")
            loss = all_losses(self._token_loss(hidden, assembled.labels), located, targets, weights)
        return ModelOutput(hidden, layout, samples, indices, located, loss)

    def locate(
        self, frames: Tensor, locs: Tensor, *, seen: Tensor | None = None, queries: Tensor | None = None
    ) -> LocatorOutput:
        """The head's word on `[LOC]`s of one video. frames: [T, H] and locs: [n, H], hidden states (spec §4-5).

        seen: [T, D], the visual features of the frames, and queries: [n, E], where there is a match channel.
        """
        owners = torch.zeros(len(locs), dtype=torch.long, device=locs.device)
        return self._locate(frames[None], locs, owners, None if seen is None else seen[None], queries)

    def sureness(self, seen: Tensor) -> Tensor | None:
        """How likely what the frames of a video spell is right: [T], 0 .. 1; None where they spell nothing.

        seen: [T, D], the visual features of the frames.
        """
        if not isinstance(self.projector, SpellingProjector):
            return None
        assert self.classifier is not None
        return self.projector.sureness(self.classifier(seen.float()))

    def _project(self, visual: Tensor) -> Tensor:
        """Visual features as tokens: [..., D] -> [..., H]."""
        features = visual.to(self.projector.weight.dtype)
        if isinstance(self.projector, SpellingProjector):
            assert self.classifier is not None
            return self.projector(features, self.classifier(visual.float()))  # type: ignore[no-any-return]
        projected: Tensor = self.projector(features)
        return projected

    def _locate(
        self, frames: Tensor, locs: Tensor, owners: Tensor, seen: Tensor | None, queries: Tensor | None
    ) -> LocatorOutput:
        if self.match is None:
            located: LocatorOutput = self.locator(frames, locs, owners)
            return located
        if seen is None or queries is None or len(queries) != len(locs):
            asked = 0 if queries is None else len(queries)
            raise ValueError(f"the match channel needs a query for each [LOC]: {asked} for {len(locs)}")
        matched = self._match(seen, queries, owners)
        return matched if self.matches_alone else self.locator(frames, locs, owners) + matched

    def _find_locs(self, ids: Tensor, lengths: Sequence[int] | None) -> tuple[Tensor, Tensor]:
        """Where the `[LOC]`s are: (samples, indices), [n] each, batch-major, then ascending (spec §4)."""
        found = ids == self.config.loc_id
        if lengths is not None:
            found &= torch.arange(ids.shape[1], device=ids.device) < torch.tensor(lengths, device=ids.device)[:, None]
        samples, indices = found.nonzero(as_tuple=True)
        return samples, indices

    def _token_loss(self, hidden: Tensor, labels: Tensor) -> Tensor:
        predicting = learnt(labels)
        return token_loss(self.logits(hidden[predicting]), labels[predicting.roll(1, dims=1)])


def build_model(
    config: VideoExpertConfig,
    *,
    attn: Attention = "sdpa",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    experts: torch.dtype | None = None,
    initialise: bool = True,
) -> VideoExpert:
    """A model with random weights, or with memory that nothing was written to yet where `initialise` is false.

    dtype: of the weights, torch's default where None; experts: of the experts', the same where None.
    Raises ExtraMissingError where flash attention is asked for and not installed, ValueError where the language model
    is not of the Llama family.
    """
    settings = AutoConfig.for_model(**config.llm)
    name = attention_name(attn)
    with building(device=device if initialise else "meta", dtype=dtype):
        llm = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            settings, dtype=torch.get_default_dtype(), attn_implementation=name, trust_remote_code=False
        )
        model = VideoExpert(config, llm)
    if experts is not None:
        hold_experts(model, experts)
    if initialise or torch.device(device).type == "meta":
        return model
    allocate(model, device)
    llm.tie_weights()
    return model
