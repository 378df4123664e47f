"""`acrcast sample-size`: how many patients a model needs to be developed."""

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError


@click.command("sample-size")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    required=True,
    help="Anticipated share of responders.",
)
@click.option(
    "--parameters",
    type=click.IntRange(min=1),
    required=True,
    help="Candidate terms of the model, without the intercept.",
)
@click.option(
    "--c-statistic", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), help="Anticipated C statistic."
)
@click.option(
    "--r2",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Anticipated Cox-Snell R2, instead. [default: 15 % of the largest]",
)
@click.option(
    "--patients", type=click.IntRange(min=1), help="The patients there are; says by how many they fall short."
)
@json_option
def sample_size(
    rate: float, parameters: int, c_statistic: float | None, r2: float | None, patients: int | None, *, as_json: bool
) -> None:
    """How many patients a model needs, by the criteria of Riley et al. 2020.

    \b
    Examples:
      acrcast sample-size --rate 0.55 --parameters 20 --c-statistic 0.7
      acrcast sample-size --rate 0.55 --parameters 20 --patients 47
    """
    from acrcast.validation.sample_size import development_size, r2_of_c_statistic, usual_r2

    if c_statistic and r2:
        raise UsageError("give --c-statistic or --r2, not both")
    anticipated = r2 or (r2_of_c_statistic(c_statistic, rate) if c_statistic else usual_r2(rate))
    try:
        size = development_size(anticipated, parameters, rate)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if as_json:
        write_json(
            {
                "patients": size.patients,
                "by_shrinkage": size.shrinkage,
                "by_optimism": size.optimism,
                "by_rate": size.rate,
                "parameters": parameters,
                "r2_cox_snell": size.r2_cox_snell,
                "short_by": None if patients is None else max(0, size.patients - patients),
            }
        )
        return
    click.echo(f"{parameters} parameters, response rate {rate:g}, Cox-Snell R2 {anticipated:.3f}:")
    click.echo(f"  {size.shrinkage:>6}  so that predictions need to shrink by at most a tenth")
    click.echo(f"  {size.optimism:>6}  so that apparent and true fit differ by at most 0.05 of the largest R2")
    click.echo(f"  {size.rate:>6}  so that the overall response rate is known to 0.05")
    click.echo(size.verdict(patients) if patients else f"{size.patients} patients are needed.")
