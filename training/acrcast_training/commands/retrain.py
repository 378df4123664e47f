"""`acrcast retrain`: a challenger from what is known now."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import choice_of, outcome_data_options
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
@click.option(
    "--tracking-uri", metavar="URI", help="MLflow store. [default: MLFLOW_TRACKING_URI, or SQLite in .acrcast]"
)
@click.option("--repeats", type=click.IntRange(min=1), help="As of `acrcast train`.")
@click.option("--resamples", type=click.IntRange(min=20), help="As of `acrcast train`.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of every random step.")
@click.option("--override", is_flag=True, help="Register it although gates refuse; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why; recorded with the version.")
@json_option
def retrain(
    name: str,
    study: str,
    sources: Sequence[Path],
    baseline: Path | None,
    visits: Sequence[Path],
    accept: Sequence[str],
    due_after: int | None,
    grace: int,
    arm: str | None,
    tenant: str | None,
    as_of: datetime | None,
    champion: str | None,
    tracking_uri: str | None,
    repeats: int | None,
    resamples: int | None,
    seed: int,
    reason: str | None,
    *,
    simulated: bool,
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
    from acrcast_training.sources import read_sources
    from acrcast_training.state import state_folder
    from acrcast_training.tracking import CHALLENGER

    chosen = load_study(study)
    choice = choice_of(
        chosen, due_after=due_after, grace=grace, arm=arm, tenant=tenant, as_of=as_of, simulated=simulated
    )
    folder = state_folder() / "retrained" / name
    with alone(name, folder):
        found = read_sources(chosen, sources, baseline=baseline, visits=visits, accept=accept, choice=choice)
        if not as_json:
            show_sources(found)
        own_study = Path(study) if study.endswith(".py") else None
        asked = Asked(name, chosen, own_study, found, champion, tracking_uri, seed, repeats, resamples)
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
