"""A run: what it trains and leaves alone, where it goes on, what it leaves out, when it ends."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_nano import write_nano_model
from training_videos import School

from videoexpert.checkpoint import load_model, load_tokenizer, load_vision
from videoexpert.config import LOC
from videoexpert.errors import DataError, OutputError, TrainingError
from videoexpert.features import FrameFeatures
from videoexpert.store import VideoEncoder
from videoexpert.timeline import Moment, Source, Span
from videoexpert.train.job import Job, gather_team
from videoexpert.train.log import read_metrics
from videoexpert.train.preparing import make_dataset
from videoexpert.train.reports import Evaluated, LeftOut, Started, Stepped
from videoexpert.video import VideoReader

MARKS = {"projector": ("projector.",), "experts": (".temporal.", ".spatial.", "locator.")}
TABLES = ("llm.model.embed_tokens.weight", "llm.lm_head.weight")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


class After:
    """Stops a run after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("stage", ["projector", "experts", "continue"])
@pytest.mark.parametrize("projector", [False, True])
def test_only_what_is_named_changes(school: School, tmp_path: Path, stage: str, projector: bool) -> None:
    job = school.job(tmp_path / "out", stage=stage, projector=projector, steps=3, lr=1e-2)
    _, heard = school.learn(job)
    (started,) = [report for report in heard if isinstance(report, Started)]
    before, after = weights(school.model), weights(job.out)
    assert before.keys() == after.keys()
    marks = MARKS["projector" if stage == "projector" else "experts"] + (("projector.",) if projector else ())
    trained = 0
    for name, value in before.items():
        if any(mark in name for mark in marks):
            assert not torch.equal(value, after[name]), name
            trained += value.numel()
        elif name in TABLES and stage != "projector":
            row = load_tokenizer(school.model, loc_id=job_loc(job)).get_vocab()[LOC]
            changed = (value != after[name]).any(dim=1).nonzero().flatten().tolist()
            assert changed == [row]
            trained += value.shape[1]
        else:
            assert value.numpy().tobytes() == after[name].numpy().tobytes(), name
    assert trained == sum(count for _, count in started.groups)
    for file in ("config.json", "tokenizer.json", "vision/model.safetensors"):
        assert (job.out / file).read_bytes() == (school.model / file).read_bytes()


def test_a_match_channel_learns_what_its_queries_mean(school: School, tmp_path: Path) -> None:
    """It learns beside the language model; its names, and what tells that nothing is there, stay as they are."""
    model = write_nano_model(tmp_path / "nano")
    job = replace(school.job(tmp_path / "out", steps=8, lr=1e-2, batch=8), model=model)
    _, heard = school.learn(job)
    losses = [report.losses.inside for report in heard if isinstance(report, Stepped)]
    assert losses[-1] < losses[0]
    before, after = weights(model), weights(job.out)
    changed = {name for name in before if name.startswith("match.") and not torch.equal(before[name], after[name])}
    assert {"match.rise.weight", "match.head.weight", "match.log_temperature"} <= changed
    assert not any(name.startswith(("match.names", "match.presence")) for name in changed)


def job_loc(job: Job) -> int:
    return load_model(job.model).config.loc_id


def test_a_run_that_was_stopped_goes_on_to_the_same_end(school: School, tmp_path: Path) -> None:
    options = {"steps": 6, "batch": 2, "accumulate": 2, "lr": 1e-2, "evaluate_every": 2}
    whole = school.job(tmp_path / "whole", validation=school.records[:3], **options)
    school.learn(whole)
    parts = school.job(tmp_path / "parts", validation=school.records[:3], **options)
    for steps in (1, 2, 2):
        ended, _ = school.learn(parts, resume=True, should_stop=After(steps))
        assert ended.ending == "interrupted" and not (parts.out / "config.json").exists()
    ended, _ = school.learn(parts, resume=True)
    assert ended.ending == "finished"
    for file in ("model.safetensors", "run/best.safetensors"):
        assert (parts.out / file).read_bytes() == (whole.out / file).read_bytes()
    logs = [
        [{key: cell for key, cell in row.items() if key != "per_second"} for row in read_metrics(job.folder)]
        for job in (whole, parts)
    ]
    assert logs[0] == logs[1] and len(logs[0]) == 6
    state = [load_file(job.folder / "state.safetensors") for job in (whole, parts)]
    assert state[0].keys() == state[1].keys() and all(torch.equal(state[0][name], state[1][name]) for name in state[0])


def test_a_finished_run_that_is_resumed_stays_as_it_is(school: School, tmp_path: Path) -> None:
    job = school.job(tmp_path / "out", steps=2)
    school.learn(job)
    before = (job.out / "model.safetensors").read_bytes()
    (job.out / "config.json").unlink()
    ended, _ = school.learn(job, resume=True)
    assert ended.ending == "finished" and (job.out / "model.safetensors").read_bytes() == before
    assert load_model(job.out) and load_vision(job.out)


