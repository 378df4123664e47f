"""`acrcast train`: from trial data to a registered model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, progress, write_json
from acrcast.console import table as show_table
from acrcast.errors import UsageError
from acrcast_training.commands.options import (
    engine_options,
    own_file,
    seed_option,
    tracking_uri_option,
    trial_data_options,
)
from acrcast_training.commands.promote import show_gates

if TYPE_CHECKING:
    from acrcast.promotion import JudgedGate
    from acrcast.studies import Study
    from acrcast_training.data.cohort import Cohort
    from acrcast_training.tracking.runs import Tracked
    from acrcast_training.train import Training


@click.command("train")
@trial_data_options
@click.option("--example", is_flag=True, help="Use the study's example table that comes with acrcast.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="New folder for the model. [default: one in .acrcast/models]",
)
@click.option("--register", metavar="NAME", help="Register the model in MLflow under this name.")
@tracking_uri_option
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    help="Repeats of the cross-validation. [default: 5, fewer above 5,000 patients]",
)
@click.option(
    "--resamples",
    type=click.IntRange(min=20),
    help="Bootstrap resamples of the validation. [default: 200, fewer above 5,000 patients]",
)
@seed_option
@engine_options
@json_option
def train(
    study: str,
    baseline: Path | None,
    visits: Sequence[Path],
    table: Path | None,
    mapping: Path | None,
    accept: Sequence[str],
    out: Path | None,
    register: str | None,
    tracking_uri: str | None,
    repeats: int | None,
    resamples: int | None,
    seed: int,
    engine: str,
    scheduler: str | None,
    workers: int | None,
    *,
    example: bool,
    as_json: bool,
) -> None:
    """Fit and compare the candidates on trial data; log and register the one chosen.

    Every candidate is judged on patients that it was not fitted to. The simplest within one standard error of the best
    is fitted to all patients and written as a model; where none beats quoting the arm's response rate, that is served.
    The run is logged to MLflow.

    \b
    Examples:
      acrcast train --study auranofin-ra --example
      acrcast train --study ld-il2-ra --baseline baseline.csv --visits visits.csv --register acr20
      acrcast train --study ld-il2-ra --baseline adsl.xpt --visits adqs.xpt --visits adlb.xpt --map map.toml
      acrcast train --study my_study.py --table trial.csv --engine dask --scheduler tls://10.0.0.5:8786
    """
    from acrcast.memory import given_back
    from acrcast.studies import load_study
    from acrcast_training.data.cohort import check
    from acrcast_training.engines.opening import Asked, opened
    from acrcast_training.promote import judge_folder
    from acrcast_training.select import usual_repeats
    from acrcast_training.state import new_folder
    from acrcast_training.tracking import runs, store
    from acrcast_training.train import steps, write
    from acrcast_training.train import train as run
    from acrcast_training.validate import usual_resamples

    asked = Asked(engine, scheduler, workers)
    chosen = load_study(study)
    table = _example_table(chosen, baseline, table) if example else table
    folder = out or new_folder("models", chosen.key)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: give a new folder for the model")
    with given_back():
        report = check(chosen, baseline=baseline, visits=visits, table=table, mapping=mapping, accept=accept)
    cohort = report.require_cohort()
    if not as_json:
        show_cohort(cohort)
        show_size(cohort)
    logged_in = store.ready(chosen.key, tracking_uri)
    repeats, resamples = repeats or usual_repeats(len(cohort)), resamples or usual_resamples(len(cohort))
    with opened(asked, own_file(study)) as who, progress("Resampling", steps(cohort, repeats, resamples)) as advance:
        training = run(
            cohort,
            seed=seed,
            repeats=repeats,
            resamples=resamples,
            accepted=report.accepted,
            progress=advance,
            engine=who,
        )
    training = write(training, register or chosen.key, folder)
    if not as_json:
        show_comparison(training)
        show_validation(training)
    tracked = runs.log(training, folder, register=register, own_study=own_file(study), store=logged_in)
    made = Made(training, folder, judge_folder(folder)[1], tracked, store.shown(logged_in), register)
    if as_json:
        write_json(as_data(made))
    else:
        show_made(made)


@dataclass(frozen=True, slots=True)
class Made:
    """What a training left. gates: what they will say when it is to become champion. register: the name it has in MLflow."""

    training: "Training"
    folder: Path
    gates: "Sequence[JudgedGate]"
    tracked: "Tracked"
    store: str
    register: str | None


def as_data(made: Made) -> dict[str, object]:
    """The training as JSON has it; its figures are those of the card, as `GET /model/card` gives it."""
    return {
        "folder": str(made.folder),
        "model": asdict(made.training.model.identity),
        "mlflow": {"store": made.store, "run": made.tracked.run_id},
        "registered": {"name": made.register, "version": made.tracked.version} if made.register else None,
        "gates": [gate.model_dump() for gate in made.gates],
        "card": made.training.model.card,
    }


def show_cohort(cohort: "Cohort") -> None:
    """Who is learned from: patients by arm."""
    from acrcast_training.data.cohort import flow

    kind = "simulated patients" if cohort.data_kind == "simulated" else "trial patients"
    click.echo(f"{cohort.study.title}: {cohort.study.endpoint.title}, {len(cohort)} {kind}\n")
    rows = [
        (
            arm.title,
            str(arm.randomised),
            str(arm.assessed),
            _share(arm.responders, arm.randomised),
            _share(arm.responders_per_protocol, arm.assessed),
        )
        for arm in flow(cohort)
    ]
    show_table(("Arm", "patients", "assessed", "responders, all (primary)", "responders, assessed"), rows)
    click.echo("Not assessed counts as not responding (non-responder imputation).\n")


def show_size(cohort: "Cohort") -> None:
    """What is done otherwise than for a small trial, and how to read it."""
    from acrcast_training.select import SMALL_TRIAL

    if len(cohort) > SMALL_TRIAL:
        click.echo(
            f"More than {SMALL_TRIAL:,} patients: fewer folds, repeats and resamples than for a small trial by default."
        )
        click.echo("With so many, small differences have intervals that exclude 0: judge by their size.\n")


def show_comparison(training: "Training") -> None:
    """How the candidates did on patients that they were not fitted to."""
    from acrcast_training.console import figure

    comparison = training.comparison
    click.echo(f"Candidates by {comparison.repeats} x {comparison.folds}-fold cross-validation (95 % intervals):\n")
    rows = [
        (
            ("> " if result.name == comparison.chosen else "  ") + result.name,
            f"{result.log_loss.value:.3f}",
            figure(result.gain, 3, sign="+"),
            figure(result.c_statistic, 2) if result.name != "prevalence" else "-",
            figure(result.calibration_slope, 2) if result.name != "prevalence" else "-",
        )
        for result in comparison.results
    ]
    show_table(("  Candidate", "log loss", "gain over response rate", "C statistic", "calibration slope"), rows)
    click.echo(f"\n{comparison.verdict}")


def show_validation(training: "Training") -> None:
    """What is to be expected in new patients: of the procedure that chose, and of the chosen candidate by itself."""
    from math import nan

    from acrcast.validation.performance import Estimate
    from acrcast_training.console import figure

    validation, served = training.validation, training.comparison.chosen
    procedure, found = validation.procedure, validation.optimism
    total = sum(procedure.chosen.values())
    choices = ", ".join(f"{name} {count} of {total}" for name, count in procedure.chosen.items() if count)
    click.echo(f"\nServed: {served}. With the choice inside, by nested cross-validation (chosen there: {choices}),")
    click.echo(f"and without it, by {found.resamples} bootstrap resamples ({found.failed + found.one_class} failed):\n")
    figures = (
        ("log loss", procedure.log_loss, found.log_loss, 3, ""),
        ("gain over response rate", procedure.gain, validation.gain, 3, "+"),
        ("C statistic", procedure.c_statistic, found.c_statistic, 2, ""),
        ("calibration slope", procedure.calibration_slope, found.slope, 2, ""),
    )
    # a response rate gains nothing over itself and tells nobody apart
    shown = figures[:2] if served == "prevalence" else figures
    rows = [
        (
            name,
            figure(nested, decimals, sign),
            figure(alone.corrected, decimals, sign),
            figure(Estimate(alone.apparent, nan, nan), decimals, sign),
        )
        for name, nested, alone, decimals, sign in shown
    ]
    show_table(("Figure", "to be expected (choice inside)", f"{served} by itself", "apparent"), rows)
    click.echo(f"\nSample size: {training.needed.verdict(len(training.cohort))}")


def show_made(made: Made) -> None:
    """Where everything is, and whether it may become champion."""
    click.echo(f"Model:  {made.folder}")
    click.echo(f"        {made.training.model.identity.digest}")
    click.echo(f"MLflow: run {made.tracked.run_id} in {made.store}")
    if made.register:
        click.echo(f"        registered as {made.register}, version {made.tracked.version}")
    click.echo("")
    show_gates(made.gates, with_remedy=True)
    if made.register:
        click.echo(f"Serve it once it is promoted: acrcast promote {made.register} {made.tracked.version}")


def _example_table(study: "Study", baseline: Path | None, table: Path | None) -> Path:
    from acrcast_training.data.examples import example_table

    if baseline or table:
        raise UsageError("--example is the data: leave out --baseline and --table")
    return example_table(study.key)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "0 of 0"
