"""What a large simulated trial came out as, beside what is published: the table of docs/simulator.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from acrcast.arrays import Bools, Floats
from acrcast.domain import CoreSet, acr_response, das28_esr
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.simulator import published
from acrcast_training.data.simulator.baseline import CONTRACT, CORE_SET
from acrcast_training.data.simulator.published import MeanSd
from acrcast_training.data.simulator.response import ENDPOINT, RESPONSE_WEEKS
from acrcast_training.data.simulator.trial import SimulatedTrial, SimulationOptions, simulate

Row = tuple[str, str, str]

_RESULTS = {STUDY.control: published.CONTROL_RESULT, STUDY.treated.key: published.TREATED_RESULT}
_DAS28 = "DAS28-ESR"


def comparison_table(patients: int = 20_000, seed: int = 1) -> str:
    """A Markdown table of published and simulated figures: baseline, correlations, course, response, withdrawal.

    Everything is computed from the trial's tables, as anyone with the files could, on a trial without missing values.
    """
    trial = simulate(SimulationOptions(patients=patients, seed=seed, missing=False))
    rows = [*_baseline(trial), *_correlations(trial), *_course(trial), *_responses(trial)]
    lines = ["| | Published | Simulated |", "|---|---|---|"] + [" | ".join(("", *row, "")).strip() for row in rows]
    return "\n".join(lines) + "\n"


def responded(trial: SimulatedTrial, week: int) -> Bools:
    """ACR20 at the week, derived from the tables; False where there was no visit. (n,), in the order of `baseline`."""
    at_week = trial.visits[trial.visits["week"] == week].set_index("patient_id").reindex(trial.baseline["patient_id"])
    return acr_response(_core_set(trial.baseline), _core_set(at_week), ENDPOINT.level, ENDPOINT.acute_phase)


def completed(trial: SimulatedTrial) -> Bools:
    """Who has a visit at the endpoint's week. (n,), in the order of `baseline`."""
    came = trial.visits.loc[trial.visits["week"] == ENDPOINT.week, "patient_id"]
    return trial.baseline["patient_id"].isin(came).to_numpy(dtype=np.bool_)


def measured(table: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, or the DAS28-ESR of its row; a value below the limit counts as the limit."""
    if name == _DAS28:
        core_set = _core_set(table)
        return das28_esr(
            tender_joint_count_28=core_set.tender_joint_count_28,
            swollen_joint_count_28=core_set.swollen_joint_count_28,
            esr_mm_per_h=core_set.esr_mm_per_h,
            patient_global_mm=core_set.patient_global_mm,
        )
    column = table[name]
    numbers = column.str.removeprefix("<") if pd.api.types.is_string_dtype(column) else column
    return np.asarray(numbers.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _core_set(table: pd.DataFrame) -> CoreSet:
    return CoreSet(**{name: measured(table, name) for name in CORE_SET})


def _baseline(trial: SimulatedTrial) -> Iterator[Row]:
    table = trial.baseline
    expected = {"age_years": published.AGE_YEARS} | dict(published.COURSE[0])
    expected |= {"treg_percent_of_cd4": published.TREG_PERCENT_OF_CD4, _DAS28: published.DAS28_ESR_COURSE[0]}
    for name, moments in expected.items():
        yield (
            f"Baseline: {_label(name)}, mean (SD)",
            _shown(name, moments),
            _shown(name, _moments(measured(table, name))),
        )
    duration = measured(table, "disease_duration_years")
    median = f"about {published.DISEASE_DURATION_MEDIAN_YEARS:g}"
    yield f"Baseline: {_label('disease_duration_years')}, median", median, f"{np.median(duration):.1f}"
    yield "Baseline: male", _percent(published.MALE_SHARE), _percent(np.mean(table["sex"] == "male"))
    shares = {
        "rf_positive": published.RF_POSITIVE_SHARE,
        "anti_ccp_positive": published.ANTI_CCP_POSITIVE_SHARE,
    }
    for name, share in shares.items():
        yield f"Baseline: {_label(name)}", _percent(share), _percent(np.mean(measured(table, name)))
    undetectable = _percent(np.mean(table["il21_pg_per_ml"].str.startswith("<")))
    yield f"Baseline: {_name('il21_pg_per_ml')} below the limit", "not published", undetectable


def _correlations(trial: SimulatedTrial) -> Iterator[Row]:
    pairs = dict(published.SPEARMAN) | {("il21_pg_per_ml", _DAS28): published.SPEARMAN_IL21_DAS28_ESR}
    for (one, other), expected in pairs.items():
        found = stats.spearmanr(measured(trial.baseline, one), measured(trial.baseline, other)).statistic
        yield f"Spearman: {_name(one)} and {_name(other)}", f"{expected:.2f}", f"{found:.2f}"


def _course(trial: SimulatedTrial) -> Iterator[Row]:
    control = trial.baseline.loc[trial.baseline["arm"] == STUDY.control, "patient_id"]
    visits = trial.visits[trial.visits["patient_id"].isin(control)]
    for week in published.FOLLOW_UP_WEEKS:
        at_week = visits[visits["week"] == week]
        for name, moments in (dict(published.COURSE[week]) | {_DAS28: published.DAS28_ESR_COURSE[week]}).items():
            found = _moments(measured(at_week, name))
            yield f"Control arm, week {week}: {_label(name)}, mean (SD)", _shown(name, moments), _shown(name, found)


def _responses(trial: SimulatedTrial) -> Iterator[Row]:
    completers = completed(trial)
    for arm in STUDY.arms:
        result, in_arm = _RESULTS[arm.key], (trial.baseline["arm"] == arm.key).to_numpy()
        for week in RESPONSE_WEEKS:
            response, responders = responded(trial, week), result.acr20[week]
            for among, count, who in (
                ("completers", result.completed, in_arm & completers),
                ("all randomised", result.randomised, in_arm),
            ):
                expected = f"{responders}/{count} ({_percent(responders / count)})"
                yield f"{arm.title}: ACR20 at week {week}, {among}", expected, _percent(np.mean(response[who]))
        withdrew = result.randomised - result.completed
        expected = f"{withdrew}/{result.randomised} ({_percent(result.withdrawal)})"
        yield f"{arm.title}: withdrew", expected, _percent(np.mean(~completers[in_arm]))


def _moments(values: Floats) -> MeanSd:
    return MeanSd(float(np.mean(values)), float(np.std(values, ddof=1)))


def _shown(measure: str, moments: MeanSd) -> str:
    decimals = 2 if measure in ("haq_di", _DAS28) else 1
    return f"{moments.mean:.{decimals}f} ({moments.sd:.{decimals}f})"


def _percent(share: float | np.floating[Any]) -> str:
    return f"{100 * share:.1f} %"


def _name(measure: str) -> str:
    return CONTRACT[measure].measure.label if measure in CONTRACT else measure


def _label(measure: str) -> str:
    if measure not in CONTRACT or CONTRACT[measure].kind != "number" or not CONTRACT[measure].measure.unit:
        return _name(measure)
    return f"{_name(measure)} ({CONTRACT[measure].measure.unit})"
