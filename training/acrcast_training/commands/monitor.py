"""`acrcast monitor`: what becomes of a model while it serves."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.errors import GateRefusal, UsageError
from acrcast.watching.defaults import FALSE_ALARMS, TOLERANCE
from acrcast_training.commands.options import (
    DAY,
    arm_option,
    as_of_option,
    check_arm,
    due_after_option,
    due_of,
    grace_option,
    moment_of,
    tenant_option,
)

if TYPE_CHECKING:
    from acrcast.watching.judging import Monitoring


@click.command("monitor")
@click.option("--model", "model_name", metavar="M", help="Folder or MLflow URI. [default: the released model]")
@click.option("--study", metavar="S", help="Your own study's .py file, when the model is of one.")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="F",
    help="What `acrcast audit export` wrote; - is standard input.",
)
@tenant_option
@click.option("--since", type=DAY, metavar="DAY", help="Only predictions from this day (UTC) on.")
@as_of_option
@due_after_option
@grace_option
@arm_option
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, max=1),
    default=TOLERANCE,
    show_default=True,
    help="By how much risks may be off on the whole, in log-odds: 0.1 is 2.5 points at 50 %.",
)
@click.option(
    "--false-alarms",
    type=click.FloatRange(0.001, 0.2),
    default=FALSE_ALARMS,
    show_default=True,
    help="Chance of ever having a false alarm, for each tenant, however often it is looked.",
)
@click.option(
    "--accept",
    multiple=True,
    metavar="CODE[:MEASURE]",
    help="An alarm that was looked into, of every measure or of one; may be repeated.",
)
@click.option(
    "--prometheus", type=click.Path(path_type=Path), metavar="FILE.prom", help="Write gauges for a textfile collector."
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON instead of tables.")
def monitor(
    model_name: str | None,
    study: str | None,
    source: Path,
    tenant: str | None,
    since: datetime | None,
    as_of: datetime | None,
    due_after: int | None,
    grace: int,
    arm: str | None,
    tolerance: float,
    false_alarms: float,
    accept: Sequence[str],
    prometheus: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say whether a served model still does what it promised: inputs, support, missing measures, and outcomes as they arrive.

    Reads the audit's export, in which patients' values are. Look as often as you like: the chance of ever having a false
    alarm stays what --false-alarms says. Ends with exit code 4 when there is an alarm.

    \b
    Examples:
      acrcast audit export | acrcast monitor --model models:/acr20@champion --from -
      acrcast monitor --from export.jsonl --json --prometheus /var/lib/node_exporter/acrcast.prom
    """
    from acrcast.watching.codes import CODES
    from acrcast.watching.judging import monitor as look
    from acrcast.watching.recorded import read_recorded
    from acrcast.watching.signals import Rules
    from acrcast_training.models import open_model
    from acrcast_training.monitoring.prometheus import write_gauges

    if unknown := sorted(given for given in accept if given.partition(":")[0] not in CODES):
        raise UsageError(f"--accept {', '.join(unknown)}: expected {', '.join(CODES)}")
    model = open_model(model_name, study)
    check_arm(model.study, arm)
    moment = moment_of(as_of)
    with click.open_file(str(source), "rb") as lines:
        recorded = read_recorded(lines, str(source), model.study, model.identity.digest, as_of=moment, tenant=tenant)
    rules = Rules(alpha=false_alarms, tolerance=tolerance, accept=frozenset(accept), arm=arm)
    due = due_of(model.study, due_after, grace)
    found = look(
        model, recorded, due=due, rules=rules, as_of=moment, since=None if since is None else since.replace(tzinfo=UTC)
    )
    if prometheus is not None:
        write_gauges(found, prometheus)
    if as_json:
        click.echo(json.dumps(as_plain(found), indent=1, ensure_ascii=False, allow_nan=False, default=_plain))
    else:
        show(found)
    if found.alarms:
        raise GateRefusal(sorted({signal.code for _, signal in found.alarms}), _alarmed(found))


def as_plain(found: "Monitoring") -> dict[str, object]:
    """The look as plain data. `status` is `fine` or `alarm`."""
    from acrcast_training.evaluate import as_data

    alarms = [{"tenant": tenant, "code": signal.code, "measure": signal.measure} for tenant, signal in found.alarms]
    data: dict[str, object] = as_data(found)
    return {"status": "alarm" if alarms else "fine", "alarms": alarms} | data


def show(found: "Monitoring") -> None:
    """Tables for each tenant, and what to do about each alarm."""
    from acrcast_training.console import table
    from acrcast_training.monitoring import words

    for line in words.heading(found):
        click.echo(line)
    for look in found.looks:
        click.echo(f"\n{words.counts(look)}\n")
        table(("Check", "evidence", "line", "found"), words.checks(look, found.rules))
        for title, headings, rows in words.tables(look):
            click.echo(f"\n{title}\n")
            table(headings, rows)
        for line in words.notes(look):
            click.echo(f"\n{line}")
    for line in words.alarms(found):
        click.echo(line)


def _plain(value: object) -> object:
    """What JSON has no form of its own for."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _alarmed(found: "Monitoring") -> str:
    said = ", ".join(f"{signal.code} {signal.measure}".strip() + f" ({tenant})" for tenant, signal in found.alarms)
    return f"{len(found.alarms)} alarm{'s' if len(found.alarms) > 1 else ''}: {said}"
