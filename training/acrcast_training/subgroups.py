"""How the served model does in parts of the patients, and among those whose endpoint was observed."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import ContractField
from acrcast.validation.calibration import calibration_slope, observed_over_expected
from acrcast.validation.performance import c_statistic, log_loss
from acrcast_training.data.cohort import Cohort
from acrcast_training.plain import estimate

# Below so many responders or non-responders the interval of C is wider than .4, and tells nothing.
FEWEST_OF_EACH = 20
# Age and sex are asked for in every study that knows them (TRIPOD+AI, item 14); sex is a category like others.
AGE = "age_years"


def subgroups(cohort: Cohort, risk: Floats, *, individual: bool) -> list[dict[str, Any]]:
    """Figures in each subgroup: arms, categories, age, and the measures named beforehand, split at their median.

    risk: (n,) of patients who were not fitted to. individual: whether the risks tell patients of one arm apart. Too few to
    judge: fewer than 20 responders or 20 non-responders; then there are counts and no figures.
    """
    return [
        {"group": group, "subgroup": name, **figures(cohort, risk, members, individual=individual)}
        for group, name, members in parts_of(cohort)
    ]


def figures(cohort: Cohort, risk: Floats, members: Bools, *, individual: bool) -> dict[str, Any]:
    """Patients, responders and, where there are enough of both outcomes, O/E, C within arms, slope and log loss.

    risk: (n,) of everybody. members: (n,) who is judged. A risk that is not a number, from a fold that could not be fitted,
    leaves too few to judge as well.
    """
    risk, y = risk[members], cohort.responded[members].astype(np.float64)
    responders = int(y.sum())
    found: dict[str, Any] = {"patients": len(y), "responders": responders}
    if min(responders, len(y) - responders) < FEWEST_OF_EACH or not np.isfinite(risk).all():
        return found | {"too_few": True}
    found |= {
        "too_few": False,
        "mean_risk": round(float(risk.mean()), 6),
        "observed_over_expected": estimate(observed_over_expected(risk, y)),
        "log_loss": round(float(log_loss(risk, y).mean()), 6),
    }
    if individual:
        found |= {
            "c_statistic": estimate(c_statistic(risk, y, arm=cohort.treated[members].astype(np.float64))),
            "calibration_slope": estimate(calibration_slope(risk, y)),
        }
    return found


def parts_of(cohort: Cohort) -> Iterator[tuple[str, str, Bools]]:
    """Group, subgroup and (n,) who is in it."""
    study = cohort.study
    if study.has_control:
        for arm in study.arms:
            yield "Arm", arm.title, cohort.treated == (arm.key == study.treated.key)
    for position, field in enumerate(study.contract.covariates):
        if field.kind == "category" or field.name == AGE or field.name in study.small_set:
            yield from _split(field, cohort.covariates.values[:, position])


def _split(field: ContractField, values: Floats) -> Iterator[tuple[str, str, Bools]]:
    label = field.measure.label
    if field.kind == "category":
        for number, level in enumerate(field.levels):
            yield label, level, values == number
    elif field.kind == "yes_no":
        yield label, "yes", values == 1
        yield label, "no", values == 0
    elif not np.isnan(values).all():
        median = float(np.nanmedian(values))
        yield label, "at most the median", values <= median
        yield label, "above the median", values > median
    if np.isnan(values).any():
        yield label, "not known", np.isnan(values)
