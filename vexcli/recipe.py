"""`vex finetune RECIPE.yaml`: nano, trained anew from its parts as a recipe says."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vexcli.console import Console, ProgressBar
from vexcli.errors import UsageError
from vexcli.pulling import fetch_parts, megabytes

if TYPE_CHECKING:
    from videoexpert.models.nano.recipe import Step

SUFFIXES = (".yaml", ".yml")

_FOR_RECIPES = {"data", "out", "offline", "dry_run", "as_json"}


def is_recipe(data: list[str]) -> bool:
    """Whether what stands in the place of data is a recipe of nano; no format of annotations has such a name."""
    return any(Path(file).suffix.lower() in SUFFIXES for file in data)


def train_recipe(context: typer.Context, data: list[str], out: Path, *, offline: bool, dry_run: bool) -> None:
    """Train nano as the recipe says, or say what that would take.

    Raises UsageError for options that do not go with it, and what `run_recipe` and `fetch` raise.
    """
    if len(data) > 1:
        raise UsageError(f"{data[0]} and {len(data) - 1} more: a recipe of nano stands alone, it needs no data")
    if more := sorted(name for name in context.params if name not in _FOR_RECIPES and _is_typed(context, name)):
        raise UsageError(f"--{more[0].replace('_', '-')} does not go with a recipe of nano; change it in the recipe")
    from videoexpert.hub import Origin, known_model, size_to_fetch
    from videoexpert.models.nano.recipe import check_new, read_recipe, run_recipe

    console, file, nano = Console.of(context), Path(data[0]), known_model("nano")
    assert nano is not None
    recipe = read_recipe(file)
    stages = {"match": recipe.match.steps, "language": recipe.language.steps}
    if dry_run:
        size = size_to_fetch(nano.parts)
        facts = {"trains": "nano, from its parts alone", "to download": megabytes(size) if size else "nothing"}
        facts |= {f"steps of {stage}": str(steps) for stage, steps in stages.items()} | {"out": str(out)}
        if context.params["as_json"]:
            console.json(facts)
        else:
            console.table(("", ""), list(facts.items()))
        return
    check_new(out)
    parts = fetch_parts(console, nano.name, nano.parts, Origin(offline=offline))
    console.note("nano: training, " + ", then ".join(f"{stage} {steps} steps" for stage, steps in stages.items()))
    with ExitStack() as bars:
        run_recipe(file, parts, out, on_step=_Bars(console, bars))
    console.data(str(out))


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


class _Bars:
    """A bar for each stage, one after the other: their steps differ in time."""

    def __init__(self, console: Console, bars: ExitStack) -> None:
        self._console, self._bars = console, bars
        self._stage = ""
        self._bar: ProgressBar | None = None

    def __call__(self, step: "Step") -> None:
        text = f"{step.stage}, step {step.number}/{step.steps}: loss {step.loss:.3f}"
        if self._bar is None or step.stage != self._stage:
            self._bars.close()
            self._bar = self._bars.enter_context(self._console.progress(text, total=step.steps))
            self._stage = step.stage
        self._bar.update(step.number, text)
        self._console.detail(text)
