"""Dense captions: which events were found, and how well they were told, by one clip at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from videoexpert.metrics.cider import cider
from videoexpert.metrics.protocols import CaptionProtocol
from videoexpert.metrics.scores import Derived, FloatArray, Scores
from videoexpert.metrics.soda import alignment
from videoexpert.metrics.spans import EPSILON, Ends, as_spans, overlaps

if TYPE_CHECKING:
    from videoexpert.metrics.java import Texts

TIOUS = (0.3, 0.5, 0.7, 0.9)
MOST_CAPTIONS = 1000
"""How many captions of a clip count."""

_GARBAGE = {"word": "qzxjkvbwqzxj", "abc123": "abc123!@#"}


@dataclass(frozen=True, slots=True)
class Caption:
    """What was said about a span."""

    span: Ends
    text: str


Captions = tuple[Caption, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip: its name, its captions in each reference file (None where a file lacks it), and the predicted ones."""

    name: str
    references: tuple[Captions | None, ...]
    predicted: Captions | None


def caption_scores(clips: Sequence[Clip], protocol: CaptionProtocol, texts: "Texts | None") -> Scores:
    """P, R and F1 at each tIoU; METEOR, CIDEr and SODA_c where there is `texts` to read the words with."""
    clips = [_prepared(clip, protocol) for clip in clips]
    table: dict[str, list[float]] = {}
    for clip in clips:
        for name, value in _found(clip, protocol).items():
            table.setdefault(name, []).append(value)
    derived = _derived(protocol)
    if texts is not None:
        texts.read({caption.text for clip in clips for part in _parts(clip) for caption in part} | {*_GARBAGE.values()})
        for clip in clips:
            for name, value in (_told(clip, protocol, texts) | _soda(clip, protocol, texts)).items():
                table.setdefault(name, []).append(value)
        files = [name for name in table if name.startswith("SODA_c/")]
        if files:
            derived["SODA_c"] = Derived("mean", tuple(files))
    return Scores.of([clip.name for clip in clips], table, derived=derived)


def _derived(protocol: CaptionProtocol) -> dict[str, Derived]:
    derived = {f"F1@{t}": Derived("harmonic", (f"Precision@{t}", f"Recall@{t}")) for t in TIOUS}
    if protocol.f1 == "means":
        derived["F1"] = Derived("mean", tuple(derived))
    return derived


def _parts(clip: Clip) -> Iterator[Captions]:
    yield clip.predicted or ()
    yield from (captions for captions in clip.references if captions is not None)


def _prepared(clip: Clip, protocol: CaptionProtocol) -> Clip:
    """The clip with its texts and spans as the protocol reads them."""

    def prepare(caption: Caption, *, predicted: bool) -> Caption:
        text, (start, end) = caption.text, caption.span
        if protocol.letters == "ascii":
            text = "".join(letter if letter.isascii() else " " for letter in text)
        if predicted and protocol.reversed == "swap" and end < start:
            start, end = end, start
        return Caption((start, end), text)

    predicted = clip.predicted
    if predicted is not None:
        predicted = tuple(prepare(caption, predicted=True) for caption in predicted[:MOST_CAPTIONS])
    references = tuple(
        None if captions is None else tuple(prepare(caption, predicted=False) for caption in captions)
        for captions in clip.references
    )
    return replace(clip, predicted=predicted, references=references)


def _iou(one: Captions, other: Captions) -> FloatArray:
    spans = as_spans([caption.span for caption in one]), as_spans([caption.span for caption in other])
    return overlaps(*spans, union="min", epsilon=EPSILON)


def _unanswered(clip: Clip, missing: str) -> float | None:
    """What a clip without captions scores; None for one that has some."""
    if clip.predicted:
        return None
    return float("nan") if clip.predicted is None and missing == "drop" else 0.0


