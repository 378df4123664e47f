"""`acrcast simulate`: a made-up trial, for trying things out and for testing methods."""

from pathlib import Path

import click

from acrcast.console import json_option, write_json


@click.command("simulate")
@click.option(
    "--patients",
    type=click.IntRange(min=2),
    default=600,
    show_default=True,
    help="Patients to randomise, both arms together.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same trial."
)
@click.option(
    "--treg-interaction",
    type=float,
    default=-0.6,
    show_default=True,
    help="Log-odds of the treatment effect per SD of Treg; 0 for none.",
)
@click.option("--il21-interaction", type=float, default=0.5, show_default=True, help="The same per SD of IL-21.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for baseline.csv, visits.csv and truth.csv.",
)
@json_option
def simulate(
    patients: int, seed: int, treg_interaction: float, il21_interaction: float, out: Path, *, as_json: bool
) -> None:
    """Write a simulated trial of ld-il2-ra: baseline, visits and the true risks.

    Calibrated to published figures; docs/simulator.md compares them. The two interactions are assumptions. Every patient
    is marked `simulated`, and so is whatever is trained on them. truth.csv holds each patient's true risk in both arms: it
    is for testing methods, and never for training.

    \b
    Example:
      acrcast simulate --patients 600 --seed 1 --out trial
    """
    from acrcast_training.data.simulator import SimulationOptions, write
    from acrcast_training.data.simulator import simulate as run

    options = SimulationOptions(
        patients=patients, seed=seed, treg_interaction=treg_interaction, il21_interaction=il21_interaction
    )
    baseline, visits, truth = write(run(options), out)
    if as_json:
        write_json({"patients": patients, "baseline": str(baseline), "visits": str(visits), "truth": str(truth)})
    else:
        click.echo(f"{patients} simulated patients: {baseline}, {visits}; true risks: {truth}")
