"""`acrcast retrain`: a challenger from what is known now."""

from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import (
    OutcomeData,
    outcome_data_options,
    own_file,
    seed_option,
    tracking_uri_option,
)
from acrcast_training.commands.promote import show_gates
from acrcast_training.commands.recalibrate import show_sources

if TYPE_CHECKING:
    from acrcast_training.retraining.running import Done


@click.command("retrain")
@click.argument("name")
@outcome_data_options
@click.option(
    "--champion",
    metavar="M",
    help="Folder or MLflow URI of the model to compare with. [default: models:/NAME@champion]",
)
@tracking_uri_option
@click.option("--repeats", type=click.IntRange(min=1), help="As of `acrcast train`.")
@click.option("--resamples", type=click.IntRange(min=20), help="As of `acrcast train`.")
@seed_option
@click.option("--override", is_flag=True, help="Register it although gates refuse; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why; recorded with the version.")
@json_option
def retrain(
    name: str,
    champion: str | None,
    tracking_uri: str | None,
    repeats: int | None,
    resamples: int | None,
    seed: int,
    reason: str | None,
    *,
    data: OutcomeData,
    override: bool,
    as_json: bool,
) -> None:
    """Train anew on trial tables and recorded outcomes, compare with the champion, and register the challenger.

    Give the champion's own training data too, if it is to be learned from again. The comparison is on patients whom the champion
    has not seen; a part of them is held out from the retrained model as well. One page says what changed. A gate that refuses
    ends the command with exit code 4, and nothing is registered. Interrupted, the same command goes on or begins anew.

    \b
    Examples:
      acrcast retrain acr20 --study ld-il2-ra --baseline baseline.csv --visits visits.csv --from export.jsonl
      acrcast retrain acr20 --study my_study.py --from trial.csv --from other_hospital.csv
    """
    reason = " ".join((reason or "").split()) or None
    if override and reason is None:
        raise UsageError("--override needs --reason TEXT: it is recorded with the version")
    from acrcast.studies import load_study
    from acrcast_training.retraining.running import Asked, register, run
    from acrcast_training.retraining.workplace import alone
    from acrcast_training.state import state_folder
    from acrcast_training.tracking.registry import CHALLENGER

    chosen = load_study(data.study)
    folder = state_folder() / "retrained" / name
    with alone(name, folder):
        found = data.read(chosen)
        if not as_json:
            show_sources(found)
        asked = Asked(name, chosen, own_file(data.study), found, champion, tracking_uri, seed, repeats, resamples)
        done = run(asked, folder)
        if not as_json:
            show(done)
        version = register(asked, done, reason=reason, override=override)
    if as_json:
        write_json(in_json(name, version, done))
        return
    click.echo(f"Registered as {name}, version {version}, the challenger.")
    click.echo(f"Let it predict in the champion's shadow: ACRCAST_CHALLENGER=models:/{name}@{CHALLENGER}")
    click.echo(f"Make it the champion: acrcast promote {name} {version}")


def show(done: "Done") -> None:
    """Where the model and its page are, and what the gates say."""
    if done.result.resumed:
        click.echo("This was done before: the model and its page are taken as they are.")
    click.echo(f"Model:        {done.result.model}")
    click.echo(f"What changed: {done.result.page}\n")
    show_gates(done.gates, with_remedy=True)


def in_json(name: str, version: int, done: "Done") -> dict[str, object]:
    """What `--json` writes: the challenger, where it and its page are, and its gates."""
    return {
        "name": name,
        "version": version,
        "folder": str(done.result.model),
        "page": str(done.result.page),
        "resumed": done.result.resumed,
        "gates": [gate.model_dump() for gate in done.gates],
    }
