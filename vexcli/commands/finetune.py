"""`vex finetune`: fit a model to one's own videos."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vexcli.asking import DeviceChoice, open_store
from vexcli.console import Console
from vexcli.errors import EXIT_INTERRUPTED, InputError, UsageError
from vexcli.options import AsJson, NoCache
from vexcli.pulling import Offline, ensure_model
from vexcli.recipe import is_recipe, train_recipe
from vexcli.settings import DEFAULT_MODEL
from vexcli.training import Follower, Stop, estimate_rows

if TYPE_CHECKING:
    from videoexpert.data.records import Record
    from videoexpert.store import FeatureStore
    from videoexpert.train.job import Job

StageChoice = Literal["projector", "experts", "continue"]
MetricChoice = Literal["loss", "miou"]
PrecisionChoice = Literal["auto", "bf16", "fp32"]


def _recipe(*names: str, help: str, **more: Any) -> Any:
    """An option that stands above the recipe's, where it is given; the recipe's default is in its help."""
    return typer.Option(*names, help=help, show_default=False, **more)


Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...", help="Annotations of any known format (see `vex data`), or -; or one recipe of nano."
    ),
]
Model = Annotated[str, typer.Option("--model", "-m", help="The model to begin with: a name or a folder.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder of the new model.")]
Val = Annotated[
    str | None,
    typer.Option("--val", metavar="FILE", help="Annotations that tell which weights are best."),
]
Videos = Annotated[
    Path | None,
    typer.Option("--videos", metavar="DIR", help="Where the videos are; by default beside the data."),
]
Weights = Annotated[
    list[float] | None,
    typer.Option("--weight", metavar="N", help="How often each DATA is drawn from; one for each."),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A recipe: a YAML file of these options.")
]
StageOption = Annotated[
    StageChoice | None,
    _recipe(
        "--stage",
        help="projector: that alone. experts: new experts, a new head. continue: the same, from what the model has "
        "(the default).",
    ),
]
Epochs = Annotated[float | None, _recipe("--epochs", help="Passes over the data (3).")]
Steps = Annotated[int | None, _recipe("--steps", help="Steps, instead of --epochs.")]
BatchSize = Annotated[int | None, _recipe("--batch", help="Examples computed at once in each process (4).")]
Accumulate = Annotated[int | None, _recipe("--accumulate", help="Such batches for one step (1).")]
Rate = Annotated[float | None, _recipe("--lr", help="The highest learning rate (1e-4).")]
Warmup = Annotated[float | None, _recipe("--warmup", help="Part of the steps in which the rate rises (0.03).")]
Dropout = Annotated[float | None, _recipe("--dropout", help="Of the experts' inputs; the model's own by default.")]
TrainProjector = Annotated[
    bool | None, _recipe("--train-projector/--no-train-projector", help="Train the projector with the experts.")
]
Checkpointing = Annotated[
    bool | None, _recipe("--checkpointing/--no-checkpointing", help="Hold less memory, take more time.")
]
PrecisionOption = Annotated[PrecisionChoice | None, _recipe("--precision", help="bf16 where the GPU has it (auto).")]
MetricOption = Annotated[MetricChoice | None, _recipe("--metric", help="What tells which weights are best (loss).")]
EvaluateEvery = Annotated[int | None, _recipe("--evaluate-every", metavar="STEPS", help="By default every epoch.")]
SaveEvery = Annotated[int | None, _recipe("--save-every", metavar="STEPS", help="What --resume may lose (100).")]
Patience = Annotated[
    int | None, _recipe("--patience", metavar="N", help="End after N evaluations that found nothing better.")
]
Seed = Annotated[int | None, _recipe("--seed", help="The same seed gives the same run (0).")]
Device = Annotated[DeviceChoice, typer.Option("--device", help="Where it runs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would take; train nothing.")]


def finetune(
    context: typer.Context,
    data: Data,
    out: Out,
    model: Model = DEFAULT_MODEL,
    val: Val = None,
    videos: Videos = None,
    weight: Weights = None,
    config: Config = None,
    stage: StageOption = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: BatchSize = None,
    accumulate: Accumulate = None,
    lr: Rate = None,
    warmup: Warmup = None,
    dropout: Dropout = None,
    projector: TrainProjector = None,
    checkpointing: Checkpointing = None,
    precision: PrecisionOption = None,
    metric: MetricOption = None,
    evaluate_every: EvaluateEvery = None,
    save_every: SaveEvery = None,
    patience: Patience = None,
    seed: Seed = None,
    device: Device = "auto",
    offline: Offline = False,
    no_cache: NoCache = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Fit a model to your own videos.

    The new model's folder is one that every command takes as --model; its folder run/ holds the run: recipe.yaml,
    metrics.csv, loss.png, TensorBoard's events, and the state that --resume goes on from. Ctrl-C saves and ends.

    \b
    Examples:
      vex finetune train.jsonl --val val.jsonl --model videoexpert-7b --out tuned
      vex finetune train.jsonl --out tuned --epochs 5 --lr 2e-4 --dry-run
      vex finetune train.jsonl --out tuned --resume
      vex finetune model/videoexpert/models/nano/recipe.yaml --out nano-again
      accelerate launch --num_processes 4 -m vexcli finetune train.jsonl --out tuned
    """
    console = Console.of(context)
    if os.environ.get("RANK", "0") != "0":
        console.quiet = True  # of several processes one speaks
    if as_json and not dry_run:
        raise UsageError("--json goes with --dry-run")
    if is_recipe(data):
        train_recipe(context, data, out, offline=offline, dry_run=dry_run)
        return
    from videoexpert.train.options import OPTION_NAMES, make_options

    given = {name: value for name, value in context.params.items() if name in OPTION_NAMES and value is not None}
    options = make_options(given | ({"weights": tuple(weight)} if weight else {}), recipe=config)
    ensure_model(console, model, offline=offline)
    sources = tuple(_read(console, file, videos) for file in data)
    from videoexpert.hub import find_model
    from videoexpert.train.job import Job, check_out

    job = Job(find_model(model), out, sources, options, _read(console, val, videos) if val else (), device)
    store = None if no_cache else open_store(console)
    if dry_run:
        _say_estimate(console, job, store, as_json=as_json)
    else:
        check_out(job, resume=resume)
        _train(console, job, store, resume=resume)


