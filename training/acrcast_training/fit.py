"""One candidate, fitted to a whole trial, with the ensemble that carries its uncertainty: a model ready to serve."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import beta

from acrcast.arrays import Floats
from acrcast.errors import FitError
from acrcast.estimators.candidates import CANDIDATES, LogisticPoints
from acrcast.estimators.ensemble import BoostedEnsemble, Ensemble, LogisticEnsemble
from acrcast.estimators.normal import latin_normal
from acrcast.estimators.posterior import hierarchical, projected
from acrcast.estimators.rows import PreparedRows, StandardisedRows, TrialRows, prepare
from acrcast.estimators.small_set import arm_rates
from acrcast.estimators.trees import Trees
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.support import TrainingRange
from acrcast_training.data.cohort import Cohort

MEMBERS = 200
AVERAGE_QUANTILES = 400
FEWEST_PATIENTS = 10
FEWEST_OF_EACH = 2


def trial_rows(cohort: Cohort) -> TrialRows:
    """The cohort as numbers, for intention to treat with non-responder imputation.

    Raises FitError when there is nothing that could be learned or validated.
    """
    responders = int(cohort.responded.sum())
    if len(cohort) < FEWEST_PATIENTS:
        raise FitError(f"{len(cohort)} patients: at least {FEWEST_PATIENTS} are needed to fit and validate anything")
    if min(responders, len(cohort) - responders) < FEWEST_OF_EACH:
        raise FitError(
            f"{responders} of {len(cohort)} patients responded: "
            f"at least {FEWEST_OF_EACH} responders and {FEWEST_OF_EACH} non-responders are needed"
        )
    return TrialRows.of(cohort.study, cohort.covariates, cohort.treated, cohort.responded)


def fit_model(cohort: Cohort, candidate: str, *, seed: int, card: Mapping[str, Any] | None = None) -> ResponseModel:
    """Fit a candidate to all patients, with its members."""
    rows = trial_rows(cohort)
    prepared = prepare(rows, np.ones((1, len(rows))), np.random.default_rng([seed, 0]))
    ensemble = _ensemble(prepared, candidate, seed)
    preparation = prepared.preparations[0]
    return ResponseModel(
        study=cohort.study,
        identity=ModelIdentity("", "", "", cohort.data_kind),
        card=dict(card or {}),
        candidate=candidate,
        estimate_conditions_on=CANDIDATES[candidate].conditions_on,
        terms=rows.terms,
        preparation=preparation,
        training_range=TrainingRange.fit(
            cohort.covariates, StandardisedRows.of(rows, [preparation.standardisation]), preparation.conditional
        ),
        ensemble=ensemble,
        nodes=latin_normal((ensemble.size, len(rows.terms.columns)), np.random.default_rng([seed, 3])),
        averages=arm_averages(cohort, rows),
    )


def _ensemble(prepared: PreparedRows, candidate: str, seed: int) -> Ensemble:
    for_point, for_members = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    posterior = hierarchical(prepared)
    draws = posterior.draws(MEMBERS, for_members)
    if CANDIDATES[candidate].is_logistic:
        points = CANDIDATES[candidate].fit(prepared, for_point)
        assert isinstance(points, LogisticPoints)  # noqa: S101  says to the type checker what is_logistic means
        return LogisticEnsemble(prepared.terms, points.coefficients[0], draws)
    from acrcast.estimators.boosted import as_bytes, fit_point, spread_by_disagreement  # noqa: PLC0415  only when a model needs it

    booster, _ = fit_point(prepared, 0, for_point)
    linear = LogisticEnsemble(prepared.terms, projected(prepared, posterior)[0], draws)
    trees = Trees.of(as_bytes(booster), len(prepared.terms.columns) + prepared.terms.two_arms)
    return spread_by_disagreement(BoostedEnsemble(trees, linear), prepared, for_members)


def arm_averages(cohort: Cohort, rows: TrialRows) -> dict[str, Floats]:
    """Quantiles of the Jeffreys posterior of each arm's response rate."""
    responders, patients = arm_rates(rows.arm, rows.y, np.ones((1, len(rows))))
    at = (np.arange(AVERAGE_QUANTILES) + 0.5) / AVERAGE_QUANTILES
    averages: dict[str, Floats] = {}
    for arm in cohort.study.arms:
        column = 0 if arm.key == cohort.study.control else 1
        r, n = responders[0, column], patients[0, column]
        averages[arm.key] = np.asarray(beta.ppf(at, r + 0.5, n - r + 0.5), dtype=np.float64)
    return averages
