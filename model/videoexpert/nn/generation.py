"""Reading and writing text after a video: the video is read once, every query goes on from there.

`prefill` reads the prompt up to and with the video. `read` runs given texts behind it, `generate` writes new ones; both
take any number of texts at once and leave the prefix as it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from videoexpert.nn.cache import PrefixCache
from videoexpert.nn.layout import TokenLayout
from videoexpert.nn.locator import LocatorOutput
from videoexpert.nn.model import VideoExpert
from videoexpert.options import GenerationOptions


@dataclass(frozen=True, slots=True)
class VisualPrefix:
    """A prompt's beginning that was read. hidden: [S, H], after the last norm; layout: where the video lies in it.

    seen: [T, D], the visual features of the frames.
    """

    cache: PrefixCache
    hidden: Tensor
    layout: TokenLayout
    seen: Tensor

    @property
    def frames(self) -> Tensor:
        """Hidden states of the frame tokens: [T, H]."""
        return self.layout.rows.take(self.hidden[None])[0]


@dataclass(frozen=True, slots=True)
class Generated:
    """A text that was written. ids: with the stop token, if it came; stopped: whether it came.

    loc_indices: where the `[LOC]`s are in ids; located: the head's word on them, in that order; None without any.
    """

    ids: tuple[int, ...]
    stopped: bool
    loc_indices: tuple[int, ...]
    located: LocatorOutput | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A given text that was read.

    ids: [L]. predictors: [L, H], the states that predict each of them; last: [H], the one that predicts what follows.
    located: the head's word on its `[LOC]`s, in order; None without any.
    """

    ids: Tensor
    predictors: Tensor
    last: Tensor
    located: LocatorOutput | None


@torch.no_grad()
def prefill(model: VideoExpert, ids: Tensor, visual: Tensor) -> VisualPrefix:
    """Read the beginning of a prompt. ids: [L] with one `VIDEO_ID`; visual: [N, D], frame tokens first."""
    cache = PrefixCache(model.llm.config.num_hidden_layers, len(ids) - 1 + len(visual))
    output = model(ids[None], visual[None], cache=cache)
    return VisualPrefix(cache, output.hidden[0], output.layout, visual[: output.layout.frames])


@torch.no_grad()
def read(
    model: VideoExpert, prefix: VisualPrefix, texts: Sequence[Tensor], *, queries: Sequence[Tensor | None] = ()
) -> list[Reading]:
    """Run texts of ids [L_i], none empty, behind the prefix, each as if it were alone.

    queries: for each text what its `[LOC]`s ask for, [n_i, E]; needed by a match channel alone.
    """
    batch = _Batch.start(model, prefix, texts, room=0)
    readings = []
    for row, (text, asked) in enumerate(zip(texts, queries or [None] * len(texts), strict=True)):
        states = torch.cat((prefix.hidden[-1:], batch.hidden[row, -len(text) :]))
        locs = states[:-1][text == model.config.loc_id]
        located = model.locate(prefix.frames, locs, seen=prefix.seen, queries=asked) if len(locs) else None
        readings.append(Reading(text, states[:-1], states[-1], located))
    return readings


@torch.no_grad()
def log_probabilities(model: VideoExpert, reading: Reading) -> Tensor:
    """How likely the model finds each token of a text that was read: [L], natural logarithms, float32."""
    logits = model.logits(reading.predictors).float()
    return logits.log_softmax(dim=-1).gather(-1, reading.ids[:, None])[:, 0]


