"""MLflow's function for Spark gives each row the numbers of `acrcast predict`, as one struct."""

import sys
import warnings

import mlflow
import numpy as np
import pandas as pd
import pytest

from acrcast import artefact
from acrcast.table import column_names
from acrcast_training.tracking import runs

# Spark and its workers take half a minute to start
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """The model that ships, in a registry of the tests' own."""
    store = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"
    model = artefact.load(artefact.RELEASED)
    runs.log_folder(artefact.RELEASED, model, register="released", own_study=None, store=store, tags={})
    return "models:/released/1"


@pytest.fixture(scope="module")
def spark(needs_program):
    """Spark in local mode, one thread, or a skip."""
    needs_program("java")
    with pytest.MonkeyPatch.context() as environment, warnings.catch_warnings():
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        # Spark's own, about its version of pandas and about sockets that it leaves open
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
        yield session
        session.stop()


@pytest.fixture
def numbers(table):
    """200 patients in the columns of the model's signature: a yes or no is 1 or 0, and so are counts floating-point numbers."""
    text = {"patient_id", "sex", "il21_pg_per_ml_comparator", "treg_gating", "il21_assay"}
    found = table.iloc[:200].copy()
    return found.astype({name: "float64" for name in found.columns if name not in text})


@pytest.fixture
def by_file(predict, table, tmp_path):
    """The same patients by the command."""

    def run(*options):
        table.iloc[:200].to_parquet(tmp_path / "patients.parquet", index=False)
        assert predict("patients.parquet", "predicted.parquet", *options).exit_code == 0
        return pd.read_parquet(tmp_path / "predicted.parquet")

    return run


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("level", "options"), [(None, ()), (0.8, ("--level", 0.8))])
def test_spark_gives_the_risks_intervals_and_flags_of_the_command(spark, registered, numbers, by_file, level, options):
    expected = by_file(*options)
    params = None if level is None else {"level": level}
    predicted = mlflow.pyfunc.spark_udf(spark, registered, env_manager="local", params=params)
    from pyspark.sql.functions import struct

    # neither NaN nor pandas' missing values are Spark's
    plain = numbers.astype(object).where(numbers.notna(), None)
    kinds = [f"{name} {'double' if numbers[name].dtype == np.float64 else 'string'}" for name in plain.columns]
    frame = spark.createDataFrame(plain.to_numpy().tolist(), ", ".join(kinds)).repartition(3)
    measures = struct(*[name for name in plain.columns if name != "patient_id"])
    found = frame.select("patient_id", predicted(measures).alias("predicted")).select("patient_id", "predicted.*")
    assert found.columns == ["patient_id", *(name for name, _ in column_names(two_arms=True))]
    rows = found.toPandas().set_index("patient_id").loc[expected["patient_id"]].reset_index()
    assert len(rows) == 200
    assert rows["missing"].ne("").any()
    for name in found.columns:
        assert rows[name].tolist() == expected[name].tolist(), name
