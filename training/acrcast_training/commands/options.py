"""Options that several commands share: which study, and which files hold its patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from acrcast.errors import UsageError
from acrcast.watching.defaults import GRACE_DAYS
from acrcast_training.engines.opening import ENGINES

if TYPE_CHECKING:
    from acrcast.studies import Study
    from acrcast.watching.patients import Due
    from acrcast_training.sources import Source

F = TypeVar("F", bound=Callable[..., object])

# Whether a file is there and can be read is a finding like any other: click would stop at the first.
DATA_FILE = click.Path(path_type=Path)

study_option = click.option(
    "--study",
    required=True,
    metavar="S",
    help="A study that ships (see `acrcast studies`), or the path of your own .py file.",
)
baseline_option = click.option(
    "--baseline", type=DATA_FILE, metavar="F", help="One row a patient: patient_id, arm and the study's fields."
)
visits_option = click.option(
    "--visits",
    type=DATA_FILE,
    multiple=True,
    metavar="F",
    help="One row a visit: patient_id, week and the core set. With --map any number of tables, also of one row a value.",
)
table_option = click.option(
    "--table",
    type=DATA_FILE,
    metavar="F",
    help="Instead of both: one row a patient, with the outcome or its parts, such as pain_mm_week_24.",
)
map_option = click.option(
    "--map",
    "mapping",
    type=DATA_FILE,
    metavar="M",
    help="How these tables become the study's: other names, units, codes, ADaM. `acrcast map` proposes one.",
)
accept_option = click.option(
    "--accept",
    multiple=True,
    metavar="CODE",
    help="A problem that was looked into and is taken as it is; may be repeated.",
)


DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])

from_option = click.option(
    "--from",
    "sources",
    type=DATA_FILE,
    multiple=True,
    metavar="F",
    help="A table with the outcome, or what `acrcast audit export` wrote (.jsonl); may be repeated.",
)
due_after_option = click.option(
    "--due-after",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="After which the endpoint is observed. [default: the study's week]",
)
grace_option = click.option(
    "--grace",
    type=click.IntRange(min=0),
    default=GRACE_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Further days that an outcome may take to arrive before it counts, or is overdue.",
)
arm_option = click.option("--arm", metavar="KEY", help="Arm of patients whose outcome names none.")
tenant_option = click.option("--tenant", metavar="T", help="Only this tenant's records. [default: all]")
as_of_option = click.option(
    "--as-of", type=DAY, metavar="DAY", help="As one would have read the export at this time (UTC). [default: now]"
)
simulated_option = click.option(
    "--simulated", is_flag=True, help="The patients of exports are made up: the model will say so wherever it goes."
)


tracking_uri_option = click.option(
    "--tracking-uri", metavar="URI", help="MLflow store. [default: MLFLOW_TRACKING_URI, or SQLite in .acrcast]"
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of every random step."
)


engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="Who does the work: this process, or the workers of Dask. The numbers are the same.",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Of Dask, such as tls://10.0.0.5:8786. [default: a cluster on this machine, for the time of the command]",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes of the cluster on this machine. [default: one for each core]",
)


def engine_options(command: F) -> F:
    """`--engine`, `--scheduler` and `--workers`, in this order."""
    for option in (workers_option, scheduler_option, engine_option):
        command = option(command)
    return command


def own_file(study: str | None) -> Path | None:
    """The file of a study that does not ship."""
    return Path(study) if study is not None and study.endswith(".py") else None


@dataclass(frozen=True, slots=True)
class OutcomeData:
    """Which patients with outcomes are learned from, as the options below say it."""

    study: str
    sources: Sequence[Path]
    baseline: Path | None
    visits: Sequence[Path]
    accept: Sequence[str]
    due_after: int | None
    grace: int
    arm: str | None
    tenant: str | None
    as_of: datetime | None
    simulated: bool

    def read(self, study: "Study") -> "tuple[Source, ...]":
        """A source for each file. Raises UsageError for an arm that there is none, or a day that nothing says."""
        from acrcast_training.monitoring.recorded_cohort import Choice
        from acrcast_training.sources import read_sources

        check_arm(study, self.arm)
        due = due_of(study, self.due_after, self.grace)
        choice = Choice(due, moment_of(self.as_of), self.arm, self.tenant, "simulated" if self.simulated else "trial")
        return read_sources(
            study, self.sources, baseline=self.baseline, visits=self.visits, accept=self.accept, choice=choice
        )


def outcome_data_options(command: Callable[..., object]) -> Callable[..., object]:
    """The options of `OutcomeData`, which the command is given as `data`."""

    @wraps(command)
    def gathered(**options: Any) -> object:  # noqa: ANN401  of click
        data = OutcomeData(**{member.name: options.pop(member.name) for member in fields(OutcomeData)})
        return command(data=data, **options)

    of_exports = (simulated_option, as_of_option, tenant_option, arm_option, grace_option, due_after_option)
    for option in (*of_exports, accept_option, visits_option, baseline_option, from_option, study_option):
        gathered = option(gathered)
    return gathered


def moment_of(as_of: datetime | None) -> datetime:
    return datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)


def due_of(study: "Study", days: int | None, grace: int) -> "Due":
    """Days after which the study's endpoint is observed, unless they are given, and so many more for it to arrive."""
    from acrcast.watching.patients import Due

    due = Due.of(study, grace) if days is None else Due(days, grace)
    if due is None:
        raise UsageError(f"study {study.key} does not say in which week {study.endpoint.title!r} is: give --due-after")
    return due


def check_arm(study: "Study", arm: str | None) -> None:
    keys = [known.key for known in study.arms]
    if arm is not None and arm not in keys:
        raise UsageError(f"--arm: expected one of {', '.join(keys)}")


def trial_data_options(command: F) -> F:
    """`--study`, `--baseline`, `--visits`, `--table`, `--map` and `--accept`, in this order."""
    for option in (accept_option, map_option, table_option, visits_option, baseline_option, study_option):
        command = option(command)
    return command
