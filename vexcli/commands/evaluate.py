"""`vex evaluate`: how good are predictions?"""

from typing import Annotated

import typer

from vexcli.asking import DeviceChoice, DtypeChoice
from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.options import AsJson, Decoder, NoCache, Overwrite
from vexcli.predicting import Running, score_records
from vexcli.pulling import Offline
from vexcli.scoring import Asked, Report, score_files, show, write_samples

Many = list[str] | None
Predictions = Annotated[
    Many, typer.Option("--predictions", "-p", metavar="FILE", help="Predictions to score. Repeatable.")
]
TruthFiles = Annotated[
    Many,
    typer.Option("--annotations", "-a", metavar="FILE", help="The benchmark's own annotations. Repeatable."),
]
BenchmarkName = Annotated[
    str | None,
    typer.Option(
        "--benchmark", "-b", metavar="NAME", help="qvhighlights, charades-sta, activitynet, youcook2 or nextgqa."
    ),
]
TaskName = Annotated[str | None, typer.Option("--task", "-t", help="ground, highlights, caption or ask.")]
ModelName = Annotated[str | None, typer.Option("--model", "-m", help="A model to ask, by name or folder.")]
Data = Annotated[
    Many,
    typer.Option("--data", "-d", metavar="FILE", help="Annotations of any format, such as vex results. Repeatable."),
]
VideoDir = Annotated[
    str | None, typer.Option("--videos", metavar="DIR", help="Where the videos of --data are; beside it without this.")
]
ProtocolOptions = Annotated[
    Many, typer.Option("--protocol", metavar="NAME=VALUE", help="Another convention than the official. Repeatable.")
]
Draws = Annotated[
    int | None, typer.Option("--bootstrap", metavar="N", min=100, help="95 % intervals from N drawings of the samples.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same samples.")]
Compare = Annotated[
    Many,
    typer.Option("--compare", "-c", metavar="FILE", help="Another run's predictions, to compare with. Repeatable."),
]
PerSample = Annotated[
    str | None, typer.Option("--per-sample", metavar="FILE", help="Write what each sample scored, as JSON lines.")
]
Save = Annotated[
    str | None, typer.Option("--save", metavar="FILE", help="Write what the model answered, as JSON lines.")
]


def evaluate(
    context: typer.Context,
    predictions: Predictions = None,
    annotations: TruthFiles = None,
    benchmark: BenchmarkName = None,
    model: ModelName = None,
    data: Data = None,
    task: TaskName = None,
    videos: VideoDir = None,
    protocol: ProtocolOptions = None,
    bootstrap: Draws = None,
    seed: Seed = 0,
    compare: Compare = None,
    per_sample: PerSample = None,
    save: Save = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    device: DeviceChoice = "auto",
    dtype: DtypeChoice = "auto",
    decoder: Decoder = "auto",
    offline: Offline = False,
    no_cache: NoCache = False,
) -> None:
    """How good are predictions, or a model?

    With --benchmark, official prediction files are scored as the benchmark's own evaluator does; where the field has
    several conventions, --protocol chooses another and the ones used are printed. With --model, the model answers the
    questions of --data first. With --predictions and --data, results of vex are scored. All scores are percent.

    \b
    Examples:
      vex evaluate -b qvhighlights -p submission.jsonl -a highlight_val_release.jsonl --bootstrap 1000
      vex evaluate -b charades-sta -p found.jsonl -a charades_sta_test.txt -a lengths.csv --protocol truth=clipped
      vex evaluate -b nextgqa -p spans.json -p answers.json -a gsub_test.json -a test.csv
      vex evaluate --model runs/mine --data val.jsonl --task ground --save mine.jsonl
      vex evaluate -p mine.jsonl --data val.jsonl --task ground --compare before.jsonl
    """
    console, batch = Console.of(context), Batch(Console.of(context))
    named = context.get_parameter_source("model")
    if named is None or named.name != "COMMANDLINE":
        model = None  # the model of the settings is asked by other commands; here it would hide what is missing
    asked = Asked(
        benchmark=benchmark,
        predictions=tuple(predictions or ()),
        annotations=tuple(annotations or ()),
        model=model,
        data=tuple(data or ()),
        videos=videos,
        task=task,
        protocol=tuple(protocol or ()),
        compare=tuple(compare or ()),
        save=save,
        overwrite=overwrite,
    )
    asked.check()
    if benchmark is not None:
        title, (scored, other) = benchmark, score_files(console, asked)
    else:
        running = Running(device=device, dtype=dtype, decoder=decoder, offline=offline, no_cache=no_cache)
        title, (scored, other) = str(task), score_records(console, asked, running, batch)
    report = Report.of(title, scored, other, draws=bootstrap, seed=seed)
    if per_sample is not None:
        write_samples(console, report, per_sample, overwrite=overwrite)
    if as_json:
        console.json(report.packed())
    else:
        show(console, report)
    batch.finish()
