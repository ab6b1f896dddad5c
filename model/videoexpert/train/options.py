"""How a model is trained: a value that checks itself, and the YAML file (a recipe) that it may come from."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import yaml

from videoexpert.errors import RequestError, did_you_mean, did_you_mean_file

Stage = Literal["projector", "experts", "continue"]
"""What is trained (spec §9). `projector`: the map of visual tokens alone. `experts`: new experts, a new temporal head
and a new `[LOC]`. `continue`: the same, from what the model has."""

Metric = Literal["loss", "miou"]
"""What tells which weights are best. `miou`: mean IoU of the best moment with the truth, over questions of time."""

Precision = Literal["auto", "bf16", "fp32"]
"""What is computed with; what is trained is kept in float32. `auto`: bfloat16 on a GPU that has it."""


class OptionError(RequestError):
    """A training option with a value that it cannot have. option: its name."""

    def __init__(self, option: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{option} {message}", hint=hint)
        self.option = option


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """A recipe. Raises OptionError where a value makes no sense.

    epochs: passes over the data; steps: instead of epochs. batch: examples that a process computes at once; accumulate:
    such batches for one step. warmup: the part of the steps in which the rate rises to `lr`; then it falls to 0 on a
    cosine. clip: the largest norm of the gradient. dropout: of the experts' inputs, the model's own where None.
    projector: whether the map of visual tokens is trained with the experts. checkpointing: compute twice, hold less.
    weights: how often each data file is drawn from. evaluate_every, save_every: steps; None: an epoch's.
    patience: evaluations without a better `metric` before it ends; None: it never ends early.
    """

    stage: Stage = "continue"
    epochs: float = 3.0
    steps: int | None = None
    batch: int = 4
    accumulate: int = 1
    lr: float = 1e-4
    warmup: float = 0.03
    weight_decay: float = 0.0
    clip: float = 1.0
    dropout: float | None = None
    projector: bool = False
    checkpointing: bool = False
    precision: Precision = "auto"
    weights: tuple[float, ...] = ()
    seed: int = 0
    metric: Metric = "loss"
    evaluate_every: int | None = None
    patience: int | None = None
    save_every: int = 100

    def __post_init__(self) -> None:
        for name, (holds, must) in _RULES.items():
            value = getattr(self, name)
            if value is not None and not holds(value):
                raise OptionError(name, f"must be {must}, got {_shown(value)}")

    def total_steps(self, examples: int, processes: int) -> int:
        """How many steps there are with so many examples in an epoch."""
        return self.steps or max(1, math.ceil(self.epochs * examples / self.examples_per_step(processes)))

    def steps_per_epoch(self, examples: int, processes: int) -> int:
        """After how many steps every example was drawn about once."""
        return max(1, math.ceil(examples / self.examples_per_step(processes)))

    def examples_per_step(self, processes: int) -> int:
        """Examples that a step learns from, in all processes."""
        return self.batch * self.accumulate * processes

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (from 0) of so many: a linear rise, then half a cosine."""
        rise = math.ceil(self.warmup * steps)
        if step < rise:
            return self.lr * (step + 1) / rise
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    def dump(self) -> str:
        """The recipe as YAML that `read_recipe` reads."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        text: str = yaml.safe_dump(values | {"weights": list(self.weights)}, sort_keys=False)
        return text


_Rule = tuple[Callable[[Any], bool], str]
_COUNT: _Rule = (lambda value: value >= 1, "1 or more")
_ABOVE_ZERO: _Rule = (lambda value: 0 < value < math.inf, "above 0")
_RULES: dict[str, _Rule] = {
    "stage": (lambda value: value in get_args(Stage), f"one of {', '.join(get_args(Stage))}"),
    "metric": (lambda value: value in get_args(Metric), f"one of {', '.join(get_args(Metric))}"),
    "precision": (lambda value: value in get_args(Precision), f"one of {', '.join(get_args(Precision))}"),
    "epochs": _ABOVE_ZERO,
    "steps": _COUNT,
    "batch": _COUNT,
    "accumulate": _COUNT,
    "lr": _ABOVE_ZERO,
    "warmup": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "weight_decay": (lambda value: 0 <= value < math.inf, "0 or more"),
    "clip": _ABOVE_ZERO,
    "dropout": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "weights": (lambda values: all(0 < value < math.inf for value in values), "numbers above 0"),
    "evaluate_every": _COUNT,
    "patience": _COUNT,
    "save_every": _COUNT,
}


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def make_options(given: Mapping[str, Any], *, recipe: str | os.PathLike[str] | None = None) -> TrainOptions:
    """The options of a recipe file, with what was `given` beside it in their place.

    Raises RequestError, with `file:line` where the file is to blame.
    """
    values, lines = ({}, {}) if recipe is None else read_recipe(recipe)
    try:
        return TrainOptions(**(values | dict(given)))
    except OptionError as error:
        if error.option in given or error.option not in lines:
            raise
        raise RequestError(f"{lines[error.option]}: {error.message}", hint=error.hint) from error


def read_recipe(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a YAML file of `name: value` lines says: values of the right types, and `file:line` of each.

    Raises RequestError naming the file and line of what is unknown, of another type, or no YAML.
    """
    file = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as stream:
            root = yaml.compose(stream.read(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror}", hint=did_you_mean_file(file)) from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{file}: is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RequestError(f"{file}:{line}: is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise RequestError(f"{file}: is not YAML") from error
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise RequestError(f"{file}:1: must hold `name: value` lines")
    values, lines = {}, {}
    for key, node in root.value:
        name, where = str(key.value), f"{file}:{key.start_mark.line + 1}"
        if name not in _PARSERS:
            hint = did_you_mean(name, _PARSERS) or f"known options: {', '.join(_PARSERS)}"
            raise RequestError(f"{where}: unknown option {name!r}", hint=hint)
        if name in values:
            raise RequestError(f"{where}: {name} is given twice", hint="keep one of the two")
        values[name], lines[name] = _parsed(name, node, where), where
    return values, lines


def _parsed(name: str, node: yaml.Node, where: str) -> Any:
    parse, kind = _PARSERS[name]
    try:
        if name == "weights":
            items = node.value if isinstance(node, yaml.SequenceNode) else [node]
            return tuple(parse(_text(item)) for item in items)
        return parse(_text(node))
    except (ValueError, KeyError) as error:
        raise RequestError(f"{where}: {name} must be {kind}") from error


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("no single value")
    return str(node.value)


def _switch(text: str) -> bool:
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]


_Parser = tuple[Callable[[str], Any], str]
_BY_TYPE: dict[Any, _Parser] = {
    float: (float, "a number"),
    float | None: (float, "a number"),
    tuple[float, ...]: (float, "a list of numbers"),
    int: (int, "a whole number"),
    int | None: (int, "a whole number"),
    bool: (_switch, "true or false"),
}
_PARSERS: dict[str, _Parser] = {
    # What is no number is one of a few words, which TrainOptions checks. 1e-4 is a number here, though not in YAML.
    entry.name: _BY_TYPE.get(entry.type, (str, "one word"))
    for entry in fields(TrainOptions)
}

OPTION_NAMES = tuple(_PARSERS)
"""What a recipe may say."""
