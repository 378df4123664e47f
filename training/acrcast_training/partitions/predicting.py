"""A folder of patients to a folder of predictions, by any engine, going on where it was interrupted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acrcast.engine import Engine
from acrcast.errors import DataError, Problem, UsageError
from acrcast_training.data.findings import LIMIT
from acrcast_training.partitions.folder import Partition, files_of
from acrcast_training.partitions.scoring import Folders, Scored, finished, score
from acrcast_training.predictions import UNFINISHED, Done


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be scored, and what was. before: of the partitions that were finished before."""

    folders: Folders
    waiting: tuple[Partition, ...]
    before: tuple[Scored, ...]

    @property
    def patients(self) -> int:
        """Who is still to be predicted."""
        return sum(partition.patients for partition in self.waiting)


def planned(folders: Folders, found: Sequence[Partition]) -> Plan:
    """What of the partitions is still to be scored. Raises UsageError when predictions are there that are of none of them."""
    strange = sorted(set(files_of(folders.target)) - {partition.name for partition in found})
    if strange:
        raise UsageError(
            f"{folders.target / strange[0]}: {folders.source} has no such partition: remove it, or give a new folder for --out"
        )
    for left in folders.target.rglob(f".*{UNFINISHED}"):
        left.unlink(missing_ok=True)
    before = {partition: scored for partition in found if (scored := finished(folders, partition)) is not None}
    waiting = tuple(partition for partition in found if partition not in before)
    return Plan(folders, waiting, tuple(before.values()))


def predict_planned(plan: Plan, engine: Engine, progress: Callable[[int], None] = lambda _: None) -> Done:
    """Score what waits. progress: called with the patients done.

    Raises DataError at the end when partitions are not valid; all others are scored then.
    """
    scored, problems, refused = list(plan.before), list[Problem](), 0
    for partition, outcomes in engine.map(score, plan.folders, plan.waiting):
        for outcome in outcomes:
            if isinstance(outcome, Scored):
                scored.append(outcome)
            else:
                problems += outcome.problems
                refused += 1
        progress(partition.patients)
    count = len(plan.before) + len(plan.waiting)
    if problems:
        raise DataError(problems, _told(problems, refused, count))
    return Done(count, len(plan.before), sum(one.patients for one in scored), sum(one.outside for one in scored))


def separate(source: Path, target: Path) -> tuple[Path, Path]:
    """Both as absolute paths. Raises UsageError when one is in the other: predictions would be taken for patients."""
    one, other = source.resolve(), target.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UsageError(f"--out {target} and --in {source}: give folders of which none is in the other")
    return one, other


def _told(problems: Sequence[Problem], refused: int, count: int) -> str:
    said = "; ".join(str(problem) for problem in sorted(problems, key=lambda problem: problem.file or "")[:LIMIT])
    return (
        f"{refused} of {count} partitions are not valid, and have no predictions; the others have. "
        f"Mend them, and the same command goes on: {said}"
    )
