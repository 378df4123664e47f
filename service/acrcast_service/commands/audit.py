"""`acrcast audit`."""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from acrcast_service.audit.chain import Chain
    from acrcast_service.audit.verification import Verdict

as_json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.group()
def audit() -> None:
    """Look after the record of what the server answered.

    The database and its key are those of the server: ACRCAST_DATABASE and ACRCAST_AUDIT_KEY_FILE, or the files in
    ACRCAST_STATE.
    """


@audit.command()
def migrate() -> None:
    """Make the database, or bring it to this version; make the audit's key if there is none."""
    from acrcast_service.store.database import shown

    chain = _chain(may_make=True)
    click.echo(f"{shown(chain.engine)}: ready")


@audit.command()
@click.option("--expect-at-least", type=click.IntRange(0), metavar="N", help="The chain had so many records before.")
@click.option("--head", metavar="HASH", help="Hash of a record that the chain had before; of the N-th, if N is given.")
@as_json_option
def verify(expect_at_least: int | None, head: str | None, *, as_json: bool) -> None:
    """Say which records were changed, removed, replaced or reordered, and exit 1 if any was.

    Write down the count and the hash that it prints, elsewhere: given the next time, they prove that the chain was not
    replaced by an older copy of itself.
    """
    from acrcast_service.audit.verification import verify as verified

    chain = _chain()
    with click.progressbar(length=1, label="Verifying", file=sys.stderr, hidden=not _watched()) as bar:

        def step(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        verdict = verified(chain, at_least=expect_at_least, head=head.lower() if head else None, step=step)
    click.echo(_as_json(verdict) if as_json else _as_text(verdict))
    if verdict.findings:
        raise click.exceptions.Exit(1)


@audit.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only from this time (UTC) on.")
@click.option("--tenant", metavar="T", help="Only this tenant's records [all]")
def export(since: datetime | None, tenant: str | None) -> None:
    """Write every record as a line of JSON, opened: patients' values are in it."""
    from acrcast_service.audit.export import exported
    from acrcast_service.audit.records import time_text

    out = sys.stdout.buffer
    for line in exported(_chain(), since=time_text(since.replace(tzinfo=UTC)) if since else "", tenant=tenant):
        out.write(line)


@audit.command()
@click.option("--subject", required=True, metavar="REF", help="The Subject-Reference, or a prediction_id without one.")
@click.option("--tenant", default="default", show_default=True, metavar="T", help="Whose subject it is.")
@as_json_option
def erase(subject: str, tenant: str, *, as_json: bool) -> None:
    """Make everything recorded of a subject unreadable, for good; the chain stays whole, and records this too.

    Backups keep what they hold: see docs/audit.md.
    """
    from acrcast.errors import AcrcastError
    from acrcast_service.audit.erasure import erase as erased

    count = erased(_chain(), subject, tenant, _operator())
    if not count:
        raise AcrcastError(f"nothing that can be read is recorded of this subject for tenant {tenant}")
    _say("erased", count, as_json=as_json)


@audit.command()
@click.option("--days", type=click.IntRange(1), metavar="N", help="Keep so many days [ACRCAST_RETENTION_DAYS]")
@as_json_option
def retention(days: int | None, *, as_json: bool) -> None:
    """Make payloads that are older than N days unreadable, for good; the chain stays whole, and records this too."""
    from acrcast.errors import UsageError
    from acrcast_service.audit.erasure import retain
    from acrcast_service.settings import read_settings

    kept = days if days is not None else read_settings().retention_days
    if kept is None:
        raise UsageError("give --days, or set ACRCAST_RETENTION_DAYS: without either everything is kept")
    _say("erased", retain(_chain(), datetime.now(UTC) - timedelta(days=kept), _operator()), as_json=as_json)


def _chain(*, may_make: bool = False) -> "Chain":
    from acrcast_service.audit.trail import open_chain
    from acrcast_service.settings import read_settings

    return open_chain(read_settings(), may_make=may_make)


def _operator() -> str:
    import getpass

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"acrcast audit ({name})"


def _watched() -> bool:
    return sys.stderr.isatty()


def _say(what: str, count: int, *, as_json: bool) -> None:
    import json

    click.echo(json.dumps({what: count}) if as_json else f"{what}: {count} records")


def _as_json(verdict: "Verdict") -> str:
    import json

    return json.dumps(
        {
            "whole": not verdict.findings,
            "count": verdict.count,
            "head": verdict.last_hash,
            "unreadable": verdict.unreadable,
            "findings": [{"sequence": finding.sequence, "what": finding.what} for finding in verdict.findings],
        },
        indent=2,
    )


def _as_text(verdict: "Verdict") -> str:
    lines = [str(finding) for finding in verdict.findings]
    lines.append(f"{verdict.count} records, {verdict.unreadable} of them erased; head {verdict.last_hash}")
    lines.append("NOT WHOLE" if verdict.findings else "whole: every record is as it was written")
    return "\n".join(lines)