def _found(clip: Clip, protocol: CaptionProtocol) -> dict[str, float]:
    """Precision and recall at each tIoU: an IoU above it, not at it, counts. The best over the reference files."""
    unanswered = _unanswered(clip, protocol.missing)
    row = dict.fromkeys((f"{name}@{t}" for t in TIOUS for name in ("Precision", "Recall")), unanswered or 0.0)
    if clip.predicted:
        for captions in clip.references:
            if not captions:
                continue
            iou = _iou(clip.predicted, captions)
            for t in TIOUS:
                row[f"Precision@{t}"] = max(row[f"Precision@{t}"], float((iou.max(axis=1) > t).mean()))
                row[f"Recall@{t}"] = max(row[f"Recall@{t}"], float((iou.max(axis=0) > t).mean()))
    for name in ("Precision", "Recall"):
        row[name] = float(np.mean([row[f"{name}@{t}"] for t in TIOUS]))
    if protocol.f1 == "clips":
        total = row["Precision"] + row["Recall"]
        row["F1"] = 2 * row["Precision"] * row["Recall"] / total if total else total
    return row


def _told(clip: Clip, protocol: CaptionProtocol, texts: "Texts") -> dict[str, float]:
    """METEOR and CIDEr of the pairs at each tIoU."""
    row: dict[str, float] = {}
    unanswered = _unanswered(clip, protocol.missing)
    for t in TIOUS:
        pairs = list(_pairs(clip, protocol, t))
        row[f"METEOR@{t}"] = texts.meteor(pairs) if unanswered is None else unanswered
        tokens = [(texts.tokens(said), [texts.tokens(true)]) for said, true in pairs]
        row[f"CIDEr@{t}"] = float(np.mean(cider(tokens))) if unanswered is None else unanswered
    for name in ("METEOR", "CIDEr"):
        row[name] = float(np.mean([row[f"{name}@{t}"] for t in TIOUS]))
    return row


def _pairs(clip: Clip, protocol: CaptionProtocol, t: float) -> Iterator[tuple[str, str]]:
    """Every caption with every true one that it overlaps enough; one that overlaps none, with garbage."""
    files = [(captions, _iou(clip.predicted or (), captions)) for captions in clip.references if captions]
    for index, caption in enumerate(clip.predicted or ()):
        true = [
            other.text for captions, iou in files for other, at in zip(captions, iou[index], strict=True) if at >= t
        ]
        for text in true or [_GARBAGE[protocol.garbage]]:
            yield caption.text, text


def _soda(clip: Clip, protocol: CaptionProtocol, texts: "Texts") -> dict[str, float]:
    """SODA_c: one number, or one for each reference file where their mean is taken."""
    unanswered = _unanswered(clip, protocol.soda_missing)
    files = clip.references
    if protocol.references == "merged" and len(files) > 1:
        files = (tuple(caption for captions in files for caption in captions or ()),)
    row: dict[str, float] = {}
    for number, captions in enumerate(files, start=1):
        if captions is None:
            row[f"SODA_c/{number}"] = float("nan")
        elif unanswered is not None or not captions:
            row[f"SODA_c/{number}"] = unanswered or 0.0
        else:
            row[f"SODA_c/{number}"] = _soda_f1(clip.predicted or (), captions, protocol, texts)
    if protocol.references == "mean" and len(row) > 1:
        return row
    counted = [value for value in row.values() if np.isfinite(value)]
    return {"SODA_c": max(counted, default=float("nan"))}


def _soda_f1(predicted: Captions, captions: Captions, protocol: CaptionProtocol, texts: "Texts") -> float:
    if protocol.order == "start":
        predicted = tuple(sorted(predicted, key=lambda caption: caption.span[0]))
        if protocol.references != "best":
            captions = tuple(sorted(captions, key=lambda caption: caption.span[0]))
    worth = _iou(captions, predicted)
    for row, true in enumerate(captions):
        for column, said in enumerate(predicted):
            if worth[row, column] > 0:
                swapped = protocol.meteor_roles == "official"
                pair = (true.text, said.text) if swapped else (said.text, true.text)
                worth[row, column] *= texts.meteor([pair])
    return 2 * alignment(worth) / (len(predicted) + len(captions))
