"""A made-up clinic: asks a server about each patient of a simulated trial, and says what happened to the patient.

`python docs/life/clinic.py http://127.0.0.1:8000 FOLDER`, where `acrcast simulate --out FOLDER` wrote baseline.csv and visits.csv.
The first half is asked about one by one, the other in one batch. A real clinic says what happened half a year later.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from acrcast.contract import Covariates, OnePatient
from acrcast.studies import load_study
from acrcast_training.data.cohort import load_cohort

STUDY = "ld-il2-ra"
SECONDS_TO_START = 60


def asked(covariates: Covariates) -> Iterator[dict[str, Any]]:
    """Each patient as a server is asked about: what is not known is left out."""
    for i in range(len(covariates)):
        row = OnePatient.of_row(covariates, i)
        known: dict[str, Any] = {name: assay for name, assay in row.assays.items() if assay}
        for j, (field, value) in enumerate(zip(covariates.contract.covariates, row.values, strict=True)):
            if np.isnan(value):
                continue
            if j in row.below:
                known[field.name] = {"comparator": "<", "value": value}
            elif field.levels:
                known[field.name] = field.levels[int(value)]
            else:
                known[field.name] = {"yes_no": bool, "count": int}.get(field.kind, float)(value)
        yield known


def main(url: str, folder: Path) -> None:
    study = load_study(STUDY)
    cohort = load_cohort(study, baseline=folder / "baseline.csv", visits=folder / "visits.csv")
    patients, names = list(asked(cohort.covariates)), [f"{folder.name}-{name}" for name in cohort.patient_ids]
    _wait_until_ready(url)
    half = len(patients) // 2
    predictions = [
        _post(f"{url}/predict", patient, {"Subject-Reference": name})["prediction_id"]
        for patient, name in zip(patients[:half], names[:half], strict=True)
    ]
    batch = _post(f"{url}/predict/batch", {"patients": patients[half:], "subjects": names[half:]})
    predictions += [prediction["prediction_id"] for prediction in batch["predictions"]]
    control = study.control_arm or study.treated
    for prediction, treated, responded in zip(predictions, cohort.treated, cohort.responded, strict=True):
        outcome = {
            "prediction_id": prediction,
            "responded": bool(responded),
            "observed_on": f"{datetime.now(UTC):%Y-%m-%d}",
            "source": "simulated",
            "arm": study.treated.key if treated else control.key,
        }
        _post(f"{url}/outcomes", outcome)
    print(f"{len(predictions)} patients asked about, and what happened to them said")


def _post(url: str, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  the address that was given
        url, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
        found: dict[str, Any] = json.load(answer)
        return found


def _wait_until_ready(url: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(f"{url}/health/ready", timeout=5).close()  # noqa: S310  as above
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
