"""What each system does in `benchmarks.scale`: called in a process of its own, python -m benchmarks.scale_peers WORK SYSTEM FOLDER.

WORK is `score` or `fit`. FOLDER holds what `benchmarks.scale` prepared: `patients/` for scoring, `rows.npz` for fitting.
"""

# ruff: noqa: PLC0415  a process imports what it measures, and no more
import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np

MEMBERS = 200
ROUNDS, DEPTH = 100, 2
ENDS = (0.025, 0.975)
RESULT = "result"


def acrcast_folder(folder: Path, *options: str) -> None:
    from acrcast.cli import root

    root.main(
        ["predict", "--in", str(folder / "patients"), "--out", str(folder / RESULT), *options], standalone_mode=False
    )


def pipelines(folder: Path, members: int) -> None:
    """Both arms' risks by one pipeline of scikit-learn; with members also by each of these, and the ends of 95 %."""
    fitted = pickle.loads((folder / "pipelines.pickle").read_bytes())[: members + 1]
    _files(folder, lambda table: [[one.predict_proba(arm)[:, 1] for arm in _arms(table)] for one in fitted])


def boosters(folder: Path, members: int) -> None:
    """The same by boosters of XGBoost."""
    import xgboost as xgb

    fitted = [xgb.Booster(model_file=path) for path in sorted(folder.glob("booster-*.ubj"))[: members + 1]]

    def of(table: object) -> list[list[object]]:
        matrices = [xgb.QuantileDMatrix(numbers(arm)) for arm in _arms(table)]
        return [[one.predict(matrix) for matrix in matrices] for one in fitted]

    _files(folder, of)


def _files(folder: Path, risks: Callable[[object], list[list[object]]]) -> None:
    """Each file of the folder read whole by pandas, and written with the first fit's risks and the ends over the others."""
    import pandas as pd

    (folder / RESULT).mkdir()
    for path in sorted((folder / "patients").glob("*.parquet")):
        table = pd.read_parquet(path)
        found = np.array(risks(without_names(table)))
        columns = {"patient_id": table["patient_id"]}
        for a, arm in enumerate(("control", "treated")):
            columns[f"{arm}_probability"] = found[0, a]
            if len(found) > 1:
                columns[f"{arm}_low"], columns[f"{arm}_high"] = np.quantile(found[1:, a], ENDS, axis=0)
        pd.DataFrame(columns).to_parquet(folder / RESULT / path.name, index=False)


def without_names(table: object) -> object:
    """The measures alone: names of assays have no effect on a risk."""
    return table.drop(columns=[name for name in table.select_dtypes(exclude=["number", "bool"]) if name != "sex"])


def _arms(table: object) -> Iterator[object]:
    yield from (table.assign(arm=arm) for arm in (0.0, 1.0))


def numbers(table: object) -> object:
    return table.assign(sex=(table["sex"] == "female")).astype(float).to_numpy()


def spark_folder(folder: Path) -> None:
    """acrcast's model by MLflow's function for Spark, local[2]: a struct of risks, intervals and flags for each row."""
    import mlflow
    from pyspark.sql.functions import col, struct

    session = _spark()
    predicted = mlflow.pyfunc.spark_udf(session, str(folder / "mlflow-model"), env_manager="local")
    frame = session.read.parquet(str(folder / "patients"))
    fields = [f for f in frame.schema if f.name != "patient_id"]
    text = {f.name for f in fields if f.dataType.simpleString() == "string"}
    measures = struct(*(col(f.name) if f.name in text else col(f.name).cast("double").alias(f.name) for f in fields))
    frame.select("patient_id", predicted(measures).alias("predicted")).write.parquet(str(folder / RESULT))


def _spark() -> object:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    return builder.config("spark.driver.memory", "4g").getOrCreate()


def acrcast_resamples(folder: Path, workers: int) -> None:
    """Candidate `hierarchical`: standardised, its joint distribution learned, fitted, and everybody's risk, in each resample."""
    from benchmarks.growth import made_up

    from acrcast.engine import HERE
    from acrcast.validation.resampling import resampled_risks
    from acrcast_training.engines.dask_engine import on_this_machine

    with np.load(folder / "rows.npz") as arrays:
        weights = arrays["weights"]
    rows = made_up(weights.shape[1])
    with on_this_machine(workers, None) if workers else nullcontext(HERE) as engine:
        risks = resampled_risks(rows, ("hierarchical",), weights, seed=(1,), engine=engine)["hierarchical"]
    np.save(folder / RESULT, risks)


