"""What the commands that ask a model share: their options, and the way from videos and questions to results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vexcli.base import VexCommand
from vexcli.batch import Batch
from vexcli.console import Console, ProgressBar, printable
from vexcli.errors import InputError, UsageError
from vexcli.films import FILMS, Cutting, Film, film_found
from vexcli.inputs import Selection, find_videos, may_be_input
from vexcli.options import (
    AsJson,
    AsJsonLines,
    Decoder,
    DecoderName,
    Exclude,
    Include,
    NoCache,
    NulSeparated,
    OutputDir,
    Overwrite,
    Timeout,
)
from vexcli.pulling import Offline, ensure_model
from vexcli.saving import save
from vexcli.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from vexcli.outputs import Writer
    from videoexpert.features import EncodedVideo
    from videoexpert.predictor import Predictor
    from videoexpert.progress import OnStep, Step
    from videoexpert.store import FeatureStore
    from videoexpert.timeline import Timeline

DeviceChoice = Literal["auto", "cuda", "mps", "cpu"]
DtypeChoice = Literal["auto", "float32", "float16", "bfloat16"]
AttentionChoice = Literal["sdpa", "eager", "flash"]

Task = Callable[["Predictor", "EncodedVideo", "OnStep"], list["Timeline"]]
"""What is asked of each video."""

_STAGES = {"decode": 0.0, "encode": 0.4, "prefill": 0.7, "generate": 0.8}
"""How far a window is, 0 .. 1, where a stage begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options that every asking command takes, as they were given (`Request.of`)."""

    model: str
    device: DeviceChoice
    dtype: DtypeChoice
    attn: AttentionChoice
    offline: bool
    window: float | None
    overlap: float | None
    no_window: bool
    output_dir: str
    output_format: list[str] | None
    overwrite: bool
    as_json: bool
    as_json_lines: bool
    include: list[str] | None
    exclude: list[str] | None
    nul_separated: bool
    decoder: DecoderName
    timeout: float | None
    no_cache: bool

    @staticmethod
    def of(context: typer.Context) -> "Request":
        """The request of this run."""
        request = context.meta[_REQUEST]
        assert isinstance(request, Request)
        return request


_REQUEST = f"{__name__}.request"


def _request_options(
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model's name or folder (`vex models list`).")
    ] = DEFAULT_MODEL,
    device: Annotated[DeviceChoice, typer.Option("--device", help="Where the model runs.")] = "auto",
    dtype: Annotated[DtypeChoice, typer.Option("--dtype", help="The numbers it computes with.")] = "auto",
    attn: Annotated[AttentionChoice, typer.Option("--attn", help="How it computes attention.")] = "sdpa",
    offline: Offline = False,
    window: Annotated[
        float | None, typer.Option("--window", metavar="SECONDS", min=1, help="Look at long videos in parts this long.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option("--overlap", metavar="SECONDS", min=0, help="What neighbouring parts share.")
    ] = None,
    no_window: Annotated[bool, typer.Option("--no-window", help="Look at every video as a whole.")] = False,
    output_dir: OutputDir = ".",
    output_format: Annotated[
        list[str] | None,
        typer.Option(
            "--output-format",
            "-f",
            metavar="FORMAT",
            help="Write files: json, jsonl, csv, tsv, srt, vtt, edl, otio, chapters, all of these; clips; reel. "
            "Repeatable.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    as_json_lines: AsJsonLines = False,
    include: Include = None,
    exclude: Exclude = None,
    nul_separated: NulSeparated = False,
    decoder: Decoder = "auto",
    timeout: Timeout = None,
    no_cache: NoCache = False,
) -> None:
    """The options' declarations; Typer turns them into parameters, and `AskingCommand` into a `Request`."""


