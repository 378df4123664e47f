"""`acrcast promote`: which version of a registered model serves."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import click

from acrcast.console import coloured, json_option, write_json
from acrcast.errors import GateRefusal, UsageError
from acrcast_training.commands.options import tracking_uri_option

if TYPE_CHECKING:
    from acrcast.promotion import JudgedGate, Promotion

CHAMPION = "champion"
NEWS: Mapping[str, Literal["good", "bad"]] = {"passed": "good", "failed": "bad"}


@click.command("promote")
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
@click.option(
    "--alias", default=CHAMPION, show_default=True, help="champion is what serves; challenger is compared with it."
)
@click.option("--override", is_flag=True, help="Make it champion although gates refuse; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why; recorded with the version and shown with the model.")
@tracking_uri_option
@json_option
def promote(
    name: str, version: int, alias: str, reason: str | None, tracking_uri: str | None, *, override: bool, as_json: bool
) -> None:
    """Make a registered version the champion (or another alias).

    To become champion a version passes gates: it beats the arm's response rate, its calibration slope is within limits,
    its data and code are recorded. One that refuses ends the command with exit code 4 and nothing is changed. --override
    goes past it; that it did and why is recorded in MLflow and shown on the model's card. Other aliases have no gates.

    \b
    Examples:
      acrcast promote acr20 3 --reason "retrained on 120 more patients"
      acrcast promote acr20 3 --override --reason "for a comparison in silent mode"
    """
    reason = " ".join((reason or "").split()) or None
    if override and alias != CHAMPION:
        raise UsageError(f"--override: only {CHAMPION} has gates, {alias} has none")
    if override and reason is None:
        raise UsageError("--override needs --reason TEXT: it is recorded and shown with the model")
    from acrcast_training.promote import judge_registered, make_champion
    from acrcast_training.tracking.registry import set_alias

    promotion: Promotion | None = None
    try:
        if alias == CHAMPION:
            promotion = judge_registered(name, version, reason=reason, store=tracking_uri)
            if not as_json:
                show_gates(promotion.gates)
            make_champion(promotion, override=override, store=tracking_uri)
        else:
            set_alias(name, version, alias, reason=reason, store=tracking_uri)
    except GateRefusal:
        if as_json:
            write_json(as_data(name, version, alias, reason, promotion, promoted=False))
        raise
    if as_json:
        write_json(as_data(name, version, alias, reason, promotion, promoted=True))
        return
    if promotion is not None and promotion.overridden:
        codes = ", ".join(gate.code for gate in promotion.overridden)
        click.echo(f"Overridden: {codes}. Reason, on record and on the model's card: {promotion.reason}")
    click.echo(f"models:/{name}@{alias} is version {version}. Serve it: acrcast serve --model models:/{name}@{alias}")


def as_data(
    name: str, version: int, alias: str, reason: str | None, promotion: "Promotion | None", *, promoted: bool
) -> dict[str, object]:
    """The promotion as JSON has it. promotion: None for an alias without gates."""
    return {
        "promoted": promoted,
        "name": name,
        "version": version,
        "alias": alias,
        "reason": reason,
        "digest": promotion.digest if promotion else None,
        "gates": [gate.model_dump() for gate in promotion.gates] if promotion else [],
        "overridden": [gate.code for gate in promotion.overridden] if promotion and promoted else [],
    }


def show_gates(gates: "Iterable[JudgedGate]", *, with_remedy: bool = False) -> None:
    """A line for each gate. with_remedy: and what to do about those that failed."""
    from acrcast_training.gates import remedy

    click.echo("Gates to become champion:")
    for gate in gates:
        status = f"{gate.status:<14}"
        if gate.status in NEWS:
            status = coloured(status, NEWS[gate.status])
        click.echo(f"  {status}  {gate.code}  {gate.title}: {gate.measured}")
        if gate.missed:
            click.echo(f"{'':26}{gate.missed} (asked: {gate.limit})")
            if with_remedy:
                click.echo(f"{'':26}What to do: {remedy(gate.code)}")
