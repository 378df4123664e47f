"""`acrcast sample-size`: how many patients a model needs to be developed, and to be validated in others."""

from typing import TYPE_CHECKING, Any

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError

if TYPE_CHECKING:
    from acrcast.validation.sample_size import ExternalSize, SampleSize

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("sample-size")
@click.option("--rate", type=SHARE, required=True, help="Anticipated share of responders.")
@click.option(
    "--parameters",
    type=click.IntRange(min=1),
    help="Candidate terms of the model, without the intercept. Without it only the validation is sized.",
)
@click.option(
    "--c-statistic", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), help="Anticipated C statistic."
)
@click.option("--r2", type=SHARE, help="Anticipated Cox-Snell R2, instead. [default: 15 % of the largest]")
@click.option("--threshold", type=SHARE, help="A risk at which net benefit is to be known in other patients.")
@click.option(
    "--patients", type=click.IntRange(min=1), help="The patients there are; says by how many they fall short."
)
@json_option
def sample_size(
    rate: float,
    parameters: int | None,
    c_statistic: float | None,
    r2: float | None,
    threshold: float | None,
    patients: int | None,
    *,
    as_json: bool,
) -> None:
    """How many patients a model needs to be developed, and to be validated in others.

    By the criteria of Riley et al. 2020 and 2021. The C statistic implies R2, and R2 the C statistic.

    \b
    Examples:
      acrcast sample-size --rate 0.55 --parameters 20 --c-statistic 0.7
      acrcast sample-size --rate 0.55 --parameters 20 --patients 47
      acrcast sample-size --rate 0.55 --c-statistic 0.7 --threshold 0.5
    """
    from acrcast.validation.sample_size import (
        c_statistic_of_r2,
        development_size,
        external_size,
        r2_of_c_statistic,
        usual_r2,
    )

    if c_statistic and r2:
        raise UsageError("give --c-statistic or --r2, not both")
    try:
        r2 = r2 or (r2_of_c_statistic(c_statistic, rate) if c_statistic else usual_r2(rate))
        c_statistic = c_statistic or c_statistic_of_r2(r2, rate)
        to_develop = development_size(r2, parameters, rate) if parameters else None
        to_validate = external_size(c_statistic, rate, threshold=threshold)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if as_json:
        write_json(_figures(to_develop, to_validate, r2, c_statistic, patients))
        return
    if to_develop is not None:
        click.echo(f"{parameters} parameters, response rate {rate:g}, Cox-Snell R2 {r2:.3f}:")
        click.echo(f"  {to_develop.shrinkage:>6}  so that predictions need to shrink by at most a tenth")
        click.echo(
            f"  {to_develop.optimism:>6}  so that apparent and true fit differ by at most 0.05 of the largest R2"
        )
        click.echo(f"  {to_develop.rate:>6}  so that the overall response rate is known to 0.05")
        click.echo(to_develop.verdict(patients) if patients else f"{to_develop.patients} patients are needed.")
        click.echo()
    click.echo(f"To validate it in other patients, at a C statistic of {c_statistic:.2f}:")
    click.echo(
        f"  {to_validate.observed_over_expected:>6}  so that the interval of observed over expected is at most 0.2 wide"
    )
    click.echo(f"  {to_validate.slope:>6}  so that the interval of the calibration slope is at most 0.2 wide")
    click.echo(f"  {to_validate.c_statistic:>6}  so that the interval of the C statistic is at most 0.1 wide")
    if threshold is not None:
        net_benefit = f"net benefit at {threshold:g}, as a share of the response rate,"
        click.echo(f"  {to_validate.net_benefit:>6}  so that the interval of the {net_benefit} is at most 0.2 wide")
    needed = f"{to_validate.patients} patients are needed, of whom {to_validate.responders} respond."
    click.echo(to_validate.verdict(patients) if patients else needed)


def _figures(
    to_develop: "SampleSize | None", to_validate: "ExternalSize", r2: float, c_statistic: float, patients: int | None
) -> dict[str, Any]:
    def short_by(needed: int) -> int | None:
        return None if patients is None else max(0, needed - patients)

    return {
        "patients": to_develop and to_develop.patients,
        "by_shrinkage": to_develop and to_develop.shrinkage,
        "by_optimism": to_develop and to_develop.optimism,
        "by_rate": to_develop and to_develop.rate,
        "parameters": to_develop and to_develop.parameters,
        "r2_cox_snell": r2,
        "short_by": to_develop and short_by(to_develop.patients),
        "validation": {
            "patients": to_validate.patients,
            "responders": to_validate.responders,
            "by_observed_over_expected": to_validate.observed_over_expected,
            "by_slope": to_validate.slope,
            "by_c_statistic": to_validate.c_statistic,
            "by_net_benefit": to_validate.net_benefit,
            "c_statistic": round(c_statistic, 6),
            "short_by": short_by(to_validate.patients),
        },
    }
