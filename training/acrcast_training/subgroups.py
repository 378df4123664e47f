"""How the served model does in parts of the patients, and among those whose endpoint was observed."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import ContractField
from acrcast.validation.calibration import observed_over_expected
from acrcast.validation.cross_validated import CrossValidated, cross_validated_c, cross_validated_slope
from acrcast.validation.cross_validated_losses import losses_of
from acrcast_training.data.cohort import Cohort
from acrcast_training.plain import estimate

# Below so many responders or non-responders the interval of C is wider than .4, and tells nothing.
FEWEST_OF_EACH = 20
# Age and sex are asked for in every study that knows them (TRIPOD+AI, item 14); sex is a category like others.
AGE = "age_years"


def subgroups(cohort: Cohort, found: CrossValidated, *, individual: bool) -> list[dict[str, Any]]:
    """Figures in each subgroup: arms, categories, age, and the measures named beforehand, split at their median.

    found: in the own arm. individual: whether the risks tell patients of one arm apart. Too few to judge: fewer than 20
    responders or 20 non-responders; then there are counts and no figures.
    """
    return [
        {"group": group, "subgroup": name, **figures(cohort, found, members, individual=individual)}
        for group, name, members in parts_of(cohort)
    ]


def figures(cohort: Cohort, found: CrossValidated, members: Bools, *, individual: bool) -> dict[str, Any]:
    """Patients, responders and, where there are enough of both outcomes, O/E, C within arms, slope and log loss.

    found: in the own arm. members: (n,) who is judged. A risk that is not a number, from a fold that could not be fitted,
    leaves too few to judge as well.
    """
    y = cohort.responded.astype(np.float64)
    risk, responders = found.risk[:, members].mean(axis=0), int(y[members].sum())
    of_members: dict[str, Any] = {"patients": len(risk), "responders": responders}
    if min(responders, len(risk) - responders) < FEWEST_OF_EACH or not np.isfinite(risk).all():
        return of_members | {"too_few": True}
    of_members |= {
        "too_few": False,
        "mean_risk": round(float(risk.mean()), 6),
        "observed_over_expected": estimate(observed_over_expected(risk, y[members])),
        "log_loss": round(float(losses_of(found, y)[members].mean()), 6),
    }
    if individual:
        of_members |= {
            "c_statistic": estimate(cross_validated_c(found, y, among=members)),
            "calibration_slope": estimate(cross_validated_slope(found, y, among=members)),
        }
    return of_members


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
