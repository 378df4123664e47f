"""`acrcast recalibrate`: the least update of a model that new outcomes ask for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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

if TYPE_CHECKING:
    from acrcast_training.sources import Source
    from acrcast_training.update import Updated


@click.command("recalibrate")
@click.option("--model", "model_name", metavar="M", help="Folder or MLflow URI. [default: the released model]")
@outcome_data_options
@click.option(
    "--at-most",
    type=click.Choice(["recalibrate", "revise"]),
    default="revise",
    show_default=True,
    help="The largest update to think of.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="New folder for the model. [default: one in .acrcast/models]",
)
@click.option("--register", metavar="NAME", help="Register it in MLflow under this name, as the challenger.")
@tracking_uri_option
@seed_option
@json_option
def recalibrate(
    model_name: str | None,
    at_most: Literal["recalibrate", "revise"],
    out: Path | None,
    register: str | None,
    tracking_uri: str | None,
    seed: int,
    *,
    data: OutcomeData,
    as_json: bool,
) -> None:
    """Update a model as far as new outcomes ask for it, and no further: by closed testing.

    The outcomes are those that a server recorded, or those of a table. Keep, a new intercept, recalibration or revision is
    chosen as in `acrcast evaluate`. What is written is a model of its own, whose card has the history; a model that is to be
    kept is not written again.

    \b
    Examples:
      acrcast recalibrate --model models:/acr20@champion --study ld-il2-ra --from export.jsonl --register acr20
      acrcast recalibrate --study ld-il2-ra --from other_hospital.csv --out recalibrated
    """
    from acrcast_training.commands.evaluate import in_json, show, show_updated
    from acrcast_training.decision import decide
    from acrcast_training.evaluate import evaluate
    from acrcast_training.models import open_model
    from acrcast_training.promote import judge_folder
    from acrcast_training.sources import accepted, described, joined
    from acrcast_training.state import new_folder
    from acrcast_training.update import update

    model = open_model(model_name, data.study)
    folder = out or new_folder("models", model.study.key)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: give a new folder for the model")
    found = data.read(model.study)
    cohort = joined(found)
    before, decision = evaluate(model, cohort, seed=seed), decide(model, cohort, most=at_most)
    if not as_json:
        show_sources(found)
        show(before, decision, cohort)
    updated = update(
        model, cohort, decision, before, folder, seed=seed, accepted=accepted(found), sources=described(found)
    )
    if not as_json:
        show_updated(updated)
    gates = () if updated is None else judge_folder(updated.folder)[1]
    if gates and not as_json:
        show_gates(gates, with_remedy=True)
    version = None
    if updated is not None and register is not None:
        version = registered(updated, register, own_file(data.study), tracking_uri)
        if not as_json:
            show_registered(register, version)
    if as_json:
        said = in_json(before, decision, updated, accepted(found))
        write_json(said | {"gates": [gate.model_dump() for gate in gates], "registered": version})


def show_sources(sources: "Sequence[Source]") -> None:
    """What was read, and what was left out."""
    for source in sources:
        click.echo(f"{source.name}: {len(source.cohort)} patients")
        for reason, count in source.left_out.items():
            click.echo(f"  left out: {count}, {reason}")
    click.echo("")


def registered(updated: "Updated", name: str, own_study: Path | None, store: str | None) -> int:
    """Its version in MLflow, now the challenger."""
    from acrcast_training.tracking import registry, runs

    (*_, entry) = updated.model.card["history"]
    reason = f"{entry['what']} on {entry['patients']} patients"
    tracked = runs.log_folder(
        updated.folder, updated.model, register=name, own_study=own_study, store=store, tags={"update": entry["what"]}
    )
    version = tracked.version or 0
    registry.set_alias(name, version, registry.CHALLENGER, reason=reason, store=store)
    return version


def show_registered(name: str, version: int) -> None:
    """How it goes on from here."""
    from acrcast_training.tracking.registry import CHALLENGER

    click.echo(f"Registered as {name}, version {version}, the challenger.")
    click.echo(f"Let it predict in the champion's shadow: ACRCAST_CHALLENGER=models:/{name}@{CHALLENGER}")
