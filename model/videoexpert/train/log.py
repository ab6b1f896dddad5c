"""What a run leaves to look at: metrics.csv, TensorBoard's events, and loss.png."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tensorboardX import SummaryWriter  # type: ignore[import-untyped]

from videoexpert.atomic import atomic_path, write_bytes

COLUMNS = (
    "step",
    "epoch",
    "lr",
    "loss",
    "token",
    "inside",
    "border",
    "overlap",
    "gradient",
    "per_second",
    "val_loss",
    "val_miou",
)

Row = Mapping[str, float]


class RunLog:
    """The log of a run in its folder, one row for each step. after: the last step whose row is kept, 0 for none."""

    def __init__(self, folder: Path, *, after: int) -> None:
        self._folder = folder
        self._rows = [row for row in read_metrics(folder) if row["step"] <= after]
        write_bytes(folder / _CSV, _text(self._rows).encode(), overwrite=True)
        self._file: TextIO = (folder / _CSV).open("a", encoding="utf-8", newline="")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1, write_to_disk=True)

    def add(self, row: Row) -> None:
        """One row, on the disk at once."""
        self._rows.append(dict(row))
        csv.DictWriter(self._file, COLUMNS, lineterminator="\n").writerow(row)
        self._file.flush()
        for name, value in row.items():
            if name != "step":
                self._board.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """End the files, and draw the curve of what is in them."""
        self._file.close()
        self._board.close()
        if self._rows:
            with atomic_path(self._folder / "loss.png", overwrite=True) as temporary:
                draw_losses(self._rows, temporary)


_CSV = "metrics.csv"


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's metrics.csv without empty cells; a last line that breaks off is left out."""
    file = folder / _CSV
    if not file.is_file():
        return []
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return [{key: float(cell) for key, cell in row.items() if cell} for row in csv.DictReader(io.StringIO(whole))]


def _text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def draw_losses(rows: Sequence[Row], file: Path) -> None:
    """The losses over the steps as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name in ("loss", "token", "inside", "border", "overlap", "val_loss"):
        points = [(row["step"], row[name]) for row in rows if name in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) == 1 else None)
    axes.set(xlabel="step", ylabel="loss")
    axes.set_ylim(bottom=0)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(file, format="png", dpi=120)
