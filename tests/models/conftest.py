"""Patients, trials and models made up for the tests, and R's data and answers."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, Covariates, Measure, Patient
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.normal import expit, logit
from acrcast.estimators.rows import TrialRows
from acrcast.response_model import ResponseModel
from acrcast.studies import Arm, OutcomeColumn, Study, load_study
from acrcast_training.data.cohort import Cohort
from acrcast_training.fit import fit_model

# Between any two of the made-up measures, before they are put on their scales.
CORRELATION = 0.3


class OneArmPatient(Patient):
    """Baseline of a patient of a one-arm trial."""

    age_years: Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years")]
    stage: Annotated[Literal["I", "II", "III"], Measure(label="Stage")]
    marker_ng_per_ml: Annotated[
        float | None, Field(ge=0, le=900), Measure(label="Marker", unit="ng/mL", scale="log")
    ] = None
    relapsed: Annotated[bool | None, Measure(label="Relapsed before")] = None


ONE_ARM = Study(
    key="one-arm",
    title="A drug in a disease",
    patient=OneArmPatient,
    arms=(Arm("drug", "The drug"),),
    endpoint=OutcomeColumn("Response at week 8", "response", frozenset({"yes"}), frozenset({"no"})),
    prespecified=("age_years", "marker_ng_per_ml"),
    expected_directions={"marker_ng_per_ml": 1},
    intended_use="Research use only: not a medical device.",
)


@dataclass(frozen=True)
class Trial:
    """A made-up trial with the truth behind it. risk: (n,) of each patient in the patient's own arm."""

    study: Study
    covariates: Covariates
    treated: Bools
    responded: Bools
    risk: Floats

    def __len__(self) -> int:
        return len(self.treated)

    @property
    def rows(self) -> TrialRows:
        return TrialRows.of(self.study, self.covariates, self.treated, self.responded)

    @property
    def cohort(self) -> Cohort:
        ids = np.array([f"P{i:04}" for i in range(len(self))])
        everybody = np.ones(len(self), dtype=bool)
        return Cohort(self.study, ids, self.treated, self.covariates, self.responded, everybody, "simulated")

    def take(self, index: Any) -> "Trial":
        """The patients at `index`, a mask or positions; a position may repeat."""
        return replace(
            self,
            covariates=self.covariates.rows(index),
            treated=self.treated[index],
            responded=self.responded[index],
            risk=self.risk[index],
        )

    def with_values(self, field: str, values: Any, *, below: Any = False) -> "Trial":
        """The same trial with one covariate replaced."""
        j = [f.name for f in self.study.contract.covariates].index(field)
        changed, limits = self.covariates.values.copy(), self.covariates.below.copy()
        changed[:, j], limits[:, j] = values, below
        return replace(self, covariates=replace(self.covariates, values=changed, below=limits))


def _latent(n: int, columns: int, rng: np.random.Generator) -> Floats:
    shared = rng.standard_normal((n, 1))
    return np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * rng.standard_normal((n, columns))


def _on_field(latent: Floats, low: float | None, high: float | None, scale: str) -> Floats:
    """Normal on the measure's own scale, over about the middle half of its range."""
    low, high = (low or 0.0), (high if high is not None else 100.0)
    to, back = {"log": (np.log1p, np.expm1), "sqrt": (np.sqrt, np.square)}.get(scale, (np.asarray, np.asarray))
    bottom, top = to(low), to(high)
    return np.clip(back(np.clip((bottom + top) / 2 + (top - bottom) / 8 * latent, bottom, top)), low, high)


def made_up_covariates(study: Study, n: int, rng: np.random.Generator, missing: float, below: float) -> Covariates:
    """missing: share of each optional measure that was not taken. below: share of IL-21 under its limit."""
    contract: Contract = study.contract
    latent = _latent(n, len(contract.covariates), rng)
    values = np.empty(latent.shape)
    under = np.zeros(values.shape, dtype=bool)
    for j, field in enumerate(contract.covariates):
        if field.kind in ("yes_no", "category"):
            levels = max(len(field.levels), 2)
            values[:, j] = np.minimum(expit(1.7 * latent[:, j]) * levels, levels - 1).astype(int)
        else:
            values[:, j] = _on_field(latent[:, j], field.low, field.high, field.measure.scale)
            if field.kind == "count":
                values[:, j] = np.round(values[:, j])
        if field.may_be_undetectable and below:
            limit = np.quantile(values[:, j], below)
            under[:, j] = values[:, j] < limit
            values[under[:, j], j] = limit
        if not field.required and missing:
            lost = rng.random(n) < missing
            values[lost, j], under[lost, j] = np.nan, False
    assays = {field.name: np.full(n, study.assays[field.name]) for field in contract.assays}
    return Covariates(contract, values, under, assays)


@pytest.fixture(scope="session")
def one_arm() -> Study:
    """A study of one arm, with a category of three levels."""
    return ONE_ARM


