"""Comparisons with numbers of the published model that need no language model; `conformance_videoexpert` runs them."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoexpert.checkpoint.tokenizers import import_tokenizer
from videoexpert.config import CompressorConfig, Variant
from videoexpert.data.targets import loc_targets
from videoexpert.nn.compressor import (
    anchor_frames,
    centre_indices,
    cluster_labels,
    group_starts,
    patch_frames,
    spatial_compress,
)
from videoexpert.nn.locator import time_grid
from videoexpert.nn.losses import LossWeights, MomentLosses, MomentTargets, moment_losses
from videoexpert.prompts import Turn, build_prompt, captioning, choosing, dialogue_text, grounding, located_dialogue
from videoexpert.timeline import Span

FRAMES = 100
VARIANTS: tuple[tuple[Variant, str], ...] = (
    ("class_pool", "out_compress_class_pool"),
    ("mean_pool", "out_mean_pool"),
    ("compress_pool", "out_compress_pool"),
)


@dataclass(frozen=True)
class Case:
    """One comparison. error: the largest one, relative where the expected value is above 1."""

    name: str
    error: float
    tolerance: float

    @property
    def good(self) -> bool:
        return self.error <= self.tolerance


Arrays = dict[str, Tensor]


def load(path: Path) -> Arrays:
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file}


def error(ours: Tensor | float, theirs: Tensor | float) -> float:
    first, second = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (ours, theirs))
    if first.shape != second.shape:
        return float("inf")
    if not first.numel():
        return 0.0
    return float(((first - second).abs() / second.abs().clamp(min=1)).max())


def same(ours: object, theirs: object) -> float:
    return 0.0 if ours == theirs else float("inf")


def compress_cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("compress/*.npz")):
        arrays = load(path)
        features = arrays["features_q"].float() / 32
        cls, frames = features[:, :, 0], features.shape[1]
        for variant, key in VARIANTS:
            if key in arrays:
                config = CompressorConfig(variant=variant)
                patches = features[:, patch_frames(frames, config), 1:]
                yield Case(f"{path.stem} {variant}", error(spatial_compress(cls, patches, config), arrays[key]), 1e-5)
        config = CompressorConfig()
        yield Case(f"{path.stem} anchors", same(list(anchor_frames(frames, config)), arrays["cls_frame"].tolist()), 0)
        starts = [list(group_starts(frames, config))] * len(cls)
        yield Case(f"{path.stem} starts", same(starts, arrays["group_start"].tolist()), 0)
        groups = features[:, patch_frames(frames, config), 1:].reshape(len(cls), 4, 3, *features[0, 0, 1:].shape)
        centres = centre_indices(groups, cls[:, anchor_frames(frames, config)], config)
        yield Case(f"{path.stem} centres", error(centres, arrays["center_idx"]), 0)
        labels = cluster_labels(groups, groups[:, :, 0].take_along_dim(centres[..., None], dim=2))
        yield Case(f"{path.stem} labels", error(labels, arrays["labels"]), 0)


def target_cases(folder: Path) -> Iterator[Case]:
    if not (folder / "targets.json").exists():
        return
    arrays, grid = load(folder / "targets.npz"), time_grid(FRAMES)
    yield Case("grid", error(grid[:, None].expand(-1, 2), arrays["grid"]), 1e-7)
    for case in json.loads((folder / "targets.json").read_text()):
        spans = [Span(*window) for window in case["windows"]]
        locs = [[span] for span in spans] if "per window" in case["mode"] else [spans]
        nearest, inside = loc_targets(locs, duration=case["duration"], grid=grid)
        yield Case(f"{case['name']} nearest", error(nearest, arrays[f"{case['name']}/nn"]), 1e-6)
        yield Case(f"{case['name']} inside", error(inside, arrays[f"{case['name']}/valid"]), 0)


def loss_cases(folder: Path) -> Iterator[Case]:
    if not (folder / "losses.npz").exists():
        return
    arrays = load(folder / "losses.npz")
    for name in sorted({key.split("/")[0] for key in arrays}):
        case = {key.split("/")[1]: value for key, value in arrays.items() if key.startswith(f"{name}/")}
        windows = time_grid(FRAMES)[:, None] + case["offsets"]
        losses = moment_losses(case["class_prob"], windows, MomentTargets(case["nn"], case["valid"]))
        yield from (Case(f"{name} {part}", *rest) for part, *rest in loss_errors(losses, case))


def loss_errors(losses: MomentLosses, case: Arrays) -> Iterator[tuple[str, float, float]]:
    yield "f", error(losses.inside, case["loss_f"]), 1e-4
    # The published code divides nothing by nothing where no frame is inside; 0 is what is asked for there.
    expected = {key: torch.nan_to_num(case[key], nan=0.0) for key in ("loss_b", "loss_g")}
    yield "b", error(losses.border, expected["loss_b"]), 1e-4
    yield "g", error(losses.overlap, expected["loss_g"]), 1e-4
    total = 2 * case["loss_f"] + 5 * expected["loss_b"] + 2 * expected["loss_g"]
    yield "total", error(losses.total(LossWeights()), total), 1e-4


def dataset_cases(folder: Path) -> Iterator[Case]:
    path = folder / "datasets.json"
    for kind, cases in json.loads(path.read_text()).items() if path.exists() else ():
        for number, case in enumerate(cases):
            given, expected = case["input"], case["output"]
            turns, locs, duration = READERS[kind](given, random.Random(case["prompt_choice_seed"]))
            messages = [
                {"from": speaker, "value": text}
                for turn in turns
                for speaker, text in (("human", turn.question), ("gpt", turn.answer))
            ]
            yield Case(f"{kind} {number} words", same(messages, expected["conversations"]), 0)
            _, inside = loc_targets(locs, duration=duration, grid=time_grid(FRAMES))
            edges = [[frames.nonzero()[0].item(), frames.nonzero()[-1].item()] for frames in inside]
            yield Case(f"{kind} {number} counts", same(inside.sum(1).tolist(), expected["n_valid"]), 0)
            yield Case(f"{kind} {number} edges", same(edges, expected["first_last_valid"]), 0)


Read = tuple[list[Turn], list[list[Span]], float]


def _pretrain(given: Any, choice: random.Random) -> Read:
    texts = [message["value"] for message in given["conversations"]]
    turns, names = located_dialogue(list(zip(texts[::2], texts[1::2], strict=True)))
    meta = given.get("meta", {"token": {}, "duration": 1.0})
    return turns, [[Span(meta["token"][start], meta["token"][end])] for start, end in names], meta["duration"]


def _temploc(given: Any, choice: random.Random) -> Read:
    windows = [Span(*window) for window in given["relevant_windows"]]
    return [grounding(given["query"], answered=True, choice=choice)], [windows], given["duration"]


def _dvc(given: Any, choice: random.Random) -> Read:
    windows = [[Span(*window)] for window in given["timestamps"]]
    return [captioning(given["sentences"], choice=choice)], windows, given["duration"]


def _nextqa(given: Any, choice: random.Random) -> Read:
    options = [given[f"a{index}"] for index in range(given["num_option"])]
    windows = [Span(*window) for window in given.get("timestamps", ())]
    turn = choosing(given["question"], options, correct=int(given["answer"]), evidence=bool(windows), choice=choice)
    return [turn], [windows] if windows else [], given.get("duration", 1.0)


READERS: dict[str, Callable[[Any, random.Random], Read]] = {
    "pretrain": _pretrain,
    "temploc": _temploc,
    "dvc": _dvc,
    "nextqa": _nextqa,
}


def prompt_cases(folder: Path, tokenizer: Path | None) -> Iterator[Case]:
    path = folder / "prompt_facts.json"
    if not path.exists():
        return
    facts = json.loads(path.read_text())
    question = facts["prompt_generate"].split("USER: ")[1].removesuffix(" ASSISTANT:")
    turn = Turn(question, "From [LOC].")
    yield Case("training text", same(dialogue_text([turn], end="</s>"), facts["prompt_train"]), 0)
    yield Case("generation text", same(dialogue_text([Turn(question)], end="</s>"), facts["prompt_generate"]), 0)
    if tokenizer is None:
        print("NOT COMPARED: the ids of prompts, for want of Llama's tokenizer (--tokenizer DIR)")
        return
    expected = facts["legacy_false"]
    llama = import_tokenizer(tokenizer, loc_id=expected["loc_ids"][0])
    if build_prompt([turn], llama).ids != tuple(expected["input_ids"]):
        expected = facts["legacy_true"]
    prompt = build_prompt([turn], llama)
    yield Case("training ids", same(list(prompt.ids), expected["input_ids"]), 0)
    yield Case("training labels", same(list(prompt.labels), expected["labels"]), 0)
    asked = build_prompt([Turn(question)], llama)
    yield Case("generation ids", same(list(asked.ids), expected["generate_input_ids"]), 0)
    yield Case("placeholder", same(len(asked.prefix) - 1, expected["placeholder"]), 0)
