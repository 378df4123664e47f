"""Patients with outcomes from several files: trial tables, and exports of what a server recorded."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from acrcast.arrays import Integers
from acrcast.errors import DataError, Problem, UsageError
from acrcast.studies import Study
from acrcast_training.data.cohort import Cohort, check
from acrcast_training.monitoring.recorded_cohort import Choice, read_recorded_cohort

EXPORT = ".jsonl"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The patients of one file, or of a baseline with its visits. day: (n,) of prediction; None for a table, which has no time.

    left_out: records that are not used, by reason. accepted: problems that the user accepted.
    """

    name: str
    cohort: Cohort
    day: Integers | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, int] = field(default_factory=dict)


def read_sources(
    study: Study,
    files: Sequence[Path],
    *,
    baseline: Path | None = None,
    visits: Sequence[Path] = (),
    accept: Collection[str] = (),
    choice: Choice,
) -> tuple[Source, ...]:
    """A source for each file, by its ending a table or an export, and one for a baseline with visits.

    choice: which records of exports are taken. Raises UsageError without any file, DataError with what is wrong in one.
    """
    if not files and baseline is None:
        raise UsageError("give --from F, a table or an export (.jsonl), or --baseline with --visits")
    found = [_export(study, path, choice) if path.suffix == EXPORT else _table(study, path, accept) for path in files]
    if baseline is not None or visits:
        report = check(study, baseline=baseline, visits=visits, accept=accept)
        found.insert(0, Source(str(baseline), report.require_cohort(), accepted=report.accepted))
    return tuple(found)


def joined(sources: Sequence[Source]) -> Cohort:
    """All patients, in the order of the sources. Raises what `Cohort.joined` raises."""
    return Cohort.joined([source.cohort for source in sources])


def accepted(sources: Sequence[Source]) -> dict[str, int]:
    """Problems that the user accepted, in all files together."""
    total: Counter[str] = Counter()
    for source in sources:
        total.update(source.accepted)
    return dict(total)


def described(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The sources as a card has them: by which a later comparison knows what the model has seen. No names of files."""
    return [
        {
            "fingerprint": source.cohort.fingerprint,
            "patients": len(source.cohort),
            "recorded_until": None if source.day is None else date.fromordinal(int(source.day.max())).isoformat(),
        }
        for source in sources
    ]


def _table(study: Study, path: Path, accept: Collection[str]) -> Source:
    report = check(study, table=path, accept=accept)
    return Source(str(path), report.require_cohort(), accepted=report.accepted)


def _export(study: Study, path: Path, choice: Choice) -> Source:
    try:
        with path.open("rb") as lines:
            found = read_recorded_cohort(lines, str(path), study, choice)
    except OSError as error:
        raise DataError([Problem("", f"cannot be read: {error.strerror}", str(path))]) from None
    return Source(str(path), found.cohort, found.day, found.left_out)
