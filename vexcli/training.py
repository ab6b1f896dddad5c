"""What a person sees of a training run: its estimate, its progress, its end; and how Ctrl-C becomes a wish to stop."""

import signal
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

from vexcli.console import Console, ProgressBar

if TYPE_CHECKING:
    from videoexpert.train.estimate import Estimate
    from videoexpert.train.reports import Report, Started, Stepped


class Stop:
    """Ctrl-C, or a request to terminate, while a model learns: the first one is a wish, the second one is obeyed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: dict[int, object] = {}
        self.signal: int | None = None

    def wanted(self) -> bool:
        """Whether the run should save itself and end."""
        return self.signal is not None

    def listen(self) -> None:
        """From now on a signal is a wish."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._heard)

    def deafen(self) -> None:
        """Signals mean again what they meant before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self.deafen()
        self._console.note("stopping after this step; Ctrl-C again stops at once")


class Follower:
    """Shows what a run reports: bars on a terminal, and what should be known elsewhere, too, as lines."""

    def __init__(self, console: Console, *, on_start: Callable[[], None]) -> None:
        self._console, self._on_start = console, on_start
        self._bars = ExitStack()
        self._bar: ProgressBar | None = None

    def close(self) -> None:
        """Take the bar away."""
        self._bars.close()
        self._bar = None

    def __call__(self, report: "Report") -> None:
        from videoexpert.train import reports

        console = self._console
        match report:
            case reports.Looked(done, total):
                self._update(done, total, f"looking at videos, record {done}/{total}")
            case reports.LeftOut(why):
                console.failure(why)
            case reports.Started():
                self.close()
                for line in started_lines(report):
                    console.note(line)
                self._on_start()
            case reports.Stepped(step, steps):
                self._update(step, steps, stepped_line(report))
                console.detail(stepped_line(report))
            case reports.Evaluated(step, metric, value, better):
                console.note(f"step {step}: validation {metric} {value:.4g}{', the best so far' if better else ''}")
            case reports.Ended(ending, step, _):
                early = "nothing got better any more"
                said = {"finished": "trained", "early": f"{early}: trained", "interrupted": "interrupted: saved"}
                console.note(f"{said[ending]} {step} steps")

    def _update(self, done: int, total: int, text: str) -> None:
        if self._bar is None:
            self._bar = self._bars.enter_context(self._console.progress(text, total=total))
        self._bar.update(done, text)


def started_lines(started: "Started") -> list[str]:
    """What is trained, on what, for how long."""
    trained = sum(count for _, count in started.groups)
    lines = [f"trained: {about}, {count:,} parameters" for about, count in started.groups]
    lines.append(f"{trained:,} parameters in all, on {started.examples} examples in {started.steps} steps")
    if started.left_out:
        lines.append(f"{started.left_out} records were left out")
    if started.step:
        lines.append(f"going on after step {started.step}")
    return lines


def stepped_line(stepped: "Stepped") -> str:
    """A step with the parts of its loss and the speed."""
    losses = stepped.losses
    parts = f"token {losses.token:.3f}, inside {losses.inside:.3f}, border {losses.border:.3f}, "
    parts += f"overlap {losses.overlap:.3f}"
    head = f"step {stepped.step}/{stepped.steps}, epoch {stepped.epoch:.2f}"
    return f"{head}: loss {losses.total:.3f} ({parts}), {stepped.per_second:.1f} examples/s"


def estimate_rows(estimate: "Estimate") -> list[tuple[str, str]]:
    """An estimate as a table's rows."""
    trained = sum(count for _, count in estimate.groups)
    rows = [(f"trained: {about}", f"{count:,} parameters") for about, count in estimate.groups]
    measured = f"measured with one batch on {estimate.device}"
    rows += [
        ("trained in all", f"{trained:,} of {estimate.parameters:,} parameters"),
        ("examples", f"{estimate.examples}" + (f", {estimate.unusable} of them unusable" if estimate.unusable else "")),
        ("steps", str(estimate.steps)),
        ("memory: weights", size_text(estimate.weights)),
        ("memory: gradients", size_text(estimate.gradients)),
        ("memory: optimiser", size_text(estimate.optimiser)),
        ("memory: activations", f"{size_text(estimate.activations)}, {measured}"),
        ("memory in all", f"{size_text(estimate.memory)} for each process"),
        ("time of a step", f"{estimate.step:.3g} s, {measured}"),
        ("time of all steps", f"{clock_text(estimate.seconds)}, without looking at videos and evaluating"),
        ("videos", f"{estimate.stretches} to look at, {estimate.stored} of them stored already"),
        ("disk for what is seen", size_text(estimate.features)),
    ]
    return rows


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def clock_text(seconds: float) -> str:
    """A time for people: 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
