"""`acrcast operating-characteristics`: what a trial of n patients can teach."""

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, progress, table, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import seed_option

if TYPE_CHECKING:
    from acrcast_training.operating_characteristics import Figure, Summary

FEWEST_PATIENTS = 20
# Names of acrcast.estimators.candidates and of the truths, here so that --help needs neither; a test compares them.
CANDIDATES = ("prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost")
LOGISTIC = CANDIDATES[:-1]
# What the others are compared with, and what is judged whether chosen or not.
ALWAYS = ("prevalence", "hierarchical")
EFFECTS = ("true", "no-modifiers", "none")


@click.command("operating-characteristics")
@click.option(
    "--patients",
    type=click.IntRange(min=FEWEST_PATIENTS),
    multiple=True,
    required=True,
    metavar="N",
    help="Patients of a trial; may be repeated.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=2),
    multiple=True,
    default=(500,),
    show_default=True,
    metavar="T",
    help="Trials to simulate: once for all, or once for each --patients.",
)
@click.option(
    "--effects",
    type=click.Choice(EFFECTS),
    multiple=True,
    default=("true",),
    show_default=True,
    help="The truth: the simulator's, without effect modifiers, or no measure matters at all; may be repeated.",
)
@seed_option
@click.option(
    "--candidates",
    type=click.Choice(CANDIDATES),
    multiple=True,
    default=LOGISTIC,
    help="Candidates besides prevalence; may be repeated. [default: all but xgboost, which is slow]",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=2, show_default=True, help="Repeats of the cross-validation."
)
@click.option("--processes", type=click.IntRange(min=1), metavar="P", help="Processes. [default: one for each core]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder that keeps every finished trial. [default: one in .acrcast]",
)
@click.option("--markdown", is_flag=True, help="Write Markdown tables.")
@json_option
def operating_characteristics(
    patients: Sequence[int],
    trials: Sequence[int],
    effects: Sequence[str],
    seed: int,
    candidates: Sequence[str],
    repeats: int,
    processes: int | None,
    out: Path | None,
    *,
    markdown: bool,
    as_json: bool,
) -> None:
    """Simulate many trials of known truth and say how the whole procedure fares.

    Each trial is simulated for ld-il2-ra and goes through what `train` does; the model is then judged on new patients
    whose true risks are known. Every finished trial is kept: the same command goes on where it was stopped, and more
    --trials are added to those there are. docs/operating-characteristics.md says how to read the tables.

    \b
    Examples:
      acrcast operating-characteristics --patients 47 --trials 100
      acrcast operating-characteristics --patients 47 --patients 240 --effects true --effects none --trials 500
    """
    from acrcast_training.operating_characteristics import Results, Setting, run, summarise
    from acrcast_training.state import state_folder

    if markdown and as_json:
        raise UsageError("give --markdown or --json, not both")
    if len(set(patients)) < len(patients) or len(trials) not in (1, len(patients)):
        raise UsageError("give each --patients once, and --trials once for all or once for each --patients")
    counts = dict(zip(patients, list(trials) * (len(patients) if len(trials) == 1 else 1), strict=True))
    compared = tuple(name for name in CANDIDATES if name in {*ALWAYS, *candidates})
    wanted = {
        Setting(n, effect, seed, compared, repeats): counts[n]
        for effect in EFFECTS
        if effect in effects
        for n in patients
    }
    results = Results(out or state_folder() / "operating-characteristics")
    click.echo(f"Finished trials are kept in {results.path}: the same command goes on where it was stopped.", err=True)
    with progress("Trials", sum(wanted.values())) as advance:
        outcomes = run(wanted, results, processes=processes or os.cpu_count() or 1, progress=advance)
    summaries = [summarise(setting, found) for setting, found in outcomes.items()]
    if as_json:
        write_json([as_data(summary) for summary in summaries])
    else:
        show(summaries, markdown=markdown)


def as_data(summary: "Summary") -> dict[str, object]:
    """One setting as JSON has it; a figure that no trial gave is absent."""
    setting = summary.setting
    return {
        "patients": setting.patients,
        "effects": setting.effects,
        "seed": setting.seed,
        "candidates": list(setting.candidates),
        "repeats": setting.repeats,
        "trials": summary.trials,
        "failed": summary.failed,
        "figures": {
            figure.name: {
                "value": figure.value,
                "standard_error": None if isnan(figure.standard_error) else figure.standard_error,
                "trials": figure.trials,
            }
            for figure in summary.figures
            if figure.trials
        },
    }


def show(summaries: Sequence["Summary"], *, markdown: bool) -> None:
    """A table for each truth: a row for each figure, a column for each size of trial."""
    from acrcast_training.operating_characteristics import EFFECTS as TRUTHS

    for effects, group in groupby(summaries, key=lambda summary: summary.setting.effects):
        of_truth = list(group)
        headings = (effects, *(f"n = {summary.setting.patients}" for summary in of_truth))
        rows = list(_rows(of_truth))
        if markdown:
            click.echo(f"Truth `{effects}`: {TRUTHS[effects].title}.\n")
            lines = [headings, ["---"] + ["---:"] * len(of_truth), *rows]
            click.echo("\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n")
        else:
            click.echo(f"Truth {effects}: {TRUTHS[effects].title}.\n")
            table(headings, rows)
            click.echo("")
    if not markdown:
        click.echo(
            "In brackets the Monte-Carlo standard error. docs/operating-characteristics.md says what each row is."
        )


def _rows(summaries: Sequence["Summary"]) -> Iterator[Sequence[str]]:
    yield ("trials", *(str(summary.trials) for summary in summaries))
    if any(summary.failed for summary in summaries):
        yield ("trials that could not be fitted", *(str(summary.failed) for summary in summaries))
    for figures in zip(*(summary.figures for summary in summaries), strict=True):
        if any(figure.trials for figure in figures):
            yield (figures[0].name, *map(_cell, figures))


def _cell(figure: "Figure") -> str:
    if not figure.trials:
        return "-"
    error = "" if isnan(figure.standard_error) else f" ({figure.standard_error:.3f})"
    return f"{figure.value:.3f}{error}"