@pytest.fixture(scope="session")
def ld_il2() -> Study:
    return load_study("ld-il2-ra")


@pytest.fixture(scope="session")
def auranofin() -> Study:
    return load_study("auranofin-ra")


@pytest.fixture(scope="session")
def a_trial() -> Callable[..., Trial]:
    """A made-up trial of any study, with a moderate effect of the first three columns and of the first modifier."""

    def make(
        study: Study, n: int = 60, *, seed: int = 1, missing: float = 0.0, below: float = 0.0, strength: float = 1.0
    ) -> Trial:
        rng = np.random.default_rng([seed, n])
        covariates = made_up_covariates(study, n, rng, 0.0, 0.0)
        treated = np.arange(n) % 2 == 1 if study.has_control else np.ones(n, dtype=bool)
        rows = TrialRows.of(study, covariates, treated, np.zeros(n, dtype=bool))
        spread = rows.scaled.std(axis=0)
        Z = (rows.scaled - rows.scaled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        arm = np.where(treated, TREATED, CONTROL)
        log_odds = strength * (0.6 * arm + Z[:, :3] @ np.array([0.5, -0.4, 0.3]))
        if rows.terms.modifiers:
            log_odds += strength * 0.6 * arm * Z[:, rows.terms.modifiers[0]]
        risk = expit(log_odds)
        responded = rng.random(n) < risk
        seen = made_up_covariates(study, n, np.random.default_rng([seed, n]), missing, below)
        return Trial(study, seen, treated, responded, risk)

    return make


@pytest.fixture(scope="session")
def a_patient() -> Callable[..., dict[str, Any]]:
    """A patient of ld-il2-ra with every measure taken by the study's assays; name only what matters."""
    patient = {
        "age_years": 54,
        "sex": "female",
        "disease_duration_years": 4.5,
        "treg_percent_of_cd4": 5.2,
        "il21_pg_per_ml": 85.0,
        "tender_joint_count_28": 14,
        "swollen_joint_count_28": 9,
        "patient_global_mm": 65,
        "physician_global_mm": 60,
        "pain_mm": 68,
        "haq_di": 1.5,
        "esr_mm_per_h": 48,
        "crp_mg_per_l": 22.0,
        "rf_positive": True,
        "anti_ccp_positive": True,
        "methotrexate_mg_per_week": 12.5,
        "current_smoker": False,
        "treg_gating": "CD25+FoxP3+",
        "il21_assay": "ELISA",
    }
    return lambda **changed: patient | changed


@pytest.fixture(scope="session")
def covariates_of(ld_il2: Study) -> Callable[..., Covariates]:
    """Patients of ld-il2-ra, given as plain data, as arrays."""

    def make(*patients: dict[str, Any]) -> Covariates:
        return Covariates.of_patients(ld_il2.contract, [ld_il2.patient.model_validate(p) for p in patients])

    return make


@pytest.fixture(scope="session")
def a_model(a_trial: Callable[..., Trial], ld_il2: Study) -> Callable[..., ResponseModel]:
    """A model of ld-il2-ra fitted to 120 made-up patients some of whose measures are missing; each is fitted once."""
    fitted: dict[tuple[str, str], ResponseModel] = {}

    def make(candidate: str = "hierarchical", study: Study = ld_il2) -> ResponseModel:
        if (candidate, study.key) not in fitted:
            trial = a_trial(study, 120, seed=3, missing=0.1, below=0.1)
            fitted[candidate, study.key] = fit_model(trial.cohort, candidate, seed=1)
        return fitted[candidate, study.key]

    return make


@pytest.fixture(scope="session")
def reference(golden: Path) -> dict[str, Any]:
    """R's answers."""
    answers: dict[str, Any] = json.loads((golden / "reference.json").read_text())
    return answers


@pytest.fixture(scope="session")
def golden_table(golden: Path) -> Callable[[str], dict[str, Floats]]:
    """Columns of one of R's tables."""

    def read(name: str) -> dict[str, Floats]:
        with (golden / name).open(newline="") as file:
            header, *rows = csv.reader(file)
        numbers = np.array(rows, dtype=np.float64)
        return {column: numbers[:, j] for j, column in enumerate(header)}

    return read


@pytest.fixture(scope="session")
def golden_design() -> Callable[..., Floats]:
    """(n, 8) design of R's formula: 1, arm, treg, il21, haq, log(crp), arm:treg, arm:il21."""

    def make(table: dict[str, Floats], arm: Floats | None = None) -> Floats:
        a = table["arm"] if arm is None else arm
        treg, il21 = table["treg"], table["il21"]
        return np.column_stack([np.ones(len(a)), a, treg, il21, table["haq"], np.log(table["crp"]), a * treg, a * il21])

    return make


@pytest.fixture(scope="session")
def log_odds() -> Callable[[float], float]:
    """Log-odds of a plain number."""
    return lambda probability: float(logit(np.array(probability)))