@torch.no_grad()
def generate(
    model: VideoExpert,
    prefix: VisualPrefix,
    texts: Sequence[Tensor],
    options: GenerationOptions,
    *,
    stop_ids: Sequence[int] = (),
    queries_of: Callable[[Sequence[int], Sequence[int]], Tensor] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> list[Generated]:
    """Write on from each of the texts of ids [L_i], none empty, behind the prefix, each as if it were alone.

    options: the same seed gives the same text, whatever else is in the batch. stop_ids: tokens that end a text.
    queries_of: from the ids of a text, and where its n `[LOC]`s are in them, to what they ask for, [n, E]; needed by a
    match channel alone.
    on_step: called after each step with the number of tokens that the longest text has by then.
    """
    batch = _Batch.start(model, prefix, texts, room=options.max_new_tokens)
    drafts = [_Draft(torch.Generator(model.device).manual_seed(options.seed)) for _ in texts]
    going = drafts
    for step in range(options.max_new_tokens):
        states = batch.hidden[:, -1]
        chosen = _choose(model.logits(states), options, [draft.generator for draft in going])
        for draft, token, state in zip(going, chosen.tolist(), states, strict=True):
            draft.add(token, state, stop_ids, model.config.loc_id)
        if on_step is not None:
            on_step(step + 1)
        rows = [row for row, draft in enumerate(going) if not draft.stopped]
        if not rows or step + 1 == options.max_new_tokens:
            break
        if len(rows) < len(going):
            going, chosen = [going[row] for row in rows], chosen[rows]
            batch.select(rows)
        batch.step(model, chosen)
    return [draft.finish(model, prefix, queries_of) for draft in drafts]


@dataclass(slots=True)
class _Batch:
    """Texts behind one prefix, padded on the left so that all end in the same column.

    hidden: [Q, L, H], of the last pass; mask: [Q, cached], None where nothing is padded; positions: [Q], the next ones.
    """

    cache: PrefixCache
    hidden: Tensor
    mask: Tensor | None
    positions: Tensor

    @classmethod
    def start(cls, model: VideoExpert, prefix: VisualPrefix, texts: Sequence[Tensor], *, room: int) -> "_Batch":
        if not texts or any(len(text) == 0 for text in texts):
            raise ValueError("there must be a text, and none may be empty")
        done, lengths = len(prefix.hidden), torch.tensor([len(text) for text in texts], device=model.device)
        width = int(lengths.max())
        ids = torch.stack([torch.cat((text.new_zeros(width - len(text)), text)) for text in texts])
        columns = torch.arange(width, device=model.device) - (width - lengths)[:, None]  # negative on padding
        mask = None
        if bool((columns < 0).any()):
            mask = torch.cat((columns.new_ones((len(texts), done)), columns >= 0), dim=1).bool()
        cache = prefix.cache.fork(len(texts), width + room)
        positions = done + columns.clamp(min=0)
        hidden = model.run(model.embed(ids), rows=None, mask=mask, positions=positions, cache=cache)
        return cls(cache, hidden, mask, done + lengths)

    def step(self, model: VideoExpert, ids: Tensor) -> None:
        """Append one token to each text: [Q]."""
        if self.mask is not None:
            self.mask = torch.cat((self.mask, self.mask.new_ones((len(ids), 1))), dim=1)
        embeds, positions = model.embed(ids[:, None]), self.positions[:, None]
        self.hidden = model.run(embeds, rows=None, mask=self.mask, positions=positions, cache=self.cache)
        self.positions = self.positions + 1

    def select(self, rows: list[int]) -> None:
        """Keep only these texts."""
        self.cache.select(torch.tensor(rows, device=self.positions.device))
        self.positions = self.positions[rows]
        self.mask = self.mask[rows] if self.mask is not None else None


@dataclass(slots=True)
class _Draft:
    """A text that is being written."""

    generator: torch.Generator
    ids: list[int] = field(default_factory=list)
    loc_indices: list[int] = field(default_factory=list)
    loc_states: list[Tensor] = field(default_factory=list)
    stopped: bool = False

    def add(self, token: int, state: Tensor, stop_ids: Sequence[int], loc_id: int) -> None:
        if token == loc_id:
            self.loc_indices.append(len(self.ids))
            self.loc_states.append(state)  # the state that predicts a [LOC] represents it (spec §4)
        self.ids.append(token)
        self.stopped = token in stop_ids

    def finish(
        self,
        model: VideoExpert,
        prefix: VisualPrefix,
        queries_of: Callable[[Sequence[int], Sequence[int]], Tensor] | None,
    ) -> Generated:
        located = None
        if self.loc_states:
            queries = None if queries_of is None else queries_of(self.ids, self.loc_indices)
            located = model.locate(prefix.frames, torch.stack(self.loc_states), seen=prefix.seen, queries=queries)
        return Generated(tuple(self.ids), self.stopped, tuple(self.loc_indices), located)


def _choose(logits: Tensor, options: GenerationOptions, generators: Sequence[torch.Generator]) -> Tensor:
    """The next token of each row of `logits` [Q, V]: [Q]."""
    if options.temperature == 0:
        return logits.argmax(dim=-1)
    likely, order = (logits.float() / options.temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    before = likely.cumsum(dim=-1) - likely
    likely = likely.masked_fill(before >= options.top_p, 0)
    drawn = [torch.multinomial(row, 1, generator=draw) for row, draw in zip(likely, generators, strict=True)]
    return order.gather(-1, torch.stack(drawn))[:, 0]
