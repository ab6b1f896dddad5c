"""A language model before a video: each window is read once, and every question about it goes on from there.

Keys and values of one window are held at a time, however long the video is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from videoexpert.checkpoint import Sentences
from videoexpert.choice import Ids
from videoexpert.decode import FloatArray, Located
from videoexpert.errors import RequestError
from videoexpert.features import EncodedVideo
from videoexpert.matching import Matching
from videoexpert.nn import generation
from videoexpert.nn.generation import Generated, Reading, VisualPrefix
from videoexpert.nn.model import VideoExpert
from videoexpert.options import GenerationOptions
from videoexpert.progress import OnStep, Stage, Step
from videoexpert.wording import MARK, Asked, WritingTokenizer, spoken_of, visual_prefix, written_text


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote. text: with a `wording.MARK` for each `[LOC]`. located: what the temporal head says of each of
    them, in their order. warnings: for the reader of the result. sureness: [T], how likely what the model was told of
    each frame is right, 0 .. 1; None where that is not known."""

    text: str
    located: tuple[Located, ...]
    warnings: tuple[str, ...]
    sureness: FloatArray | None = None


class Viewing(Matching):
    """One video before one model, which also reads and writes about it. batch: texts run at once.

    sentences: what reads words for the model's match channel; None without one.
    """

    def __init__(
        self,
        model: VideoExpert,
        tokenizer: WritingTokenizer,
        video: EncodedVideo,
        *,
        sentences: Sentences | None,
        batch: int,
        on_step: OnStep,
    ) -> None:
        super().__init__(model, video, sentences=sentences)
        self._model: VideoExpert = model
        self._tokenizer, self._batch, self._on_step = tokenizer, batch, on_step
        self._prefix_ids = torch.tensor(visual_prefix(tokenizer), device=model.device)
        self._stop_ids = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self._held: tuple[int, VisualPrefix] | None = None

    def locate(self, asked: Sequence[Asked]) -> list[list[Located]]:
        """What the temporal head says of texts with one `[LOC]` each: for each text, one for each window."""
        if self._model.matches_alone:
            return self.find([text.sought for text in asked])
        located: list[list[Located]] = [[] for _ in asked]
        for window in range(self.windows):
            for said, reading in zip(located, self.read(window, asked), strict=True):
                said += self.located(window, reading.located)
        return located

    def read(self, window: int, asked: Sequence[Asked]) -> list[Reading]:
        """Run texts behind a window (from 0), each as if it were alone."""
        if not asked:
            return []
        prefix = self._prefix(window, len(asked))
        self._room(prefix, asked, least=0)
        readings: list[Reading] = []
        for part in self._parts(asked):
            queries = [self._vectors([text.sought]) if text.sought and self.matches else None for text in part]
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

    def next_log_probabilities(self, reading: Reading, tokens: Ids) -> list[float]:
        """How likely each of the tokens is to come next: natural logarithms."""
        with torch.inference_mode():
            chances = self._model.logits(reading.last).float().log_softmax(dim=-1)
        return [float(chances[token]) for token in tokens]

    def _queries_of(self, ids: Sequence[int], loc_indices: Sequence[int]) -> Tensor:
        """What the `[LOC]`s of a written text speak of: [n, E]."""
        text = written_text(ids, loc_indices, self._tokenizer)
        return self._vectors(spoken_of(text, otherwise=text.replace(MARK, " ")))

    def _written(self, window: int, draft: Generated) -> Written:
        text = written_text(draft.ids, draft.loc_indices, self._tokenizer)
        warnings = () if draft.stopped else (f"the text was cut off after {len(draft.ids)} tokens",)
        return Written(text, tuple(self.located(window, draft.located)), warnings, self._sureness(window))

    def _sureness(self, window: int) -> FloatArray | None:
        """See `Written`."""
        with torch.inference_mode():
            chances = self._model.sureness(self._seen(window))
        return None if chances is None else chances.double().cpu().numpy()

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
