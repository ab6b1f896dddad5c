"""Ask a model about videos: look at a video once, then put any number of questions to it.

Every task yields timelines whose moments lie inside the video, and which say the model, the prompt and the windows that
they come from. Times come from the temporal head, never from numbers that the model writes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from videoexpert.checkpoint import Sentences, load_finder, load_sentences, load_vision
from videoexpert.config import Attention, VideoExpertConfig
from videoexpert.decode import Located, rank_moments, salient_moments, select
from videoexpert.device import choose_device, choose_dtype, memory_on
from videoexpert.errors import RequestError
from videoexpert.features import EncodedVideo, FrameFeatures
from videoexpert.hub import find_model
from videoexpert.matching import Matching
from videoexpert.nn.cores import on_free_cores, threads
from videoexpert.nn.finder import Finder
from videoexpert.nn.vision import VisionTower
from videoexpert.options import (
    DeviceName,
    DtypeName,
    GenerationOptions,
    GroundingOptions,
    HighlightOptions,
    WindowOptions,
)
from videoexpert.progress import OnStep, Step, unheard
from videoexpert.prompts import HIGHLIGHTS, asking, captioning, grounding
from videoexpert.store import FeatureStore, VideoEncoder
from videoexpert.timeline import Provenance, Task, Timeline
from videoexpert.video import DecoderName, VideoReader
from videoexpert.windows import WindowPlan, merge_moments, merge_saliency, plan_windows
from videoexpert.wording import WritingTokenizer, choice_question, located_question, open_question, plain

if TYPE_CHECKING:
    from videoexpert.nn.model import VideoExpert
    from videoexpert.viewing import Viewing

_WINDOWS = WindowOptions()
_GROUNDING = GroundingOptions()
_EVIDENCE = GroundingOptions(top_k=3)
_HIGHLIGHTS = HighlightOptions()
_GENERATION = GenerationOptions()


@dataclass(frozen=True, slots=True)
class Language:
    """What reads and writes words: the whole model, and the tokenizer that belongs to it."""

    model: "VideoExpert"
    tokenizer: WritingTokenizer


class Predictor:
    """A model that answers. name: what results say of where they come from.

    model, tokenizer: a VideoExpert and its tokenizer. Where a model locates by sight alone they may come later: model
    is then a Finder, and `language` loads both when something is first to be read or written.
    sentences: what reads words for the model's match channel, where it has one. batch: how many questions are put to
    the model at once; memory grows with it, results do not depend on it.
    """

    def __init__(
        self,
        model: Finder,
        tower: VisionTower,
        tokenizer: WritingTokenizer | None = None,
        *,
        name: str,
        sentences: Sentences | None = None,
        batch: int = 8,
        language: Callable[[], Language] | None = None,
    ) -> None:
        if (tokenizer is None) == (language is None):
            raise ValueError("a predictor needs a tokenizer, or else what loads the language model with one")
        self.name, self._sentences, self._batch = name, sentences, batch
        self._model, self._tokenizer, self._load = model.eval(), tokenizer, language
        self._encoder = VideoEncoder(tower.eval(), model.config.compressor, frames=model.config.frames)

    @property
    def config(self) -> VideoExpertConfig:
        """What the model is made of."""
        return self._model.config

    @property
    def finder(self) -> Finder:
        """The part of the model that is always loaded: all of it, where it does not locate by sight alone."""
        return self._model

    @cached_property
    def _language(self) -> Language:
        from videoexpert.nn.model import VideoExpert

        if self._load is not None:
            return self._load()
        assert isinstance(self._model, VideoExpert) and self._tokenizer is not None
        return Language(self._model, self._tokenizer)

    def encode(
        self,
        path: str | os.PathLike[str],
        *,
        windows: WindowOptions = _WINDOWS,
        decoder: DecoderName = "auto",
        reader: VideoReader | None = None,
        store: FeatureStore | None = None,
        on_step: OnStep = unheard,
    ) -> EncodedVideo:
        """Look at a video. The frames of one window are held at a time; what is kept is half a megabyte a window.

        reader: what reads the file, with its own limits and worker process; None starts one for this call. store: where
        what is seen is kept, so that nothing is decoded the next time; None keeps nothing.
        Raises VideoError and the reader's other errors, RequestError where the overlap is not less than the window.
        """
        with nullcontext(reader) if reader else VideoReader() as reader, memory_on(self._model.device):
            info = reader.probe(path)
            plan = self._plan(info.duration, windows)
            warnings = dict.fromkeys(info.warnings)
            features: list[FrameFeatures] = []
            for number, window in enumerate(plan.windows, start=1):
                within = partial(_within, on_step, number, len(plan.windows))
                span = None if len(plan.windows) == 1 else window
                seen = self._encoder.look(path, reader=reader, span=span, decoder=decoder, store=store, on_step=within)
                warnings |= dict.fromkeys(seen.warnings)
                features.append(seen.features)
        return EncodedVideo(info.source(), self.name, plan, tuple(features), tuple(warnings))

    def ground(
        self,
        video: EncodedVideo,
        queries: Sequence[str],
        *,
        options: GroundingOptions = _GROUNDING,
        on_step: OnStep = unheard,
    ) -> list[Timeline]:
        """When does each query happen? A timeline for each, its moments scored in [0, 1], best first.

        Nothing is generated: the temporal head answers "From [LOC]", the answer that the model was trained to give.
        Raises RequestError where a query is empty, too long or holds a mark of the model's own.
        """
        timelines = []
        for query, prompt, said in self._locate(video, queries, on_step):
            ranked = merge_moments(video.plan, [rank_moments(window) for window in said], iou=options.iou)
            best = select(ranked, top_k=options.top_k, min_score=self._least(options.min_score))
            timelines.append(replace(self._timeline(video, "ground", prompt, query=query), moments=best))
        return timelines

    def highlights(
        self,
        video: EncodedVideo,
        queries: Sequence[str | None] = (None,),
        *,
        options: HighlightOptions = _HIGHLIGHTS,
        on_step: OnStep = unheard,
    ) -> list[Timeline]:
        """Which parts matter, for each query, or, for None, in general? A timeline for each.

        Its saliency has a score in [0, 1] for every 2-second step of the video: the class scores that answer `ground`'s
        question. Its moments are the runs of steps near the peak, best first (`decode.salient_moments`).
        Raises RequestError as `ground` does.
        """
        timelines = []
        for query, prompt, said in self._locate(video, queries, on_step):
            saliency = merge_saliency(video.plan, said)
            runs = salient_moments(saliency, video.source.duration, ratio=options.ratio)
            best = select(runs, top_k=options.top_k, min_score=self._least(options.min_score))
            timeline = self._timeline(video, "highlights", prompt, query=query)
            timelines.append(replace(timeline, moments=best, saliency=saliency))
        return timelines

    def caption(
        self, video: EncodedVideo, *, options: GenerationOptions = _GENERATION, on_step: OnStep = unheard
    ) -> Timeline:
        """What happens, and when? A moment for each sentence, scored in [0, 1], in time order.

        No words are lost: what the model wrote without a time stands over the whole window, without a score, and a
        warning says so.
        """
        from videoexpert.describing import describe

        asked = open_question(captioning(), self._language.tokenizer)
        with self._viewing(video, on_step) as viewing:
            moments, warnings = describe(viewing, video.plan, asked, options)
        timeline = self._timeline(video, "caption", asked.shown, seed=options.drawn_with)
        return replace(timeline, moments=moments, warnings=timeline.warnings + warnings)

    def ask(
        self,
        video: EncodedVideo,
        questions: Sequence[str],
        *,
        choices: Sequence[str] = (),
        evidence: GroundingOptions = _EVIDENCE,
        options: GenerationOptions = _GENERATION,
        on_step: OnStep = unheard,
    ) -> list[Timeline]:
        """An answer to each question, and the moments it rests on, best first.

        choices: 2 to 26 texts to choose from, or none. With choices the answer is the likeliest letter where the model
        names its option, so there always is one. Without, the model writes, in the window with the best evidence.
        evidence: which moments are kept; options: how text is written. Raises RequestError as `ground` does, and for a
        wrong number of choices.
        """
        if len(choices) == 1 or len(choices) > 26:
            raise RequestError(f"a question has from 2 to 26 options, not {len(choices)}")
        from videoexpert.answering import choose_options, write_answers

        words = [plain(question) for question in questions]
        texts = [plain(choice) for choice in choices]
        tokenizer, loc_id = self._language.tokenizer, self.config.loc_id
        with self._viewing(video, on_step) as viewing:
            if texts:
                asked = [choice_question(question, texts, tokenizer) for question in words]
                answered = choose_options(viewing, asked, texts)
            else:
                turns = [asking(question) for question in words]
                asked = [open_question(turn, tokenizer, sought=one) for turn, one in zip(turns, words, strict=True)]
                located = [
                    located_question(turn, tokenizer, loc_id=loc_id, sought=one)
                    for turn, one in zip(turns, words, strict=True)
                ]
                answered = write_answers(viewing, located, asked, options)
        timelines = []
        for query, question, said in zip(questions, asked, answered, strict=True):
            ranked = merge_moments(video.plan, said.evidence, iou=evidence.iou)
            best = select(ranked, top_k=evidence.top_k, min_score=self._least(evidence.min_score))
            seed = None if texts else options.drawn_with
            timeline = self._timeline(video, "ask", question.shown, query=query, seed=seed)
            warnings = timeline.warnings + said.warnings
            timelines.append(replace(timeline, moments=best, answer=said.answer, warnings=warnings))
        return timelines

    def _plan(self, duration: float, windows: WindowOptions) -> WindowPlan:
        length = None if windows.whole else windows.length or self.config.trained_seconds
        if length is None:
            return plan_windows(duration, length=None)
        overlap = length / 4 if windows.overlap is None else windows.overlap
        if overlap >= length:
            raise RequestError(
                f"an overlap of {overlap:g} s is not less than the window, {length:g} s",
                hint="take a smaller overlap or a longer window",
            )
        return plan_windows(duration, length=length, overlap=overlap)

    def _locate(
        self, video: EncodedVideo, queries: Sequence[str | None], on_step: OnStep
    ) -> list[tuple[str | None, str | None, list[Located]]]:
        """For each query (None: in general): it, the prompt that is answered, and where each window has it."""
        words = [None if query is None else plain(query) for query in queries]
        if self._model.matches_alone:
            self._check(video)
            with memory_on(self._model.device), threads(1):
                found = Matching(self._model, video, sentences=self._sentences).find(words)
            return list(zip(queries, words, found, strict=True))
        turns = [grounding(HIGHLIGHTS if query is None else query) for query in words]
        tokenizer, loc_id = self._language.tokenizer, self.config.loc_id
        asked = [
            located_question(turn, tokenizer, loc_id=loc_id, sought=query)
            for turn, query in zip(turns, words, strict=True)
        ]
        with self._viewing(video, on_step) as viewing:
            found = viewing.locate(asked)
        return list(zip(queries, [question.shown for question in asked], found, strict=True))

    @contextmanager
    def _viewing(self, video: EncodedVideo, on_step: OnStep) -> Iterator["Viewing"]:
        from videoexpert.viewing import Viewing

        self._check(video)
        model, tokenizer = self._language.model, self._language.tokenizer
        with memory_on(model.device), on_free_cores(model.device):
            yield Viewing(model, tokenizer, video, sentences=self._sentences, batch=self._batch, on_step=on_step)

    def _check(self, video: EncodedVideo) -> None:
        if video.encoder != self.name:
            raise ValueError(f"the video was encoded by {video.encoder}, not by {self.name}")

    def _least(self, min_score: float | None) -> float:
        """The score that a moment must have: what was asked for, or else what the model is calibrated to."""
        if min_score is not None:
            return min_score
        return self.config.match.threshold if self.config.match is not None else 0.0

    def _timeline(
        self, video: EncodedVideo, task: Task, prompt: str | None, *, query: str | None = None, seed: int | None = None
    ) -> Timeline:
        origin = Provenance(self.name, prompt, video.plan.windows, seed)
        return Timeline(video.source, task, query=query, provenance=origin, warnings=video.warnings)


def _within(on_step: OnStep, window: int, windows: int, step: Step) -> None:
    """Pass on a step of one of the windows."""
    on_step(replace(step, window=window, windows=windows))


def load_predictor(
    model: str, *, device: DeviceName = "auto", dtype: DtypeName = "auto", attn: Attention = "sdpa", batch: int = 8
) -> Predictor:
    """The predictor of a model, given by its name or the path of its folder.

    The language model of one that locates by sight alone is loaded, and checked, when it is first needed.
    Raises CheckpointError where it is not there or not whole, DeviceError where the device is not there or cannot do
    what is asked, ExtraMissingError where flash attention is not installed.
    """
    folder = find_model(model)
    place = choose_device(device)
    numbers = choose_dtype(dtype, place, attn=attn)

    def language() -> Language:
        from videoexpert.checkpoint import load_model, load_tokenizer

        with memory_on(place):
            whole = load_model(folder, attn=attn, device=place, dtype=numbers)
        return Language(whole, load_tokenizer(folder, loc_id=whole.config.loc_id))

    with memory_on(place):
        finder = load_finder(folder, device=place)
        tower = load_vision(folder, attn=attn, device=place, dtype=numbers)
        sentences = load_sentences(folder, device=place)
    named = folder.resolve().name
    if finder is not None:
        return Predictor(finder, tower, name=named, sentences=sentences, batch=batch, language=language)
    loaded = language()
    return Predictor(loaded.model, tower, loaded.tokenizer, name=named, sentences=sentences, batch=batch)
