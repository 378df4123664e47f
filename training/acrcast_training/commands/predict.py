"""`acrcast predict`: risks for every patient of a file, or of a folder of files."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, progress, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import DATA_FILE, engine_options, map_option, own_file
from acrcast_training.engines.opening import LOCAL, Asked

if TYPE_CHECKING:
    from acrcast.response_model import ResponseModel
    from acrcast_training.predictions import Done, PredictionsFile


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
    help="Baseline of the patients: CSV, Parquet, SAS, Dataset-JSON or Excel; or a folder of Parquet files. With --map any number of tables.",
)
@map_option
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="F",
    help="Where to write: CSV or Parquet by its ending; a folder for a folder.",
)
@click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Coverage of the intervals."
)
@click.option(
    "--estimates-only",
    is_flag=True,
    help="Risks alone, several times as fast: no intervals, and not where the patient lies.",
)
@engine_options
@json_option
def predict(
    model_name: str | None,
    study: str | None,
    sources: Sequence[Path],
    mapping: Path | None,
    target: Path,
    level: float,
    engine: str,
    scheduler: str | None,
    workers: int | None,
    *,
    estimates_only: bool,
    as_json: bool,
) -> None:
    """Predict for every patient of a file, or of a folder of Parquet files.

    The numbers are those of the service, to the last digit. Columns: each arm's probability and interval, the benefit
    with its interval and its probability of being positive, where the patient lies against the training data, and what
    was missing.

    Of a folder each file is a partition. Its predictions appear whole, under its name, and the same command goes on
    after an interruption.

    \b
    Examples:
      acrcast predict --in baseline.csv --out predictions.csv
      acrcast predict --in register.parquet --estimates-only --out estimates.parquet
      acrcast predict --in adsl.xpt --in adqs.xpt --in adlb.xpt --map map.toml --out predictions.csv
      acrcast predict --in patients/ --out predictions/ --engine dask
      acrcast predict --in patients/ --out predictions/ --engine dask --scheduler tls://10.0.0.5:8786
    """
    from acrcast_training.models import open_model

    asked = Asked(engine, scheduler, workers)
    if folders := [source for source in sources if source.is_dir()]:
        if len(sources) > 1 or mapping is not None:
            raise UsageError(f"{folders[0]}: a folder is predicted by itself: leave out --map and every other --in")
        if estimates_only:
            raise UsageError("--estimates-only is for a file: leave it out for a folder")
        model, done = _predict_folder(model_name, study, folders[0], target, level, asked)
        _show(model, target, done, as_json=as_json)
        return
    if asked.engine != LOCAL:
        raise UsageError(f"--engine {asked.engine} is for folders: give --in a folder of Parquet files")
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{target}: give a file that ends in .csv or .parquet")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: cannot be written: there is no folder {target.parent}")
    model = open_model(model_name, study)
    try:
        done = _predict_file(model, sources, mapping, target, level, estimates_only=estimates_only)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    _show(model, target, done, as_json=as_json)


def _predict_file(
    model: "ResponseModel",
    sources: Sequence[Path],
    mapping: Path | None,
    target: Path,
    level: float,
    *,
    estimates_only: bool,
) -> "Done":
    """Raises DataError when the patients are not valid, OSError when the target cannot be written."""
    from acrcast_training.predictions import PredictionsFile, whole

    if target.suffix.lower() == ".csv":
        return _predict_csv(model, sources, mapping, target, level, estimates_only=estimates_only)
    is_typed = mapping is None and [source.suffix.lower() for source in sources] == [".parquet"]
    with whole(target) as draft:

        def opened() -> PredictionsFile:
            return PredictionsFile(draft, model, level=level, estimates_only=estimates_only)

        done = _predict_typed(model, sources[0], opened) if is_typed else None
        if done is None:
            # reading text takes longer to import than 100,000 typed patients take
            from acrcast_training.data.patients import read_patients

            ids, covariates = read_patients(model.study, sources, mapping)
            with progress("Predicting", len(covariates)) as advance, opened() as file:
                file.add(ids, covariates, advance)
            done = file.done
    return done


def _predict_typed(model: "ResponseModel", source: Path, opened: "Callable[[], PredictionsFile]") -> "Done | None":
    """Part after part of a file of typed columns; None, and what was written is of no use, when it is none or has no rows."""
    from acrcast_training.data.typed_patients import rows_of, typed_parts
    from acrcast_training.predictions import ROWS_OF_A_PART

    if not (count := rows_of(source)):
        return None
    with progress("Predicting", count) as advance, opened() as file:
        for part in typed_parts(model.study, source, ROWS_OF_A_PART):
            if part is None:
                return None
            file.add(*part, advance)
    return file.done


def _predict_csv(
    model: "ResponseModel",
    sources: Sequence[Path],
    mapping: Path | None,
    target: Path,
    level: float,
    *,
    estimates_only: bool,
) -> "Done":
    import pandas as pd

    from acrcast.table import prediction_columns
    from acrcast_training.data.patients import read_patients
    from acrcast_training.predictions import Done

    ids, covariates = read_patients(model.study, sources, mapping)
    with progress("Predicting", len(covariates)) as advance:
        columns = prediction_columns(model, covariates, level=level, estimates_only=estimates_only, progress=advance)
    of_model = {"model_digest": model.identity.digest, "training_data": model.identity.training_data}
    pd.DataFrame({"patient_id": ids, **columns, **of_model}).to_csv(target, index=False)
    outside = None if estimates_only else int((columns["support"] == "outside").sum())
    return Done(None, None, len(covariates), outside)


def _predict_folder(
    model_name: str | None, study: str | None, source: Path, target: Path, level: float, asked: Asked
) -> "tuple[ResponseModel, Done]":
    from acrcast import artefact
    from acrcast.studies import load_study
    from acrcast_training.engines.opening import opened
    from acrcast_training.models import local_folder
    from acrcast_training.partitions.folder import partitions
    from acrcast_training.partitions.job import Job, begun
    from acrcast_training.partitions.model import ModelFiles
    from acrcast_training.partitions.predicting import planned, predict_planned, separate
    from acrcast_training.partitions.scoring import Folders

    source, target = separate(source, target)
    with local_folder(model_name) as folder:
        model = artefact.load(folder, load_study(study) if study else None)
        files = ModelFiles.of(folder, model)
    found = partitions(source, [field.name for field in model.study.contract])
    with begun(Job.of(model, source, level), target):
        plan = planned(Folders(files, source, target, level), found)
        # a cluster is not started for nothing
        asked = asked if plan.waiting else Asked(LOCAL, None, None)
        with opened(asked, own_file(study)) as engine, progress("Predicting", max(1, plan.patients)) as advance:
            return model, predict_planned(plan, engine, advance)


def _show(model: "ResponseModel", target: Path, done: "Done", *, as_json: bool) -> None:
    """Where the predictions are, of how many, and what to know of them."""
    identity = model.identity
    if as_json:
        write_json(
            {
                "file": str(target),
                "partitions": done.partitions,
                "finished_before": done.before,
                "patients": done.patients,
                "outside": done.outside,
                "model": asdict(identity),
                "cautions": model.cautions,
                "intended_use": model.study.intended_use,
            }
        )
        return
    if done.partitions is not None:
        click.echo(f"{done.partitions} partitions, of which {done.before} were finished before.")
    click.echo(
        f"{done.patients} patients predicted by {identity.name} {identity.version} ({identity.training_data} data): {target}"
    )
    if done.outside:
        click.echo(f"{done.outside} of them lie outside the training data: their predictions are extrapolations.")
    for caution in model.cautions:
        click.echo(f"Caution: {caution}")
    click.echo(model.study.intended_use)
