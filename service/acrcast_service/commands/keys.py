"""`acrcast keys`."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from acrcast_service.audit.chain import Chain

LIFETIME = re.compile(r"(\d{1,5})([dhm])")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}

# as auth/callers.py, which takes longer to import than this help may
SCOPES = ("predict", "outcome", "audit", "admin")


class Lifetime(click.ParamType[timedelta]):
    """Such as 90d, 12h or 30m."""

    name = "lifetime"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = LIFETIME.fullmatch(str(value))
        if match is None or int(match[1]) == 0:
            self.fail("expected a number and d, h or m, such as 90d", param, ctx)
        return timedelta(**{UNITS[match[2]]: int(match[1])})


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys that a server accepts.

    The database and the key that protects it are those of the server: ACRCAST_DATABASE and ACRCAST_AUDIT_KEY_FILE, or
    the files in ACRCAST_STATE. Running servers know of a change within seconds.

    Once the first key is made, no server of this database answers without one, also when all are revoked.
    """


@keys.command()
@click.option("--name", required=True, metavar="N", help="Who will use it; it stands in the audit.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice(SCOPES), help="What it may; repeat.")
@click.option(
    "--tenant", default="default", show_default=True, metavar="T", help="Whose predictions it makes and sees."
)
@click.option("--expires", type=Lifetime(), metavar="TIME", help="How long it is good for: 90d, 12h, 30m [for ever]")
def create(name: str, scopes: tuple[str, ...], tenant: str, expires: timedelta | None) -> None:
    """Make a key and print it, once: it is kept nowhere."""
    from acrcast.errors import UsageError
    from acrcast_service.auth.api_keys import make_key
    from acrcast_service.auth.callers import LONGEST_NAME

    for option, text in (("--name", name), ("--tenant", tenant)):
        # the name stands in the audit beside the id
        if not 0 < len(text) <= LONGEST_NAME - 20 or not text.isprintable():
            raise UsageError(f"{option}: expected 1 to {LONGEST_NAME - 20} printable characters")
    chain = _chain()
    until = None if expires is None else datetime.now(UTC) + expires
    key, token = make_key(chain.engine, chain.keys, name=name, tenant=tenant, scopes=scopes, expires=until)
    click.echo(f"Key {key.key_id} for {name}. This is shown once:", err=True)
    click.echo(token)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_(as_json: bool) -> None:  # noqa: FBT001  click's flag
    """Every key that was made, with what it may and whether it still does."""
    import json

    from acrcast_service.audit.records import now
    from acrcast_service.auth.api_keys import all_keys

    rows = [
        {
            "id": key.key_id,
            "state": key.state(now()),
            "scopes": key.scopes,
            "tenant": key.tenant,
            "expires": key.expires_at or "never",
            "name": key.name,
        }
        for key in all_keys(_chain().engine)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(row.values()))


@keys.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """End a key, for good. ID: as `acrcast keys list` shows it."""
    from acrcast.errors import AcrcastError
    from acrcast_service.auth.api_keys import revoke_key

    if not revoke_key(_chain().engine, key_id):
        raise AcrcastError(f"{key_id}: no such key, or it is revoked already; acrcast keys list shows all")
    click.echo(f"revoked: {key_id}; running servers know within seconds")


def _chain() -> "Chain":
    from acrcast_service.audit.trail import looks_after_itself, open_chain
    from acrcast_service.settings import read_settings

    settings = read_settings()
    return open_chain(settings, may_make=looks_after_itself(settings))
