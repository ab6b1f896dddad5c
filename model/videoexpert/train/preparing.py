"""Before the first step every record is made a lesson once: what cannot be learnt from is known then, and every video
has been looked at, so that no step waits for one."""

import math
from collections.abc import Collection, Sequence

from videoexpert.config import VideoExpertConfig
from videoexpert.data.dataset import FeaturesOf, LessonDataset
from videoexpert.data.examples import choose_stretch
from videoexpert.data.mixture import Mixture
from videoexpert.data.records import Record
from videoexpert.errors import DataError, ExtraMissingError, RequestError, ToolMissingError, VideoExpertError
from videoexpert.store import FeatureStore
from videoexpert.store.files import SIZE_VARIABLE
from videoexpert.timeline import Span
from videoexpert.train.job import Job, Team
from videoexpert.train.reports import LeftOut, Looked, OnReport


def prepare_records(
    records: Sequence[Record], job: Job, team: Team, features_of: FeaturesOf, *, on_report: OnReport
) -> list[Record]:
    """The records that a lesson can be made of; the others are reported. The work is divided among the processes."""
    accelerator = team.accelerator
    dataset = make_dataset([records], job, team, features_of)
    rank, processes = accelerator.process_index, accelerator.num_processes
    wrong: dict[int, str] = {}
    for index in range(rank, len(records), processes):
        try:
            dataset.lesson(index)
        except (ToolMissingError, ExtraMissingError):
            raise
        except VideoExpertError as error:
            wrong[index] = _told(records[index], error)
        on_report(Looked(min(index + processes, len(records)), len(records)))
    wrong = _united(wrong, team)
    for _, why in sorted(wrong.items()):
        on_report(LeftOut(why))
    usable = [record for index, record in enumerate(records) if index not in wrong]
    if not usable:
        raise DataError(f"none of {len(records)} records can be learnt from; {wrong[0]}")
    return usable


def check_room(job: Job, config: VideoExpertConfig, store: FeatureStore) -> None:
    """Raise RequestError where the store is too small for what is seen of all videos, which would be seen again."""
    if (needed := room_of(stretches(job, config), config)) > store.limit:
        raise RequestError(
            f"what is seen of the videos takes {needed / 1e9:.1f} GB, {store.folder} holds {store.limit / 1e9:.1f} GB",
            hint=f"set {SIZE_VARIABLE}={math.ceil(1.2 * needed / 1e9)}",
        )


def stretches(job: Job, config: VideoExpertConfig) -> set[tuple[str, Span | None]]:
    """Every stretch of video that is looked at (None: all of the video)."""
    return {
        (record.timeline.video.path, choose_stretch(record, seconds=config.trained_seconds, seed=job.options.seed))
        for part in (*job.sources, job.validation)
        for record in part
    }


def room_of(looks: Collection[tuple[str, Span | None]], config: VideoExpertConfig) -> int:
    """Bytes that features of so many stretches take in a store."""
    return len(looks) * (config.frames + config.compressed) * config.vision.features * 2


def make_dataset(
    sources: Sequence[Sequence[Record]],
    job: Job,
    team: Team,
    features_of: FeaturesOf,
    *,
    weights: tuple[float, ...] = (),
) -> LessonDataset:
    """The lessons of records, as a job draws them. weights: how often from each source."""
    return LessonDataset(
        [record for source in sources for record in source],
        mixture=Mixture(tuple(map(len, sources)), weights, job.options.seed),
        seconds=team.model.config.trained_seconds,
        positions=team.positions,
        tokenizer=team.tokenizer,
        features_of=features_of,
        vectors_of=None if team.sentences is None else team.sentences.vectors,
    )


def _told(record: Record, error: VideoExpertError) -> str:
    text = f"{error.message}; {error.hint}" if error.hint else error.message
    return text if text.startswith(record.origin) else f"{record.origin}: {text}"


def _united(mine: dict[int, str], team: Team) -> dict[int, str]:
    """What all processes found."""
    if team.accelerator.num_processes == 1:
        return mine
    from accelerate.utils import gather_object  # type: ignore[import-untyped]

    return dict(gather_object(list(mine.items())))
