"""Options that several commands share: which study, and which files hold its patients."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

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


def trial_data_options(command: F) -> F:
    """`--study`, `--baseline`, `--visits`, `--table`, `--map` and `--accept`, in this order."""
    for option in (accept_option, map_option, table_option, visits_option, baseline_option, study_option):
        command = option(command)
    return command
