"""`acrcast audit`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from acrcast.console import coloured, json_option, progress, write_json

if TYPE_CHECKING:
    from acrcast_service.audit.chain import Chain
    from acrcast_service.audit.verification import Verdict


@click.group()
def audit() -> None:
    """Look after the record of what the server answered.

    The database and its key are those of the server: ACRCAST_DATABASE and ACRCAST_AUDIT_KEY_FILE, or the files in
    ACRCAST_STATE.

    \b
    Example:
      acrcast audit verify
    """


@audit.command(short_help="Make the database, or bring it to this version or another.")
@click.option(
    "--to", metavar="SCHEMA", help="Bring it to this schema, to go back to an earlier acrcast. [default: this one's]"
)
@click.option("--discard", is_flag=True, help="Go back although what an earlier schema has no table for is lost.")
@json_option
def migrate(to: str | None, *, discard: bool, as_json: bool) -> None:
    """Make the database, or bring it to this version; make the audit's key if there is none.

    With --to an earlier schema it goes back, for an earlier acrcast: stop the servers of this one first. Records of the audit are
    never lost by it; it refuses where something else would be, and says what.

    \b
    Examples:
      acrcast audit migrate
      acrcast audit migrate --to 0002
    """
    from acrcast_service.settings import read_settings
    from acrcast_service.store.database import open_database, shown
    from acrcast_service.store.schema import CURRENT
    from acrcast_service.store.schema import migrate as bring

    if to is None or to == CURRENT:
        engine = _chain(may_make=True).engine
    else:
        engine = open_database(read_settings().database_url)
        bring(engine, to, discard=discard)
    if as_json:
        write_json({"database": shown(engine), "schema": to or CURRENT})
    else:
        click.echo(f"{shown(engine)}: {'ready' if to in (None, CURRENT) else f'at schema {to}'}")


@audit.command(short_help="Say which records were changed, removed or replaced.")
@click.option("--expect-at-least", type=click.IntRange(0), metavar="N", help="The chain had so many records before.")
@click.option("--head", metavar="HASH", help="Hash of a record that the chain had before; of the N-th, if N is given.")
@click.option("--record", is_flag=True, help="When it is whole, record in it that it was verified now.")
@json_option
def verify(expect_at_least: int | None, head: str | None, *, record: bool, as_json: bool) -> None:
    """Say which records were changed, removed, replaced or reordered, and exit 1 if any was.

    Write down the count and the hash that it prints, elsewhere: given the next time, they prove that the chain was not
    replaced by an older copy of itself.

    \b
    Examples:
      acrcast audit verify
      acrcast audit verify --expect-at-least 1042 --head 5f0c9a... --record
    """
    from acrcast_service.audit.verification import verify as verified
    from acrcast_service.audit.verified import remember

    chain = _chain()
    with _steps("Verifying") as step:
        verdict = verified(chain, at_least=expect_at_least, head=head.lower() if head else None, step=step)
    if record:
        remember(chain, verdict, _operator())
    if as_json:
        write_json(_as_data(verdict))
    else:
        click.echo(_as_text(verdict))
    if verdict.findings:
        raise click.exceptions.Exit(1)


@audit.command(short_help="Write every record as a line of JSON, opened.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only from this time (UTC) on.")
@click.option("--tenant", metavar="T", help="Only this tenant's records [all]")
def export(since: datetime | None, tenant: str | None) -> None:
    """Write every record as a line of JSON, opened: patients' values are in it.

    \b
    Example:
      acrcast audit export --since 2026-01-01 --tenant north
    """
    from acrcast_service.audit.export import exported
    from acrcast_service.audit.records import time_text

    out = sys.stdout.buffer
    for line in exported(_chain(), since=time_text(since.replace(tzinfo=UTC)) if since else "", tenant=tenant):
        out.write(line)


@audit.command(short_help="Make what is recorded of a subject unreadable.")
@click.option("--subject", required=True, metavar="REF", help="The Subject-Reference, or a prediction_id without one.")
@click.option("--tenant", default="default", show_default=True, metavar="T", help="Whose subject it is.")
@json_option
def erase(subject: str, tenant: str, *, as_json: bool) -> None:
    """Make everything recorded of a subject unreadable, for good; the chain stays whole, and records this too.

    Backups keep what they hold: see docs/audit.md.

    \b
    Example:
      acrcast audit erase --subject P-1042 --tenant north
    """
    from acrcast.errors import AcrcastError
    from acrcast_service.audit.erasure import erase as erased

    count = erased(_chain(), subject, tenant, _operator())
    if not count:
        raise AcrcastError(f"nothing that can be read is recorded of this subject for tenant {tenant}")
    _say("erased", count, as_json=as_json)


@audit.command(short_help="Make what is older than N days unreadable.")
@click.option("--days", type=click.IntRange(1), metavar="N", help="Keep so many days [ACRCAST_RETENTION_DAYS]")
@json_option
def retention(days: int | None, *, as_json: bool) -> None:
    """Make payloads that are older than N days unreadable, for good; the chain stays whole, and records this too.

    \b
    Example:
      acrcast audit retention --days 3650
    """
    from acrcast.errors import UsageError
    from acrcast_service.audit.erasure import retain
    from acrcast_service.settings import read_settings

    kept = days if days is not None else read_settings().retention_days
    if kept is None:
        raise UsageError("give --days, or set ACRCAST_RETENTION_DAYS: without either everything is kept")
    _say("erased", retain(_chain(), datetime.now(UTC) - timedelta(days=kept), _operator()), as_json=as_json)


def _chain(*, may_make: bool = False) -> "Chain":
    from acrcast_service.audit.opening import open_chain
    from acrcast_service.settings import read_settings

    return open_chain(read_settings(), may_make=may_make)


def _operator() -> str:
    import getpass

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"acrcast audit ({name})"


@contextmanager
def _steps(task: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of a task that says with each step how much is done, of how much; silent where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    # in thousandths, since how much there is to do may grow
    with progress(task, 1000) as advance:
        before = 0

        def step(done: int, total: int) -> None:
            nonlocal before
            now = 1000 * done // max(1, total)
            advance(now - before)
            before = now

        yield step


def _say(what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        write_json({what: count})
    else:
        click.echo(f"{what}: {count} records")


def _as_data(verdict: "Verdict") -> dict[str, object]:
    return {
        "whole": not verdict.findings,
        "count": verdict.count,
        "head": verdict.last_hash,
        "unreadable": verdict.unreadable,
        "findings": [{"sequence": finding.sequence, "what": finding.what} for finding in verdict.findings],
    }


def _as_text(verdict: "Verdict") -> str:
    lines = [str(finding) for finding in verdict.findings]
    lines.append(f"{verdict.count} records, {verdict.unreadable} of them erased; head {verdict.last_hash}")
    whole = coloured("whole", "good") + ": every record is as it was written"
    lines.append(coloured("NOT WHOLE", "bad") if verdict.findings else whole)
    return "\n".join(lines)
