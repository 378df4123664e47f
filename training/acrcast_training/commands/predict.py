"""`acrcast predict`: risks for every patient of a file."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from acrcast.console import json_option, progress, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import DATA_FILE, map_option


@click.command("predict")
@click.option("--model", "model_name", metavar="M", help="Folder or MLflow URI. [default: the released model]")
@click.option("--study", metavar="S", help="The study's file, for a study of your own.")
@click.option(
    "--in",
    "sources",
    required=True,
    multiple=True,
    type=DATA_FILE,
    metavar="F",
    help="Baseline of the patients: CSV, Parquet, SAS, Dataset-JSON or Excel. With --map any number of tables.",
)
@map_option
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="F",
    help="Where to write: CSV or Parquet by its ending.",
)
@click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Coverage of the intervals."
)
@click.option(
    "--estimates-only",
    is_flag=True,
    help="Risks alone, several times as fast: no intervals, and not where the patient lies.",
)
@json_option
def predict(
    model_name: str | None,
    study: str | None,
    sources: Sequence[Path],
    mapping: Path | None,
    target: Path,
    level: float,
    *,
    estimates_only: bool,
    as_json: bool,
) -> None:
    """Predict for every patient of a file.

    The numbers are those of the service, to the last digit. Columns: each arm's probability and interval, the benefit
    with its interval and its probability of being positive, where the patient lies against the training data, and what
    was missing.

    \b
    Examples:
      acrcast predict --in baseline.csv --out predictions.csv
      acrcast predict --in register.parquet --estimates-only --out estimates.parquet
      acrcast predict --in adsl.xpt --in adqs.xpt --in adlb.xpt --map map.toml --out predictions.csv
    """
    import pandas as pd

    from acrcast.table import prediction_columns
    from acrcast_training.data.patients import read_patients
    from acrcast_training.models import open_model

    if target.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{target}: give a file that ends in .csv or .parquet")
    model = open_model(model_name, study)
    ids, covariates = read_patients(model.study, sources, mapping)
    with progress("Predicting", len(covariates)) as advance:
        columns = prediction_columns(model, covariates, level=level, estimates_only=estimates_only, progress=advance)
    identity = model.identity
    frame = pd.DataFrame(
        {"patient_id": ids, **columns, "model_digest": identity.digest, "training_data": identity.training_data}
    )
    try:
        if target.suffix.lower() == ".csv":
            frame.to_csv(target, index=False)
        else:
            frame.to_parquet(target, index=False)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    outside = None if estimates_only else int((frame["support"] == "outside").sum())
    if as_json:
        write_json(
            {
                "file": str(target),
                "patients": len(frame),
                "outside": outside,
                "model": asdict(identity),
                "cautions": model.cautions,
                "intended_use": model.study.intended_use,
            }
        )
        return
    click.echo(
        f"{len(frame)} patients predicted by {identity.name} {identity.version} ({identity.training_data} data): {target}"
    )
    if outside:
        click.echo(f"{outside} of them lie outside the training data: their predictions are extrapolations.")
    for caution in model.cautions:
        click.echo(f"Caution: {caution}")
    click.echo(model.study.intended_use)