def _read(console: Console, file: str, videos: Path | None) -> "tuple[Record, ...]":
    """The records of a file; what is wrong with others is said and counted."""
    from videoexpert.data.reading import read_records

    read = read_records([file], videos=videos)
    for problem in read.problems:
        (console.failure if problem.severity == "error" else console.warning)(str(problem))
    if read.errors:
        what = "1 problem" if len(read.errors) == 1 else f"{len(read.errors)} problems"
        console.note(f"{file}: {what} by which something is left out; see `vex data check`")
    if not read.records:
        raise InputError(f"{file}: holds no record to learn from", hint="`vex data check` says more")
    return read.records


def _say_estimate(console: Console, job: "Job", store: "FeatureStore | None", *, as_json: bool) -> None:
    from dataclasses import asdict

    from videoexpert.train.estimate import estimate

    with console.progress("measuring", total=None):
        found = estimate(job, store=store)
    if as_json:
        console.json(asdict(found) | {"memory": found.memory, "seconds": found.seconds})
    else:
        console.table(("", ""), estimate_rows(found))


def _train(console: Console, job: "Job", store: "FeatureStore | None", *, resume: bool) -> None:
    """Train; a run that was asked to stop has saved itself when this ends with the signal's exit code."""
    from videoexpert.train.run import finetune as run

    stop = Stop(console)
    follower = Follower(console, on_start=stop.listen)
    try:
        ended = run(job, store=store, resume=resume, on_report=follower, should_stop=stop.wanted)
    finally:
        follower.close()
        stop.deafen()
    if ended.ending == "interrupted":
        console.note("--resume goes on")
        raise typer.Exit(128 + stop.signal if stop.signal else EXIT_INTERRUPTED)
    if os.environ.get("RANK", "0") == "0":
        console.data(str(job.out))