def test_another_run_is_not_gone_on_with(school: School, tmp_path: Path) -> None:
    job = school.job(tmp_path / "out", steps=2)
    school.learn(job, should_stop=After(1))
    with pytest.raises(OutputError, match="exists already"):
        school.learn(job)
    with pytest.raises(TrainingError, match="it differs in lr, seed"):
        school.learn(replace(job, options=replace(job.options, lr=1.0, seed=3)), resume=True)
    with pytest.raises(TrainingError, match="it differs in the data"):
        school.learn(replace(job, sources=(school.records[1:],)), resume=True)
    (job.folder / "state.safetensors").write_bytes(b"half of it")
    with pytest.raises(TrainingError, match="is not the state of a training run"):
        school.learn(job, resume=True)


def test_what_cannot_be_learnt_from_is_left_out(school: School, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    good = school.records[0]
    unreadable = replace(
        good, timeline=replace(good.timeline, video=Source(str(tmp_path / "bad.mp4"), 8.0)), origin="x:7"
    )
    empty = replace(good, timeline=replace(good.timeline, moments=()), origin="x:8")
    late = replace(
        good,
        timeline=replace(
            good.timeline, video=replace(good.timeline.video, duration=90.0), moments=(Moment(Span(60, 70)),)
        ),
        origin="x:9",
    )
    job = replace(school.job(tmp_path / "out", steps=1), sources=((unreadable, good, empty, late),))
    _, heard = school.learn(job)
    why = [report.why for report in heard if isinstance(report, LeftOut)]
    assert [text.split(" ")[0] for text in why] == ["x:7:", "x:8:", "x:9:"]
    assert "bad.mp4" in why[0] and "no moment" in why[1] and "60-70 s lies outside the video" in why[2]
    (started,) = [report for report in heard if isinstance(report, Started)]
    assert (started.examples, started.left_out) == (1, 3)
    with pytest.raises(DataError, match=r"none of 1 records can be learnt from; x:7: .*bad\.mp4"):
        school.learn(replace(job, out=tmp_path / "other", sources=((unreadable,),)))


def test_it_ends_early_and_keeps_the_best(school: School, tmp_path: Path) -> None:
    """With a rate that destroys what was learnt nothing gets better after the first steps."""
    job = school.job(
        tmp_path / "out", validation=school.records, steps=60, lr=0.2, warmup=0.5, evaluate_every=1, patience=3
    )
    ended, heard = school.learn(job)
    evaluations = [report for report in heard if isinstance(report, Evaluated)]
    best = min(evaluations, key=lambda report: report.value)
    assert ended.ending == "early" and ended.step < 60 and ended.best == best.value
    assert [report.better for report in evaluations[-3:]] == [False] * 3 and best is evaluations[-4]
    best_weights, last_weights = load_file(job.folder / "best.safetensors"), load_file(job.folder / "state.safetensors")
    name = "model.locator.mlp.0.weight"
    assert torch.equal(weights(job.out)[name.removeprefix("model.")], best_weights[name])
    assert not torch.equal(best_weights[name], last_weights[f"weight/{name}"])


def test_nothing_is_decoded_in_the_loop(school: School, tmp_path: Path) -> None:
    """The dataset's second pass finds all that the first one saw, and starts no reader of videos."""
    team = gather_team(school.job(tmp_path / "out"))
    encoder = VideoEncoder(team.tower, team.model.config.compressor, frames=team.model.config.frames)
    with VideoReader() as reader:

        def features_of(path: str, span: Span | None) -> FrameFeatures:
            return encoder.look(path, reader=reader, span=span, store=school.store).features

        dataset = make_dataset([school.records], school.job(tmp_path / "out"), team, features_of)
        first = [dataset[draw] for draw in range(len(dataset))]
        reader.close()
        second = [dataset[draw] for draw in range(len(dataset), 2 * len(dataset))]
        assert reader.pid is None
    assert {lesson.origin for lesson in first} == {lesson.origin for lesson in second}


def test_miou_tells_which_weights_are_best(school: School, tmp_path: Path) -> None:
    job = school.job(tmp_path / "out", validation=school.records, steps=4, evaluate_every=2, metric="miou")
    ended, heard = school.learn(job)
    values = [report.value for report in heard if isinstance(report, Evaluated)]
    assert len(values) == 2 and ended.best == max(values) and all(0 <= value <= 100 for value in values)
    assert [row["val_miou"] for row in read_metrics(job.folder) if "val_miou" in row] == values


def test_a_run_leaves_a_log_to_look_at(school: School, tmp_path: Path) -> None:
    job = school.job(tmp_path / "out", steps=3, validation=school.records[:2])
    _, heard = school.learn(job)
    steps = [report for report in heard if isinstance(report, Stepped)]
    assert [row["loss"] for row in read_metrics(job.folder)] == [report.losses.total for report in steps]
    assert (job.folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((job.folder / "tensorboard").iterdir())) == 1
