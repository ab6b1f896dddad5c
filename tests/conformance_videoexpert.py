"""Compare the model with numbers of the published one: `python tests/conformance_videoexpert.py DIR`.

DIR: a folder with compress/, forward/, generate/, ckpt_*/, losses.npz, targets.*, datasets.json, prompt_facts.json, any
of which may be missing. Prints each case with its largest error; exits 1 where one is above its tolerance.
`--tokenizer DIR` gives a folder with Llama's tokenizer, without which the ids of prompts are not compared.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from conformance_parts import (
    FRAMES,
    Arrays,
    Case,
    compress_cases,
    dataset_cases,
    error,
    load,
    loss_cases,
    loss_errors,
    prompt_cases,
    same,
    target_cases,
)
from published import CONV_HEADS, complete
from torch import Tensor

from videoexpert.checkpoint import import_published, load_model
from videoexpert.config import VIDEO_ID
from videoexpert.nn.compressor import patch_frames
from videoexpert.nn.experts import decoder_layers
from videoexpert.nn.generation import Generated, generate, prefill, read
from videoexpert.nn.losses import LossWeights, MomentTargets, all_losses
from videoexpert.nn.model import ModelOutput, VideoExpert
from videoexpert.options import GenerationOptions

PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "videoexpert"
NEW_TOKENS = 12
STOP = 2


class Models:
    """The checkpoints of a folder, imported once each; merged and not."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder, self._work = folder, work
        self._loaded: dict[tuple[str, bool], VideoExpert] = {}

    def get(self, name: str, *, merged: bool) -> VideoExpert:
        if (name, merged) not in self._loaded:
            out = self._work / name / "model"
            if not out.exists():
                files = complete(self._folder / f"ckpt_{name}", self._work / name, heads=self._heads())
                import_published(files, out)
            self._loaded[name, merged] = load_model(out, dtype=torch.float32, merge=merged)
        return self._loaded[name, merged]

    def _heads(self) -> Path:
        """A checkpoint with convolutional heads: only one of the published vectors has them."""
        for place in (self._folder, self._folder.parent / "public", PUBLIC):
            file = place / "ckpt_mha" / "expert" / "non_lora_trainables.bin"
            if file.exists() and any(CONV_HEADS in name for name in torch.load(file, weights_only=True)):
                return place / "ckpt_mha"
        raise SystemExit("no checkpoint with convolutional heads was found")


def forward_cases(folder: Path, models: Models) -> Iterator[Case]:
    for path in sorted(folder.glob("forward/*.npz")):
        for merged in (False, True):
            name = f"{path.stem}{' merged' if merged else ''}"
            model = models.get(path.stem.split("_")[0], merged=merged)
            for part, *rest in _forward(model, load(path)):
                yield Case(f"{name} {part}", *rest)


@torch.no_grad()
def _forward(model: VideoExpert, case: Arrays) -> Iterator[tuple[str, float, float]]:
    visual = _visual(model, case)
    if "compressed_tokens" in case:
        yield "compressed", error(visual[:, FRAMES:, ::8], case["compressed_tokens"]), 1e-5
    ids, labels, lengths = case["input_ids"].long(), case["labels"].long(), case["attention_mask"].sum(1).tolist()
    targets = None
    if "span_label_nn" in case:
        targets = MomentTargets(case["span_label_nn"], case["timestamp_window"])
    assembled = model.assemble(ids, visual, lengths=lengths)
    used = torch.arange(max(assembled.layout.lengths)) < torch.tensor(assembled.layout.lengths)[:, None]
    with _first_layer(model) as seen:
        output = model(ids, visual, lengths=lengths, labels=labels, targets=targets)
    eighth = used[:, ::8]
    yield "embeddings", error(assembled.embeds[:, ::8][eighth], case["inputs_embeds"][eighth]), 1e-4
    yield "first layer", error(seen[0][:, ::8][eighth], case["layer1_hidden"][eighth]), 1e-4
    yield "hidden", error(output.hidden[used], case["last_hidden"][used]), 1e-4
    places = case["logits_pos"].long()
    there = used[:, places]
    yield "logits", error(model.logits(output.hidden[:, places])[there], case["logits"][there]), 1e-4
    assert output.loss is not None
    yield "ce", error(output.loss.token, case["ce_loss"]), 1e-4
    yield "total", error(output.loss.total, case["total_loss"]), 1e-4
    if "loc_batch" in case:
        yield from _located(model, output, case)
        halved = all_losses(output.loss.token, output.located, targets, LossWeights(token=0.5, moment=2.0))
        yield "weighted total", error(halved.total, case["total_loss_ce0.5_det2"]), 1e-4


