"""How often patients are called inside, at the edge or outside of a simulated trial: the table of docs/support.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from acrcast.arrays import Floats
from acrcast.contract import Covariates
from acrcast.estimators.design import FROM_SCALE
from acrcast.estimators.rows import Preparation, StandardisedRows, TrialRows
from acrcast.prediction import SupportStatus
from acrcast.studies.ld_il2_ra import STUDY
from acrcast.support import Judge, TrainingRange
from acrcast_training.data.simulator.baseline import COVARIATES, enrol
from acrcast_training.data.simulator.recording import record

# Patients of a trial, and how many trials: fewer of the large ones, which differ less.
TRIALS: Mapping[int, int] = {47: 400, 120: 200, 240: 100, 600: 50}
NEW_PATIENTS = 250
SD_AWAY = 4.0
# They go together; high and low in turn they contradict each other.
TOGETHER = ("pain_mm", "patient_global_mm", "physician_global_mm", "tender_joint_count_28", "haq_di")
WITHIN = (0.025, 0.975)
NEVER = "current_smoker"


@dataclass(frozen=True)
class Trained:
    """What a trial taught of its patients."""

    covariates: Covariates
    preparation: Preparation
    training_range: TrainingRange
    random: np.random.Generator

    @cached_property
    def judge(self) -> Judge:
        fields = tuple(column.field for column in _rows(self.covariates).terms.columns)
        return Judge(self.training_range, self.preparation.conditional, STUDY.contract, fields, STUDY.assays)

    def judged(self, covariates: Covariates) -> list[SupportStatus]:
        Z = self.preparation.standardisation.apply(_rows(covariates).scaled)
        return [support.status for support in self.judge.judge(covariates, Z)]


def new_patients(trained: Trained) -> Covariates:
    """From the population of the trial, with gaps like the trial's."""
    return record(enrol(NEW_PATIENTS, trained.random), missing=True, random=trained.random)


def one_measure_far_off(trained: Trained) -> Covariates:
    """Each with one measure 4 SD from the trial's mean on its scale: above or below, where the contract allows the value."""
    covariates = new_patients(trained)
    values = covariates.values.copy()
    possible = list(_far_off(trained))
    for i, pick in enumerate(trained.random.integers(len(possible), size=len(values))):
        position, value = possible[pick]
        values[i, position] = value
    return replace(covariates, values=values, below=covariates.below & (values == covariates.values))


def _far_off(trained: Trained) -> Iterator[tuple[int, float]]:
    """Measures by position, with a value that far off."""
    standardisation = trained.preparation.standardisation
    for j, column in enumerate(_rows(trained.covariates).terms.columns):
        field = STUDY.contract.covariates[column.position]
        for sign in (-1, 1):
            on_scale = standardisation.mean[j] + sign * SD_AWAY * standardisation.sd[j]
            value = float(FROM_SCALE[column.scale](on_scale))
            allowed = (field.low or 0.0) <= value and (field.high is None or value <= field.high)
            if not column.is_indicator and on_scale >= 0 and allowed:
                yield column.position, value


def contradicting(trained: Trained) -> Covariates:
    """Each with measures that go together high and low in turn, each well within the trial's range."""
    covariates = new_patients(trained)
    values = covariates.values.copy()
    for number, name in enumerate(TOGETHER):
        position = COVARIATES.index(name)
        at = WITHIN[number % 2]
        values[:, position] = np.nanquantile(trained.covariates.values[:, position], at, method="nearest")
    return replace(covariates, values=values)


def never_seen(trained: Trained) -> Covariates:
    """All with the level that the trial's patients, chosen for it, did not have."""
    covariates = new_patients(trained)
    values = covariates.values.copy()
    values[:, COVARIATES.index(NEVER)] = 1.0
    return replace(covariates, values=values)


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of patients in each of many trials. beyond: (T,) at the edge or outside. outside: (T,)."""

    beyond: Floats
    outside: Floats


def rates(patients: int, trials: int, whom: Callable[[Trained], Covariates], seed: int = 1) -> Rates:
    """How patients made by `whom` are judged by each of `trials` simulated trials of so many patients, with gaps."""
    found = [train(patients, seed, number, without_level=whom is never_seen) for number in range(trials)]
    status = [trained.judged(whom(trained)) for trained in found]
    return Rates(
        np.array([1 - statuses.count("inside") / NEW_PATIENTS for statuses in status]),
        np.array([statuses.count("outside") / NEW_PATIENTS for statuses in status]),
    )


def train(patients: int, seed: int, number: int, *, without_level: bool = False) -> Trained:
    """What the trial of this number teaches. without_level: only patients that do not have the level `NEVER`."""
    random = np.random.default_rng([seed, patients, number])
    screened = record(enrol(3 * patients if without_level else patients, random), missing=True, random=random)
    if without_level:
        has_it = screened.values[:, COVARIATES.index(NEVER)] == 1
        screened = screened.rows(np.flatnonzero(~has_it)[:patients])
    rows = _rows(screened)
    preparation = Preparation.fit(rows, np.ones(len(rows)))
    Z = StandardisedRows.of(rows, [preparation.standardisation])
    return Trained(screened, preparation, TrainingRange.fit(screened, Z, preparation.conditional), random)


def _rows(covariates: Covariates) -> TrialRows:
    nobody = np.zeros(len(covariates), dtype=np.bool_)
    return TrialRows.of(STUDY, covariates, nobody, nobody)


ROWS: Sequence[tuple[str, Callable[[Trained], Covariates]]] = (
    ("One measure 4 SD from its mean", one_measure_far_off),
    ("Measures that contradict each other, each within its range", contradicting),
    ("A level that nobody in the trial had", never_seen),
)


def support_table() -> str:
    """A Markdown table, the same each time: percentages at the edge or outside / outside, by size of the trial."""
    same = {patients: rates(patients, trials, new_patients) for patients, trials in TRIALS.items()}
    rows = [
        ("Trials", *(str(trials) for trials in TRIALS.values())),
        ("From the same population, mean over the trials", *(_mean(found) for found in same.values())),
        ("Their Monte-Carlo standard error", *(_error(found) for found in same.values())),
        ("Nine trials in ten lie within", *(_spread(found) for found in same.values())),
        *((title, *(_mean(rates(n, trials, whom)) for n, trials in TRIALS.items())) for title, whom in ROWS),
    ]
    lines = [("Patients", *(f"n = {patients}" for patients in TRIALS)), ["---"] + ["---:"] * len(TRIALS), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _mean(found: Rates) -> str:
    return f"{100 * found.beyond.mean():.1f} / {100 * found.outside.mean():.1f}"


def _error(found: Rates) -> str:
    beyond, outside = (100 * part.std(ddof=1) / np.sqrt(len(part)) for part in (found.beyond, found.outside))
    return f"{beyond:.1f} / {outside:.1f}"


def _spread(found: Rates) -> str:
    ends = [100 * np.quantile(part, [0.05, 0.95]) for part in (found.beyond, found.outside)]
    return " / ".join(f"{low:.1f} to {high:.1f}" for low, high in ends)