class AskingCommand(VexCommand):
    """A command that asks a model about videos: it takes the options of a `Request` beside its own."""

    shared = staticmethod(_request_options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command with its own options; the shared ones are in `Request.of(context)`."""
        given = {field.name: ctx.params.pop(field.name) for field in fields(Request)}
        explicit = ctx.get_parameter_source("output_dir")
        if given["output_format"] is None and explicit is not None and explicit.name == "COMMANDLINE":
            given["output_format"] = ["json"]
        ctx.meta[_REQUEST] = Request(**given)
        return super().invoke(ctx)


def split_words(inputs: Sequence[str], queries: Sequence[str] | None, file: str | None) -> tuple[list[str], list[str]]:
    """Inputs and questions: those of --query and --queries, or else the last of the inputs.

    Raises UsageError where no question is left, InputError where the file of questions cannot be read.
    """
    words = list(queries or ())
    if file is not None:
        try:
            lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise InputError(f"{file}: {reason}", hint="give a text file with one question a line") from error
        words += [line.strip() for line in lines if line.strip()]
        if not words:
            raise UsageError(f"{file}: holds no question")
    if words:
        return list(inputs), words
    if len(inputs) < 2:
        raise UsageError("a video and a question are needed", hint="such as: vex ground talk.mp4 'a dog'")
    return list(inputs[:-1]), [inputs[-1]]


def split_optional_word(inputs: Sequence[str], queries: Sequence[str] | None) -> tuple[list[str], list[str | None]]:
    """Inputs and queries, where none is needed: the last of the inputs is one where it can be no input."""
    if queries or len(inputs) < 2 or may_be_input(inputs[-1]):
        return list(inputs), [*queries] if queries else [None]
    return list(inputs[:-1]), [inputs[-1]]


def ask_videos(context: typer.Context, inputs: Sequence[str], task: Task) -> None:
    """Ask `task` of every video and show, print or write what comes of it. One that fails does not stop the others."""
    from videoexpert.options import WindowOptions
    from videoexpert.video import Limits, VideoReader

    console, request = Console.of(context), Request.of(context)
    if request.no_window and (request.window or request.overlap):
        raise UsageError("--no-window leaves no --window or --overlap to choose")
    if request.as_json and request.as_json_lines:
        raise UsageError("--json and --jsonl cannot go together")
    windows = WindowOptions(length=request.window, overlap=request.overlap, whole=request.no_window)
    batch = Batch(console)
    selection = Selection(tuple(request.include or ()), tuple(request.exclude or ()))
    paths = find_videos(inputs, selection=selection, nul_separated=request.nul_separated, on_problem=batch.problem)
    results = ResultFiles.of(request, paths) if request.output_format else None
    predictor = _load(console, request)
    store = None if request.no_cache else open_store(console)
    timelines: list[Timeline] = []
    with VideoReader(limits=Limits(total=request.timeout)) as reader:
        for path in results.paths if results else paths:
            with batch.attempt():
                with console.progress(path, total=1.0) as bar:
                    listen = _listener(bar, path)
                    video = predictor.encode(
                        path, windows=windows, decoder=request.decoder, reader=reader, store=store, on_step=listen
                    )
                    answered = task(predictor, video, listen)
                _show(console, request, answered)
                if results:
                    results.write(console, answered)
                if request.as_json or (results and results.films):
                    timelines += answered
        cutting = Cutting.begin(console, reader, overwrite=request.overwrite)
        if results and results.films:
            film_found(cutting, timelines, results.folder, results.films)
    if request.as_json:
        from vexcli.outputs import writer_for

        console.document(writer_for("json").write(timelines))
    for part in (batch, cutting.opening, cutting.writing):
        part.finish()


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The files that results go to: one per video and format, named after the video. films: cut when all are found."""

    paths: tuple[str, ...]
    names: dict[str, str]
    writers: tuple["Writer", ...]
    films: tuple[Film, ...]
    folder: Path
    overwrite: bool

    @staticmethod
    def of(request: Request, paths: Iterable[str]) -> "ResultFiles":
        """The files of a request; the folder is there, or OutputError says why not."""
        from vexcli.outputs.files import choose_writers
        from vexcli.outputs.naming import plan_names
        from videoexpert.atomic import prepare_folder

        formats = request.output_format or []
        films = tuple(film for film in FILMS if film in formats)
        writers = choose_writers([name for name in formats if name not in films])
        folder = Path(request.output_dir)
        prepare_folder(folder)
        found = tuple(paths)
        return ResultFiles(found, plan_names(found), tuple(writers), films, folder, request.overwrite)

    def write(self, console: Console, timelines: Sequence["Timeline"]) -> None:
        """Write the timelines of one video in every format; files that exist are kept."""
        from vexcli.outputs.files import plan_folder

        for planned in plan_folder(self.writers, timelines, self.folder, names=self.names):
            save(console, planned, overwrite=self.overwrite)


def _load(console: Console, request: Request) -> "Predictor":
    from videoexpert.hub import find_model

    ensure_model(console, request.model, offline=request.offline)
    find_model(request.model)  # a misspelt name is told before seconds are spent on importing torch
    from videoexpert.predictor import load_predictor

    with console.progress(f"loading {request.model}", total=None):
        return load_predictor(request.model, device=request.device, dtype=request.dtype, attn=request.attn)


def open_store(console: Console) -> "FeatureStore":
    """Where what is seen of videos is kept; what is wrong with it is a warning."""
    from videoexpert.store import usual_store

    return usual_store(on_problem=console.warning)


def _listener(bar: ProgressBar, path: str) -> "OnStep":
    """What a predictor tells, on the bar: each window is an equal part of the work."""

    def listen(step: "Step") -> None:
        begins = _STAGES[step.stage]
        ends = min((value for value in _STAGES.values() if value > begins), default=1.0)
        inside = begins + (ends - begins) * step.done / max(1, step.total)
        part = f" {step.window}/{step.windows}" if step.windows > 1 else ""
        bar.update((step.window - 1 + inside) / step.windows, f"{path}: {step.stage}{part}")

    return listen


def _show(console: Console, request: Request, timelines: Sequence["Timeline"]) -> None:
    """Say what was found: to a program, or to a person."""
    from vexcli.outputs.shown import shown_lines
    from videoexpert.results import dumps_line

    for timeline in timelines:
        for warning in timeline.warnings:
            console.warning(warning)
        if request.as_json_lines:
            console.line(dumps_line(timeline))
        elif not request.as_json:
            head, *lines = shown_lines(timeline)
            console.data(console.heading(printable(head)))
            for line in lines:
                console.data(printable(line))
