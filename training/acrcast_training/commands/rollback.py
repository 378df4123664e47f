"""`acrcast rollback`: the champion that was there before."""

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import tracking_uri_option


@click.command("rollback")
@click.argument("name")
@click.option("--reason", metavar="TEXT", required=True, help="Why; recorded with both versions.")
@tracking_uri_option
@json_option
def rollback(name: str, reason: str, tracking_uri: str | None, *, as_json: bool) -> None:
    """Make the champion what it was before the last promotion, by the records of promotions.

    A server that follows models:/NAME@champion answers with it at its next look. A version that was taken back is not gone back
    to again, unless it is promoted anew. Ends with exit code 2 when no champion before is on record.

    \b
    Examples:
      acrcast rollback acr20 --reason "MON001 since the ward changed its assay"
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("--reason: expected why; it is recorded")
    from acrcast_training.rollback import roll_back

    done = roll_back(name, reason=reason, store=tracking_uri)
    if as_json:
        write_json({"name": name, "version": done.to, "taken_back": done.version, "reason": done.reason})
        return
    click.echo(
        f"models:/{name}@champion is version {done.to} again; version {done.version} was taken back: {done.reason}"
    )