def _visual(model: VideoExpert, case: Arrays) -> Tensor:
    if "features_q" in case:
        return case["features_q"].float() / 4
    patches = (case["frames_patches_q"].float() / 32)[case["frames_src"].long()]
    read_frames = list(patch_frames(FRAMES, model.config.compressor))
    return model.compress(case["frames_cls_q"].float()[None] / 32, patches[None, read_frames])


@contextmanager
def _first_layer(model: VideoExpert) -> Iterator[list[Tensor]]:
    """Collects what the first layer gives in the block."""
    seen: list[Tensor] = []
    hook = decoder_layers(model.llm)[0].register_forward_hook(lambda _, __, out: seen.append(out))
    yield seen
    hook.remove()


def _located(model: VideoExpert, output: ModelOutput, case: Arrays) -> Iterator[tuple[str, float, float]]:
    assert output.located is not None
    positions = output.layout.predictors(output.loc_samples, output.loc_indices)
    yield "loc sample", error(output.loc_samples, case["loc_batch"]), 0
    yield "loc index", error(output.loc_indices, case["loc_input_index"]), 0
    yield "loc position", error(positions, case["loc_hidden_pos"]), 0
    locs = model.locator.embed(output.hidden[output.loc_samples, positions])
    yield "loc embedding", error(locs, case["loc_embed"]), 1e-4
    frames = model.locator.embed(output.layout.rows.take(output.hidden)[output.loc_samples[0], ::10])
    yield "frame embedding", error(frames, case["frame_embed_sample"]), 1e-4
    located = output.located
    yield "class logits", error(located.class_logits, case["pred_class_logit"]), 1e-4
    yield "span logits", error(located.span_logits, case["pred_span_raw"]), 1e-4
    yield "scores", error(located.scores, case["pred_class"]), 1e-4
    yield "offsets", error(located.offsets, case["pred_offsets"]), 1e-4
    yield "windows", error(located.windows, case["pred_spans"]), 1e-4
    assert output.loss is not None and output.loss.moments is not None
    yield from loss_errors(output.loss.moments, case)


def generate_cases(folder: Path, models: Models) -> Iterator[Case]:
    for path in sorted(folder.glob("generate/*.npz")):
        case = load(path)
        model = models.get(path.stem.split("_")[0], merged=True)
        ids, visual = case["input_ids"][0].long(), case["features_q"][0].float() / 4
        cut = ids.tolist().index(VIDEO_ID) + 1
        prefix = prefill(model, ids[:cut], visual)
        options = GenerationOptions(max_new_tokens=NEW_TOKENS)
        written = generate(model, prefix, [ids[cut:]], options, stop_ids=(STOP,))[0]
        yield Case(f"{path.stem} ids", same(list(written.ids), case["generated_ids"].tolist()), 0)
        text = torch.cat((ids[cut:], case["generated_ids"].long()))
        states = read(model, prefix, [text])[0].predictors[len(ids) - cut :]
        yield Case(f"{path.stem} logits", error(model.logits(states), case["step_logits"]), 1e-4)
        if "loc_pred_class" in case:
            yield from (Case(f"{path.stem} {part}", *rest) for part, *rest in _generated_locs(written, case))


def _generated_locs(written: Generated, case: Arrays) -> Iterator[tuple[str, float, float]]:
    assert written.located is not None
    yield "loc index", same(list(written.loc_indices), case["loc_generated_index"].tolist()), 0
    yield "scores", error(written.located.scores, case["loc_pred_class"]), 1e-4
    yield "offsets", error(written.located.offsets, case["loc_pred_offsets"]), 1e-4
    yield "windows", error(written.located.windows, case["loc_pred_spans"]), 1e-4


def run(folder: Path, *, tokenizer: Path | None = None) -> Iterator[Case]:
    """All cases of a folder, one after the other."""
    with tempfile.TemporaryDirectory() as work:
        models = Models(folder, Path(work))
        parts: dict[str, Iterator[Case]] = {
            "compress": compress_cases(folder),
            "targets": target_cases(folder),
            "losses": loss_cases(folder),
            "datasets": dataset_cases(folder),
            "prompts": prompt_cases(folder, tokenizer),
            "forward": forward_cases(folder, models),
            "generate": generate_cases(folder, models),
        }
        for part, cases in parts.items():
            for case in cases:
                yield Case(f"{part}: {case.name}", case.error, case.tolerance)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = []
    for case in run(given.folder, tokenizer=given.tokenizer):
        cases.append(case)
        print(f"{'ok  ' if case.good else 'MISS'} {case.error:8.1e} of {case.tolerance:7.0e}  {case.name}", flush=True)
    missed = sum(not case.good for case in cases)
    print(f"{len(cases)} cases, {missed} missed")
    return 1 if missed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
