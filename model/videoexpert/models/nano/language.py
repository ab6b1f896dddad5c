"""Training of nano's experts: the language model learns to read the frames and to answer as VideoExpert does."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from videoexpert.config import IGNORED
from videoexpert.models.nano.matching import OnLoss
from videoexpert.models.nano.timelines import TimelineMaker
from videoexpert.models.nano.words import Vocabulary, with_article
from videoexpert.nn.experts import hold_experts
from videoexpert.nn.model import VideoExpert
from videoexpert.nn.projector import Reading, SpellingProjector
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
_KIND = 0.4
_ALIKE = 0.3


@dataclass(frozen=True, slots=True)
class LanguageTraining:
    """steps of `batch` answers each, of which a part `choices` are choices and a part `open` are open answers; the
    others are captions. doubtful: see `TimelineMaker`. learning_rate: its highest; it rises for a twentieth of the
    steps and then falls.
    """

    steps: int = 400
    batch: int = 4
    choices: float = 0.2
    open: float = 0.1
    doubtful: float = 0.7
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
    assert isinstance(model.projector, SpellingProjector)
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
    device = model.device
    for step in range(options.steps):
        ids, labels, lengths, visual = _batch(model.projector, maker, words, tokenizer, options)
        losses = model(ids.to(device), visual.to(device), lengths=lengths, labels=labels.to(device)).loss
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        on_step(step + 1, losses.token.item())
    with torch.no_grad():
        model.get_parameter(row.tables["input"])[row.loc_id] = row.input.to(dtype)


def answer(shown: Sequence[Reading], choice: random.Random, words: Vocabulary, options: LanguageTraining) -> Turn:
    """A question about a video, with its answer, which repeats what the frames spell. shown: its shots, at least one,
    each with at least one class."""
    drawn = choice.random()
    if drawn < options.choices:
        texts = _options(shown, choice, words)
        order = choice.sample(range(_OPTIONS), _OPTIONS)
        question = choice.choice(CHOICE_QUESTIONS)
        return choosing(question, [texts[i] for i in order], correct=order.index(0), evidence=True, choice=choice)
    told = [" or ".join(with_article(words.names[index][0]) for index in shot.classes) for shot in shown]
    if drawn < options.choices + options.open:
        return asking(choice.choice(OPEN_QUESTIONS), answer=_listed(list(dict.fromkeys(told))))
    return captioning([f"{text}." for text in told], choice=choice)


def _options(shown: Sequence[Reading], choice: random.Random, words: Vocabulary) -> list[str]:
    """Options of which the first is shown: names of things, or kinds of them; some of the others are like it."""
    there = {index for shot in shown for index in shot.classes}
    meant = choice.choice(shown).classes[0]
    kinds = words.kinds_of(meant)
    true = choice.choice(kinds) if kinds and choice.random() < _KIND else words.names[meant][0]
    near = sorted({index for kind in kinds for index in words.kinds[kind]} - there)
    absent = [kind for kind, classes in words.kinds.items() if not classes & there]
    texts = [true]
    while len(texts) < _OPTIONS:
        if near and true not in kinds and choice.random() < _ALIKE:
            other = words.names[choice.choice(near)][0]
        elif choice.random() < _KIND:
            other = choice.choice(absent)
        else:
            index = choice.randrange(len(words.names))
            other = true if index in there or true in words.kinds_of(index) else words.names[index][0]
        if other not in texts:
            texts.append(other)
    return [with_article(text) for text in texts]


def _batch(
    projector: SpellingProjector,
    maker: TimelineMaker,
    words: Vocabulary,
    tokenizer: Tokenizer,
    options: LanguageTraining,
) -> tuple[Tensor, Tensor, tuple[int, ...], Tensor]:
    """ids and labels [B, L], their lengths, and visual features [B, T, D]."""
    prompts: list[Prompt] = []
    seen: list[Tensor] = []
    while len(prompts) < options.batch:
        logits = maker.logits(maker.draw())
        if shown := [shot for shot in projector.read(logits) if shot.classes]:
            prompts.append(build_prompt([answer(shown, maker.choice, words, options)], tokenizer))
            seen.append(maker.features(logits))
    ids = pad_sequence([torch.tensor(prompt.ids) for prompt in prompts], batch_first=True)
    labels = pad_sequence(
        [torch.tensor(prompt.labels) for prompt in prompts], batch_first=True, padding_value=float(IGNORED)
    )
    return ids, labels, tuple(len(prompt.ids) for prompt in prompts), torch.stack(seen)


def _listed(things: Sequence[str]) -> str:
    """ "A dog, a cat and an owl." """
    *most, last = things
    text = f"{', '.join(most)} and {last}" if most else last
    return f"{text[0].upper()}{text[1:]}."
