"""A language model before a video: each window is read once, and every question about it goes on from there.

Keys and values of one window are held at a time, however long the video is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from videoexpert.checkpoint import Sentences
from videoexpert.choice import Ids
from videoexpert.decode import Located
from videoexpert.errors import DeviceError, RequestError
from videoexpert.features import EncodedVideo
from videoexpert.nn import generation
from videoexpert.nn.generation import Generated, Reading, VisualPrefix
from videoexpert.nn.locator import LocatorOutput
from videoexpert.nn.model import VideoExpert
from videoexpert.options import GenerationOptions
from videoexpert.progress import OnStep, Stage, Step
from videoexpert.wording import MARK, Asked, WritingTokenizer, spoken_of, written_text


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote. text: with a `wording.MARK` for each `[LOC]`. located: what the temporal head says of each of
    them, in their order. warnings: for the reader of the result."""

    text: str
    located: tuple[Located, ...]
    warnings: tuple[str, ...]


class Viewing:
    """One video before one model. prefix: the ids of a prompt up to and with the video. batch: texts run at once.

    sentences: what reads words for the model's match channel; None without one.
    """

    def __init__(
        self,
        model: VideoExpert,
        tokenizer: WritingTokenizer,
        video: EncodedVideo,
        *,
        sentences: Sentences | None,
        prefix: Ids,
        batch: int,
        on_step: OnStep,
    ) -> None:
        self._model, self._tokenizer, self._video = model, tokenizer, video
        self._sentences, self._batch, self._on_step = sentences, batch, on_step
        self._prefix_ids = torch.tensor(prefix, device=model.device)
        self._stop_ids = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self._held: tuple[int, VisualPrefix] | None = None

    @property
    def windows(self) -> int:
        """How many windows the video is covered by, W."""
        return len(self._video.features)

    def locate(self, asked: Sequence[Asked]) -> list[list[Located]]:
        """What the temporal head says of texts with one `[LOC]` each: for each text, one for each window."""
        located: list[list[Located]] = [[] for _ in asked]
        for window in range(self.windows):
            for said, found in zip(located, self._locate(window, asked), strict=True):
                said += self.located(window, found)
        return located

    @property
    def matches(self) -> bool:
        """Whether the model has a match channel, which knows how surely words fit what is seen."""
        return self._sentences is not None

    def match(self, window: int, words: Sequence[str]) -> list[Located]:
        """What the match channel says of words about a window (from 0)."""
        vectors = self._vectors(words)
        assert vectors is not None
        with torch.inference_mode():
            return self.located(window, self._model.match_frames(self._seen(window), vectors))

    def read(self, window: int, asked: Sequence[Asked]) -> list[Reading]:
        """Run texts behind a window (from 0), each as if it were alone."""
        if not asked:
            return []
        prefix = self._prefix(window, len(asked))
        self._room(prefix, asked, least=0)
        readings: list[Reading] = []
        for part in self._parts(asked):
            queries = [None if text.sought is None else self._vectors([text.sought]) for text in part]
            readings += generation.read(self._model, prefix, self._tensors(part), queries=queries)
            self._report("prefill", window, len(readings), len(asked))
        return readings

    def write(self, window: int, asked: Sequence[Asked], options: GenerationOptions) -> list[Written]:
        """Write on behind texts that follow a window, each as if it were alone.

        Where the model has positions for fewer tokens than asked for, it writes those.
        """
        prefix = self._prefix(window, len(asked))
        most = min(options.max_new_tokens, self._room(prefix, asked, least=1))
        within = replace(options, max_new_tokens=most)
        written: list[Written] = []
        for part in self._parts(asked):
            self._report("generate", window, 0, most)
            drafts = generation.generate(
                self._model,
                prefix,
                self._tensors(part),
                within,
                stop_ids=self._stop_ids,
                queries_of=self._queries_of if self.matches else None,
                on_step=lambda done: self._report("generate", window, done, most),
            )
            written += [self._written(window, draft) for draft in drafts]
        return written

    def located(self, window: int, said: LocatorOutput | None) -> list[Located]:
        """What the temporal head says of each `[LOC]` of a text behind a window, in their order."""
        if said is None:
            return []
        scores, windows = (values.double().cpu().numpy() for values in (said.scores, said.windows))
        if not (np.isfinite(scores).all() and np.isfinite(windows).all()):
            name, dtype = self._video.encoder, self._model.projector.weight.dtype
            raise DeviceError(f"{name}: its scores are not numbers in {dtype}", hint="run it with dtype float32")
        looked_at = self._video.plan.windows[window]
        decoding = self._model.config.locator.decoding
        return [Located(looked_at, *pair, decoding) for pair in zip(scores, windows, strict=True)]

    def next_log_probabilities(self, reading: Reading, tokens: Ids) -> list[float]:
        """How likely each of the tokens is to come next: natural logarithms."""
        with torch.inference_mode():
            chances = self._model.logits(reading.last).float().log_softmax(dim=-1)
        return [float(chances[token]) for token in tokens]

    def _locate(self, window: int, asked: Sequence[Asked]) -> list[LocatorOutput | None]:
        if not self._model.matches_alone:
            return [reading.located for reading in self.read(window, asked)]
        seen = self._seen(window)
        found: list[LocatorOutput | None] = []
        with torch.inference_mode():
            for text in asked:
                vectors = None if text.sought is None else self._vectors([text.sought])
                found.append(self._model.match_frames(seen, vectors))
        return found

    def _seen(self, window: int) -> Tensor:
        """The visual features of the frames of a window: [T, D]."""
        features = self._video.features[window]
        return features.tokens[: len(features.times)].to(self._model.device)

    def _vectors(self, words: Sequence[str]) -> Tensor | None:
        return None if self._sentences is None else self._sentences.vectors(words)

    def _queries_of(self, ids: Sequence[int], loc_indices: Sequence[int]) -> Tensor:
        """What the `[LOC]`s of a written text speak of: [n, E]."""
        text = written_text(ids, loc_indices, self._tokenizer)
        assert self._sentences is not None
        return self._sentences.vectors(spoken_of(text, otherwise=text.replace(MARK, " ")))

    def _written(self, window: int, draft: Generated) -> Written:
        text = written_text(draft.ids, draft.loc_indices, self._tokenizer)
        warnings = () if draft.stopped else (f"the text was cut off after {len(draft.ids)} tokens",)
        return Written(text, tuple(self.located(window, draft.located)), warnings)

    def _prefix(self, window: int, texts: int) -> VisualPrefix:
        """The window as the language model read it; the one that was held before is let go first."""
        if self._held is None or self._held[0] != window:
            self._held = None
            self._report("prefill", window, 0, texts)
            tokens = self._video.features[window].tokens.to(self._model.device)
            self._held = window, generation.prefill(self._model, self._prefix_ids, tokens)
        return self._held[1]

    def _parts(self, asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
        for start in range(0, len(asked), self._batch):
            yield asked[start : start + self._batch]

    def _tensors(self, asked: Sequence[Asked]) -> list[Tensor]:
        return [torch.tensor(text.ids, device=self._model.device) for text in asked]

    def _room(self, prefix: VisualPrefix, asked: Sequence[Asked], *, least: int) -> int:
        """The positions left behind the longest text. Raises RequestError where there are fewer than `least`."""
        positions = int(self._model.llm.config.max_position_embeddings)
        most = positions - len(prefix.hidden)
        longest = max(len(text.ids) for text in asked)
        if most - longest < least:
            raise RequestError(
                f"a question is {longest} tokens long, but {self._video.encoder} takes {most - least} after a video",
                hint="shorten it",
            )
        return most - longest

    def _report(self, stage: Stage, window: int, done: int, total: int) -> None:
        self._on_step(Step(stage, window + 1, self.windows, done, total))
