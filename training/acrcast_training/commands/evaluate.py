"""`acrcast evaluate`: external validation of a fixed model, and updating it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acrcast.console import json_option, table, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import seed_option, trial_data_options

if TYPE_CHECKING:
    from acrcast_training.data.cohort import Cohort
    from acrcast_training.decision import Decision
    from acrcast_training.evaluate import Evaluation, Figures, Judged
    from acrcast_training.update import Updated

THRESHOLDS_SHOWN = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@click.command("evaluate")
@click.option("--model", "model_name", metavar="M", help="Folder or MLflow URI. [default: the released model]")
@trial_data_options
@click.option(
    "--update",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the model, updated as the data ask for, into this new folder.",
)
@click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Coverage of the intervals."
)
@seed_option
@json_option
def evaluate(
    model_name: str | None,
    study: str,
    baseline: Path | None,
    visits: Sequence[Path],
    table: Path | None,
    mapping: Path | None,
    accept: Sequence[str],
    folder: Path | None,
    level: float,
    seed: int,
    *,
    as_json: bool,
) -> None:
    """Judge a fixed model on patients that it was not made from (external validation).

    Each patient is predicted in the patient's own arm, by the model's own rule for missing measures. A closed test says
    which update the data ask for: keep, a new intercept, recalibration or revision. With --update it is written as a
    model of its own, whose card says what it was updated from; a model that is to be kept is not written again.

    \b
    Examples:
      acrcast evaluate --study ld-il2-ra --baseline baseline.csv --visits visits.csv
      acrcast evaluate --model models:/acr20@champion --study ld-il2-ra --table site_b.csv --update recalibrated
    """
    from acrcast_training.data.cohort import check
    from acrcast_training.decision import decide
    from acrcast_training.evaluate import evaluate as run
    from acrcast_training.models import open_model
    from acrcast_training.update import Updated, update

    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: give a new folder for the model")
    model = open_model(model_name, study)
    report = check(model.study, baseline=baseline, visits=visits, table=table, mapping=mapping, accept=accept)
    cohort = report.require_cohort()
    found, decision = run(model, cohort, level=level, seed=seed), decide(model, cohort)
    if not as_json:
        show(found, decision, cohort)
    updated: Updated | None = None
    try:
        if folder is not None:
            updated = update(model, cohort, decision, found, folder, seed=seed, accepted=report.accepted)
    finally:
        # a refused update takes nothing away from the evaluation
        if as_json:
            write_json(in_json(found, decision, updated, report.accepted))
    if folder is not None and not as_json:
        show_updated(updated)


def show(found: "Evaluation", decision: "Decision", cohort: "Cohort") -> None:
    """The figures in tables, and what they mean in sentences."""
    from acrcast_training.commands.train import show_cohort

    for caution in found.cautions:
        click.echo(f"Caution: {caution}")
    if found.cautions:
        click.echo("")
    click.echo(f"Model: {found.model.name} {found.model.version} ({found.candidate}, {found.model.training_data} data)")
    show_cohort(cohort)
    click.echo(f"All patients (primary analysis), {100 * found.level:g} % intervals:\n")
    table(("Figure", "value"), list(_figures(found.figures)))
    judged = [*found.arms, *([found.per_protocol] if found.per_protocol else [])]
    rows = [_part(part) for part in judged if part.figures]
    if rows:
        click.echo("\nIn some of them:\n")
        table(("Patients", "n", "responders", "C statistic", "calibration slope", "observed / expected"), rows)
    for part in judged:
        if part.reason:
            click.echo(f"{part.title}: {part.patients} patients, {part.reason}.")
    click.echo("\nNet benefit, in responders per 100 patients:\n")
    table(("Threshold", "by the model", "treat all", "treat none", "gain over the better"), list(_net_benefit(found)))
    places = {"inside": "inside", "edge": "at the edge of", "outside": "outside"}
    shares = ", ".join(f"{100 * share:.1f} % {places[place]}" for place, share in found.support.items())
    click.echo(f"\nPatients against the training data: {shares}.")
    click.echo(f"Sample size: {found.sample_size.verdict}")
    click.echo(f"Update: {decision.verdict}")
    if decision.action in ("intercept", "recalibrate"):
        click.echo(f"        log-odds become {decision.intercept:.3f} + {decision.slope:.3f} x the model's.")


def show_updated(updated: "Updated | None") -> None:
    """Where the updated model is, or that there is none."""
    if updated is None:
        click.echo("The data do not ask for an update: the model is kept, and nothing was written.")
        return
    click.echo(f"Updated model: {updated.folder}")
    click.echo(f"               {updated.model.identity.digest}")
    click.echo("Its figures on the same patients would flatter it: evaluate it on others.")


def _figures(figures: "Figures") -> Iterator[Sequence[str]]:
    from acrcast_training.console import figure

    errors = figures.calibration_errors
    distances = errors.reason or f"{errors.ici:.3f} / {errors.e50:.3f} / {errors.e90:.3f}"
    yield "C statistic (DeLong)", figure(figures.c_statistic, 2)
    yield "log loss", figure(figures.log_loss, 3)
    yield "gain over the rates of these very arms", figure(figures.gain_over_these_rates, 3, "+")
    yield "gain over the model's averages", figure(figures.gain_over_model_averages, 3, "+")
    yield "Brier score", figure(figures.brier, 3)
    yield "scaled Brier score", f"{figures.scaled_brier:.3f}"
    yield "calibration intercept (offset)", figure(figures.calibration_intercept, 2)
    yield "calibration slope", figure(figures.calibration_slope, 2)
    yield "observed / expected", figure(figures.observed_over_expected, 2)
    yield f"ICI / E50 / E90 ({errors.smoother})", distances


def _part(part: "Judged") -> Sequence[str]:
    from acrcast_training.console import figure

    figures = part.figures
    if figures is None:
        return ()
    shown = (figures.c_statistic, figures.calibration_slope, figures.observed_over_expected)
    return part.key, str(part.patients), str(part.responders), *(figure(estimate, 2) for estimate in shown)


def _net_benefit(found: "Evaluation") -> Iterator[Sequence[str]]:
    benefit, gain = found.net_benefit, found.net_benefit_gain
    for i, threshold in enumerate(benefit.threshold):
        if any(abs(threshold - shown) < 1e-9 for shown in THRESHOLDS_SHOWN):
            yield (
                f"{threshold:.2f}",
                f"{100 * benefit.model[i]:.1f}",
                f"{100 * benefit.treat_all[i]:.1f}",
                "0",
                f"{100 * gain.value[i]:+.1f} ({100 * gain.low[i]:+.1f} to {100 * gain.high[i]:+.1f})",
            )


def in_json(
    found: "Evaluation", decision: "Decision", updated: "Updated | None", accepted: Mapping[str, int]
) -> dict[str, Any]:
    """What `--json` writes of an evaluation and of the update that came of it. accepted: problems of the data, by code."""
    from acrcast_training.evaluate import as_data

    data: dict[str, Any] = as_data(found)
    return data | {
        "accepted_problems": dict(accepted),
        "decision": as_data(decision) | {"verdict": decision.verdict},
        "updated": _updated(updated),
    }


def _updated(updated: "Updated | None") -> dict[str, Any] | None:
    from acrcast_training.evaluate import as_data

    if updated is None:
        return None
    return {
        "folder": str(updated.folder),
        "model": as_data(updated.model.identity),
        "after_apparent": as_data(updated.after.figures),
    }
