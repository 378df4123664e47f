"""One simulated trial: allocation, baseline, visits, and the true risks behind them."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.arrays import Bools, Floats
from acrcast.domain import CoreSet
from acrcast.errors import UsageError
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.simulator import recording
from acrcast_training.data.simulator.baseline import CONTRACT, CORE_SET, Patients, enrol
from acrcast_training.data.simulator.course import follow_up
from acrcast_training.data.simulator.response import RiskModel, calibrated, draw_outcomes

DATA_KIND = "simulated"
_BLOCK = (False, False, True, True)


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What to simulate. The same options give the same trial.

    treg_interaction, il21_interaction: how the treatment's effect changes, in log-odds of ACR20 per SD of the measure's
    logarithm. They are assumptions: no effect size is published. 0 is an effect that is the same for all.
    missing: whether some optional measures are missing at random; False leaves the baseline complete.
    prognosis: whether measures go with response in both arms alike; False with interactions of 0 leaves nothing to find.

    Raises:
        UsageError: an option is out of its range.
    """

    patients: int = 600
    seed: int = 1
    treg_interaction: float = -0.6
    il21_interaction: float = 0.5
    missing: bool = True
    prognosis: bool = True

    def __post_init__(self) -> None:
        if self.patients < 1:
            raise UsageError("patients: give at least 1")
        if self.seed < 0:
            raise UsageError("seed: give 0 or more")
        for name in ("treg_interaction", "il21_interaction"):
            if not isfinite(getattr(self, name)):
                raise UsageError(f"{name}: give a finite number of log-odds per SD")


@dataclass(frozen=True, eq=False)
class SimulatedTrial:
    """A trial as three tables, a row for each patient in `baseline` and `truth`, for each attended visit in `visits`.

    baseline: `patient_id`, `arm`, `data_kind` (always "simulated"), then every field of the study's contract. Missing is
        an empty cell; IL-21 is text, "<15.6" when below its limit.
    visits: `patient_id`, `week` and the core set. A withdrawn patient has no row from the withdrawal on; HAQ was not
        taken at week 4.
    truth: `patient_id`, `control_risk`, `treated_risk`: the probability of ACR20 at week 24 in either arm, withdrawal
        counting as non-response, given the baseline as it is, even where it was recorded as missing or below a limit.
    """

    options: SimulationOptions
    baseline: pd.DataFrame
    visits: pd.DataFrame
    truth: pd.DataFrame


def simulate(options: SimulationOptions) -> SimulatedTrial:
    """A trial calibrated to the published aggregates, whatever the effects that are asked for.

    The seed alone decides who enrols, who is allocated where and what is missing; the effects decide who responds.
    """
    enrolment, allocation, gaps, outcome, course = np.random.default_rng(options.seed).spawn(5)
    patients = enrol(options.patients, enrolment)
    treated = _allocate(options.patients, allocation)
    recorded = recording.record(patients, missing=options.missing, random=gaps)
    model = calibrated(options.treg_interaction, options.il21_interaction, prognosis=options.prognosis)
    outcomes = draw_outcomes(patients, treated, model, outcome)
    visits = follow_up(patients.scores, recording.core_set(recorded), outcomes.responded, course)
    ids = np.array([f"P{number:05d}" for number in range(1, options.patients + 1)])
    return SimulatedTrial(
        options,
        baseline=_baseline_table(ids, treated, recording.as_columns(recorded)),
        visits=_visits_table(ids, visits, outcomes.withdrawal_week),
        truth=_truth_table(ids, patients, model),
    )


def write(trial: SimulatedTrial, directory: Path) -> tuple[Path, Path, Path]:
    """Writes baseline.csv, visits.csv and truth.csv, and returns their paths. Existing files are replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = (directory / "baseline.csv", directory / "visits.csv", directory / "truth.csv")
    for path, table in zip(paths, (trial.baseline, trial.visits, trial.truth), strict=True):
        _as_written(table).to_csv(path, index=False, float_format="%.10g", lineterminator="\n", encoding="utf-8")
    return paths


def _allocate(count: int, random: np.random.Generator) -> Bools:
    """1:1 in permuted blocks of four. (n,), True for the treated arm."""
    blocks = np.tile(_BLOCK, (-(-count // len(_BLOCK)), 1))
    return random.permuted(blocks, axis=1).ravel()[:count]


def _baseline_table(ids: npt.NDArray[np.str_], treated: Bools, columns: dict[str, pd.Series]) -> pd.DataFrame:
    arms = np.array([STUDY.control, STUDY.treated.key], dtype=np.str_)
    return pd.DataFrame({"patient_id": ids, "arm": arms[treated.astype(int)], "data_kind": DATA_KIND} | columns)


def _visits_table(ids: npt.NDArray[np.str_], visits: dict[int, CoreSet], withdrawal_week: Floats) -> pd.DataFrame:
    tables = []
    for week, core_set in visits.items():
        table = pd.DataFrame({"patient_id": ids, "week": week} | {name: getattr(core_set, name) for name in CORE_SET})
        tables.append(table[week < withdrawal_week])
    table = pd.concat(tables).sort_values(["patient_id", "week"], ignore_index=True)
    return table.astype({name: "int64" for name in CORE_SET if CONTRACT[name].kind == "count"})


def _truth_table(ids: npt.NDArray[np.str_], patients: Patients, model: RiskModel) -> pd.DataFrame:
    nobody = np.zeros(len(patients), dtype=bool)
    return pd.DataFrame(
        {
            "patient_id": ids,
            "control_risk": model.risk(patients, nobody),
            "treated_risk": model.risk(patients, ~nobody),
        }
    )


def _as_written(table: pd.DataFrame) -> pd.DataFrame:
    """Yes or no as `true` and `false`."""
    yes_no = table.select_dtypes("boolean").columns
    return table.assign(**{name: table[name].map({True: "true", False: "false"}) for name in yes_no})
