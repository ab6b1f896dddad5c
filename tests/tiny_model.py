"""A very small model for tests: random, or taught a few answers about one video; and as a model folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.utils.rnn import pad_sequence
from transformers import AddedToken, PreTrainedTokenizerFast

from videoexpert.checkpoint.tensors import StoredTensor
from videoexpert.checkpoint.writing import NewModel, write_model
from videoexpert.config import (
    IGNORED,
    LOC,
    CompressorConfig,
    ExpertConfig,
    LocatorConfig,
    VideoExpertConfig,
    VisionConfig,
)
from videoexpert.data.targets import loc_targets
from videoexpert.features import EncodedVideo
from videoexpert.nn.experts import merge_spatial
from videoexpert.nn.locator import time_grid
from videoexpert.nn.losses import MomentTargets
from videoexpert.nn.model import VideoExpert, build_model
from videoexpert.nn.vision import VisionTower, build_tower
from videoexpert.options import GenerationOptions
from videoexpert.predictor import Predictor
from videoexpert.prompts import BASED_ON, DESCRIPTION, EVIDENCE, GROUNDING, SYSTEM, TIMESTAMPS, Turn, build_prompt
from videoexpert.timeline import Span

NAME = "tiny"

SHORT = GenerationOptions(max_new_tokens=24)

NEAR = 0.25
"""Seconds by which what was taught may be missed: less than half of what a frame stands for."""

torch.set_num_threads(1)  # handing layers of this size to other threads costs more than they do


def about(start: float, end: float) -> tuple[object, object]:
    return pytest.approx(start, abs=NEAR), pytest.approx(end, abs=NEAR)


def ends(span: Span) -> tuple[float, float]:
    return span.start, span.end


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of the Llama kind: a few merges learnt from the prompts, bytes for everything else."""
    raw = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    raw.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first"), decoders.Fuse()]
    )
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=words, show_progress=False)
    texts = [
        SYSTEM,
        BASED_ON,
        *GROUNDING,
        *DESCRIPTION,
        *TIMESTAMPS,
        *EVIDENCE,
        "USER: ASSISTANT: From Option A B C D E",
    ]
    raw.train_from_iterator([*texts, *map(chr, range(33, 127))], trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>", clean_up_tokenization_spaces=False
    )
    tokenizer.add_tokens([AddedToken(LOC, lstrip=True, rstrip=True, normalized=False, special=False)])
    return tokenizer


def tiny_config(tokenizer: PreTrainedTokenizerFast, *, frames: int = 16, seconds: float = 150.0) -> VideoExpertConfig:
    llm = {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-6,
    }
    return VideoExpertConfig(
        llm=llm,
        loc_id=tokenizer.get_vocab()[LOC],
        frames=frames,
        trained_seconds=seconds,
        vision=VisionConfig(image_size=56, patch_size=14, hidden=32, layers=2, heads=2, intermediate=64, features=24),
        compressor=CompressorConfig(salient=3, uniform=5),
        experts=ExpertConfig(rank=4, alpha=8.0),
        locator=LocatorConfig(width=32),
    )


@dataclass(frozen=True)
class Parts:
    """What a predictor is made of."""

    model: VideoExpert
    tower: VisionTower
    tokenizer: PreTrainedTokenizerFast

    def predictor(self, *, batch: int = 8) -> Predictor:
        return Predictor(self.model, self.tower, self.tokenizer, name=NAME, batch=batch)


def tiny_parts(*, frames: int = 16, seconds: float = 150.0) -> Parts:
    """Random parts, the same ones each time."""
    tokenizer = tiny_tokenizer()
    config = tiny_config(tokenizer, frames=frames, seconds=seconds)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(config)
        with torch.no_grad():  # the experts start as nothing; here they matter
            for name, parameter in model.named_parameters():
                if name.endswith((".temporal.B", ".spatial.B")):
                    torch.nn.init.normal_(parameter, std=0.05)
        return Parts(model.eval(), build_tower(config.vision), tokenizer)


@dataclass(frozen=True)
class Lesson:
    """An answered turn and the spans, in seconds, that its [LOC]s mean."""

    turn: Turn
    spans: Sequence[Sequence[Span]]


def teach(parts: Parts, video: EncodedVideo, lessons: Sequence[Lesson], *, steps: int = 200) -> None:
    """Teach the model the answers about a video that was looked at in one piece, by the training loss, then merge."""
    (features,) = video.features
    prompts = [build_prompt([lesson.turn], parts.tokenizer) for lesson in lessons]
    ids = pad_sequence([torch.tensor(prompt.ids) for prompt in prompts], batch_first=True)
    labels = pad_sequence([torch.tensor(prompt.labels) for prompt in prompts], batch_first=True, padding_value=IGNORED)
    lengths = [len(prompt.ids) for prompt in prompts]
    visual = features.tokens.float().expand(len(prompts), -1, -1)
    grid, duration = time_grid(len(features.times)), video.source.duration
    targets = MomentTargets(*loc_targets([s for lesson in lessons for s in lesson.spans], duration=duration, grid=grid))
    optimiser = torch.optim.AdamW(parts.model.parameters(), lr=4e-3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(steps):
            loss = parts.model(ids, visual, lengths=lengths, labels=labels, targets=targets).loss
            optimiser.zero_grad()
            loss.total.backward()
            optimiser.step()
    merge_spatial(parts.model)


def write_tiny_model(folder: Path, *, frames: int = 16, seconds: float = 150.0) -> Path:
    """A model folder that holds everything, with random weights."""
    parts = tiny_parts(frames=frames, seconds=seconds)
    tensors = {name: StoredTensor.held(folder, value) for name, value in parts.model.named_parameters()}
    vision = {name: StoredTensor.held(folder, value) for name, value in parts.tower.network.named_parameters()}
    card = "# tiny\n\nRandom numbers, for tests.\n"
    write_model(NewModel(parts.model.config, tensors, vision, None, None, parts.tokenizer, card), folder)
    return folder
