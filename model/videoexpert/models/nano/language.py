"""Training of nano's experts: the language model learns to read the frames and to answer as VideoExpert does."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from videoexpert.config import IGNORED
from videoexpert.models.nano.matching import OnLoss, frames_of
from videoexpert.models.nano.timelines import DrawnTimeline, Event, TimelineMaker
from videoexpert.models.nano.words import Vocabulary
from videoexpert.nn.experts import hold_experts
from videoexpert.nn.model import VideoExpert
from videoexpert.nn.projector import PosteriorProjector
from videoexpert.prompts import Prompt, Tokenizer, Turn, asking, build_prompt, captioning, choosing
from videoexpert.train.trainable import LocRow

OPEN_QUESTIONS = (
    "what can be seen in the video?",
    "what does the video show?",
    "what is in this video?",
    "which things appear in the video?",
)
CHOICE_QUESTIONS = (
    "what can be seen in the video?",
    "which of these does the video show?",
    "what appears in the video?",
    "which of these things is in the video?",
)
_OPTIONS = 4
_SURE = 0.1
_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class LanguageTraining:
    """steps of `batch` answers each, of which a part `choices` are choices and a part `open` are open answers; the
    others are captions. learning_rate: its highest; it rises for a twentieth of the steps and then falls.
    """

    steps: int = 450
    batch: int = 4
    choices: float = 0.1
    open: float = 0.1
    learning_rate: float = 1e-3


def train_language(
    model: VideoExpert,
    maker: TimelineMaker,
    words: Vocabulary,
    tokenizer: Tokenizer,
    options: LanguageTraining,
    *,
    dtype: torch.dtype,
    on_step: OnLoss,
) -> None:
    """Teach the experts and the row of `[LOC]`. dtype: what the base computes in, which stays so afterwards."""
    model.requires_grad_(False)
    nn.Module.to(model.llm, dtype)
    model.projector.to(dtype)
    assert isinstance(model.projector, PosteriorProjector)
    model.projector.sharpness = 1.0  # drawn timelines are as clear as they are
    hold_experts(model, torch.float32)
    row = LocRow(model)
    trained = [p for n, p in model.named_parameters() if ".temporal." in n or ".spatial." in n]
    trained += list(row.parameters())
    for parameter in trained:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.steps, pct_start=0.05
    )
    model.train()
    for step in range(options.steps):
        ids, labels, lengths, visual = _batch(maker, words, tokenizer, options)
        losses = model(ids, visual, lengths=lengths, labels=labels).loss
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        on_step(step + 1, losses.token.item())
    with torch.no_grad():
        model.get_parameter(row.tables["input"])[row.loc_id] = row.input.to(dtype)


def answer(
    timeline: DrawnTimeline,
    seen: Sequence[Event],
    maker: TimelineMaker,
    words: Vocabulary,
    options: LanguageTraining,
) -> Turn:
    """A question about a timeline, with its answer, which speaks of the events that can be `seen`, at least one."""
    choice, drawn = maker.choice, maker.choice.random()
    shown = [words.names[event.index][0] for event in seen]
    if drawn < options.choices:
        texts = [_some(choice.choice(shown))]
        while len(texts) < _OPTIONS:
            index = choice.randrange(len(words.names))
            if all(index != event.index for event in timeline.events):
                texts.append(_some(words.names[index][0]))
        order = choice.sample(range(_OPTIONS), _OPTIONS)
        question = choice.choice(CHOICE_QUESTIONS)
        return choosing(question, [texts[i] for i in order], correct=order.index(0), evidence=True, choice=choice)
    if drawn < options.choices + options.open:
        return asking(choice.choice(OPEN_QUESTIONS), answer=_listed([_some(name) for name in shown]))
    return captioning([f"{_some(name)}." for name in shown], choice=choice)


def visible(timeline: DrawnTimeline, logits: Tensor) -> list[Event]:
    """The events that are long and clear enough to be told: who learns to tell others learns to guess."""
    chances = logits.softmax(dim=-1)
    told = []
    for event in timeline.events:
        frames = frames_of([event], len(logits)).bool()
        if int(frames.sum()) >= _SHORTEST and float(chances[frames, event.index].mean()) >= _SURE:
            told.append(event)
    return told


def _batch(
    maker: TimelineMaker, words: Vocabulary, tokenizer: Tokenizer, options: LanguageTraining
) -> tuple[Tensor, Tensor, tuple[int, ...], Tensor]:
    """ids and labels [B, L], their lengths, and visual features [B, T, D]."""
    prompts: list[Prompt] = []
    seen: list[Tensor] = []
    while len(prompts) < options.batch:
        timeline = maker.draw()
        logits = maker.logits(timeline)
        if told := visible(timeline, logits):
            prompts.append(build_prompt([answer(timeline, told, maker, words, options)], tokenizer))
            seen.append(maker.features(logits))
    ids = pad_sequence([torch.tensor(prompt.ids) for prompt in prompts], batch_first=True)
    labels = pad_sequence(
        [torch.tensor(prompt.labels) for prompt in prompts], batch_first=True, padding_value=float(IGNORED)
    )
    return ids, labels, tuple(len(prompt.ids) for prompt in prompts), torch.stack(seen)


def _some(name: str) -> str:
    """ "a dog", "an owl"."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _listed(things: Sequence[str]) -> str:
    """ "A dog, a cat and an owl." """
    *most, last = things
    text = f"{', '.join(most)} and {last}" if most else last
    return f"{text[0].upper()}{text[1:]}."
