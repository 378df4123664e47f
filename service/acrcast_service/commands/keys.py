"""`acrcast keys`."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, table, write_json

if TYPE_CHECKING:
    from acrcast_service.audit.chain import Chain
    from acrcast_service.auth.api_keys import ApiKey

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

    \b
    Example:
      acrcast keys create --name "record system" --scope predict --scope outcome --expires 90d
    """


@keys.command(short_help="Make a key and print it, once.")
@click.option("--name", required=True, metavar="N", help="Who will use it; it stands in the audit.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice(SCOPES), help="What it may; repeat.")
@click.option(
    "--tenant", default="default", show_default=True, metavar="T", help="Whose predictions it makes and sees."
)
@click.option("--expires", type=Lifetime(), metavar="TIME", help="How long it is good for: 90d, 12h, 30m [for ever]")
@json_option
def create(name: str, scopes: tuple[str, ...], tenant: str, expires: timedelta | None, *, as_json: bool) -> None:
    """Make a key and print it, once: it is kept nowhere.

    \b
    Examples:
      acrcast keys create --name "record system" --scope predict --scope outcome --tenant north --expires 90d
      acrcast keys create --name prometheus --scope admin
    """
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
    if as_json:
        write_json(_as_data(key) | {"token": token})
        return
    click.echo(f"Key {key.key_id} for {name}. This is shown once:", err=True)
    click.echo(token)


@keys.command("list", short_help="Every key that was made.")
@json_option
def list_(*, as_json: bool) -> None:
    """Every key that was made, with what it may and whether it still does.

    \b
    Example:
      acrcast keys list --json
    """
    from acrcast_service.auth.api_keys import all_keys

    found = [_as_data(key) for key in all_keys(_chain().engine)]
    if as_json:
        write_json(found)
        return
    headings = ("id", "state", "scopes", "tenant", "expires", "name")
    table(headings, [[key[heading] for heading in headings] for key in found], words=len(headings))


@keys.command(short_help="End a key, for good.")
@click.argument("key_id", metavar="ID")
@json_option
def revoke(key_id: str, *, as_json: bool) -> None:
    """End a key, for good. ID: as `acrcast keys list` shows it.

    \b
    Example:
      acrcast keys revoke 3f2a9c81d0e4
    """
    from acrcast.errors import AcrcastError
    from acrcast_service.auth.api_keys import revoke_key

    if not revoke_key(_chain().engine, key_id):
        raise AcrcastError(f"{key_id}: no such key, or it is revoked already; acrcast keys list shows all")
    if as_json:
        write_json({"revoked": key_id})
    else:
        click.echo(f"revoked: {key_id}; running servers know within seconds")


def _as_data(key: "ApiKey") -> dict[str, str]:
    """A key as JSON has it; scopes are words in one text, and the key itself is not kept."""
    from acrcast_service.audit.records import now

    return {
        "id": key.key_id,
        "state": key.state(now()),
        "scopes": key.scopes,
        "tenant": key.tenant,
        "expires": key.expires_at or "never",
        "name": key.name,
    }


def _chain() -> "Chain":
    from acrcast_service.audit.opening import looks_after_itself, open_chain
    from acrcast_service.settings import read_settings

    settings = read_settings()
    return open_chain(settings, may_make=looks_after_itself(settings))