def pipeline_resamples(folder: Path) -> None:
    """Standardised and a logistic regression (lbfgs, ridge of C = 1) on columns and arm, and everybody's risk, in each resample."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with np.load(folder / "rows.npz") as arrays:
        X, y, weights = arrays["X"], arrays["y"], arrays["weights"]
    fit = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    risks = [fit.fit(X, y, logisticregression__sample_weight=w).predict_proba(X)[:, 1] for w in weights]
    np.save(folder / RESULT, np.array(risks))


def booster_resamples(folder: Path) -> None:
    """100 rounds of depth 2 by `hist` with all threads, one quantised matrix for all resamples, and everybody's risk in each."""
    import xgboost as xgb

    with np.load(folder / "rows.npz") as arrays:
        X, y, weights = arrays["X"], arrays["y"], arrays["weights"]
    data = xgb.QuantileDMatrix(X, y)
    parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "tree_method": "hist", "eta": 0.05}
    risks = []
    for w in weights:
        data.set_weight(w)
        risks.append(xgb.train(parameters, data, ROUNDS).predict(data))
    np.save(folder / RESULT, np.array(risks))


def spark_resamples(folder: Path) -> None:
    """MLlib's logistic regression with weights, local[2], and everybody's risk, in each resample."""
    import pandas as pd
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import StandardScaler, VectorAssembler

    with np.load(folder / "rows.npz") as arrays:
        X, y, weights = arrays["X"], arrays["y"], arrays["weights"]
    names = [f"x{j}" for j in range(X.shape[1])]
    drawn = [f"w{b}" for b in range(len(weights))]
    pd.DataFrame(np.column_stack([X, y, weights.T]), columns=[*names, "y", *drawn]).to_parquet(folder / "rows.parquet")
    frame = _spark().read.parquet(str(folder / "rows.parquet"))
    frame = VectorAssembler(inputCols=names, outputCol="raw").transform(frame)
    frame = StandardScaler(inputCol="raw", outputCol="features", withMean=True).fit(frame).transform(frame).cache()
    for weight in drawn:
        fitted = LogisticRegression(labelCol="y", weightCol=weight, regParam=1 / len(y)).fit(frame)
        fitted.transform(frame).select("probability").write.parquet(str(folder / RESULT / weight))


DASK = ("--engine", "dask", "--workers")
SCORE: Mapping[str, Callable[[Path], None]] = {
    "acrcast": acrcast_folder,
    "acrcast, Dask, 1 worker": lambda folder: acrcast_folder(folder, *DASK, "1"),
    "acrcast, Dask, 2 workers": lambda folder: acrcast_folder(folder, *DASK, "2"),
    "acrcast in Spark": spark_folder,
    "scikit-learn, no intervals": lambda folder: pipelines(folder, 0),
    "scikit-learn, 200 members": lambda folder: pipelines(folder, MEMBERS),
    "XGBoost, no intervals": lambda folder: boosters(folder, 0),
    "XGBoost, 200 members": lambda folder: boosters(folder, MEMBERS),
}
FIT: Mapping[str, Callable[[Path], None]] = {
    "acrcast": lambda folder: acrcast_resamples(folder, 0),
    "acrcast, Dask, 1 worker": lambda folder: acrcast_resamples(folder, 1),
    "acrcast, Dask, 2 workers": lambda folder: acrcast_resamples(folder, 2),
    "scikit-learn": pipeline_resamples,
    "XGBoost": booster_resamples,
    "Spark": spark_resamples,
}
# Of these an answer holds 200 members' risks of a whole file at once, and takes minutes from here on.
MOST_ROWS = {
    "scikit-learn, 200 members": 100_000,
    "acrcast in Spark": 1_000_000,
    "XGBoost, 200 members": 100_000,
    "Spark": 100_000,
}


def main() -> None:
    work, system, folder = sys.argv[1:]
    start = time.perf_counter()
    {"score": SCORE, "fit": FIT}[work][system](Path(folder))
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
