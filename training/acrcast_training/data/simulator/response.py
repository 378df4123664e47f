"""Who responds and who withdraws: exact risks, calibrated to the trial's margins for whatever effects are asked for.

The risk of ACR20 at week 24 with non-responder imputation is logistic in the baseline covariates. A patient withdraws
with a probability proportional to the risk of not responding; then the risk among completers is logistic too, with the
same effects and a higher intercept, and both published margins hold at once. That withdrawal goes with non-response is
an assumption: the trial does not report the reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy import optimize, special

from acrcast.arrays import Bools, Floats
from acrcast.studies import AcrResponse
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.simulator.baseline import Patients, enrol
from acrcast_training.data.simulator.published import CONTROL_RESULT, TREATED_RESULT, ArmResult


def _endpoint() -> AcrResponse:
    if not isinstance(STUDY.endpoint, AcrResponse):
        raise TypeError(f"study {STUDY.key}, endpoint: the simulator draws an ACR response")
    return STUDY.endpoint


ENDPOINT = _endpoint()
RESPONSE_WEEKS = (12, ENDPOINT.week)
WITHDRAWN_BEFORE_WEEK = 12  # Zhang 2022: the same completers are counted at weeks 12 and 24

# Log-odds of response in both arms, per SD (on the logarithmic scale where the measure is log-normal) or of yes against
# no. Assumed, in the directions that the study expects where it expects one; smoking is the odds ratio of .60 for a good
# response to methotrexate of Saevarsdottir 2011, Arthritis Rheum 63:26. Together they give a C statistic of .65 in the
# control arm; published methotrexate models reach .63 to .77 in other cohorts.
PROGNOSTIC_EFFECTS: Mapping[str, float] = {
    "haq_di": -0.35,
    "disease_duration_years": -0.25,
    "patient_global_mm": -0.15,
    "current_smoker": -0.50,
    "sex": 0.25,
}
# Between the normal scores of responding at weeks 12 and 24; assumed.
WEEKS_CORRELATION = 0.7

_POPULATION = 50_000
_POPULATION_SEED = 20_220_310


@dataclass(frozen=True)
class RiskModel:
    """Risks of ACR20 with non-responder imputation, and of withdrawal, of any patient in either arm.

    prognostic: log-odds in both arms, per SD or of yes against no. interactions: log-odds per SD of each effect modifier,
        in the treated arm only. control, treated: intercepts by week.
    """

    prognostic: Mapping[str, float]
    interactions: Mapping[str, float]
    control: Mapping[int, float]
    treated: Mapping[int, float]

    def risk(self, patients: Patients, treated: Bools, week: int = ENDPOINT.week) -> Floats:
        """P(ACR20 at the week, a withdrawal counting as non-response | baseline, arm). (n,)."""
        intercept = np.where(treated, self.treated[week], self.control[week])
        return special.expit(intercept + _log_odds(patients, self.prognostic, self.interactions, treated))

    def withdrawal(self, patients: Patients, treated: Bools) -> Floats:
        """P(withdrawal before week 12 | baseline, arm): a fixed share of the risk of not responding. (n,)."""
        share = np.where(treated, *(_withdrawn_of_non_responders(arm) for arm in (TREATED_RESULT, CONTROL_RESULT)))
        return np.asarray(share * (1 - self.risk(patients, treated)))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What happened. responded: by week, (n,), False after withdrawal. withdrawal_week: (n,), infinite for completers."""

    responded: Mapping[int, Bools]
    withdrawal_week: Floats


@lru_cache(maxsize=64)
def calibrated(treg_interaction: float, il21_interaction: float, *, prognosis: bool = True) -> RiskModel:
    """The model whose mean risks over a fixed population of 50,000 are the trial's, by arm and week.

    prognosis: False leaves the prognostic effects out.
    """
    prognostic = PROGNOSTIC_EFFECTS if prognosis else {}
    interactions = dict(zip(STUDY.effect_modifiers, (treg_interaction, il21_interaction), strict=True))
    population = _population()
    intercepts = []
    for result, in_treated in ((CONTROL_RESULT, False), (TREATED_RESULT, True)):
        log_odds = _log_odds(population, prognostic, interactions, np.full(len(population), in_treated))
        intercepts.append({week: _intercept(log_odds, result.intention_to_treat(week)) for week in RESPONSE_WEEKS})
    return RiskModel(prognostic, interactions, *intercepts)


def draw_outcomes(patients: Patients, treated: Bools, model: RiskModel, random: np.random.Generator) -> Outcomes:
    """Withdrawal first, then response at weeks 12 and 24 of those who complete, correlated between the weeks."""
    withdrawal = model.withdrawal(patients, treated)
    withdrawn = random.random(len(patients)) < withdrawal
    when = random.uniform(0, WITHDRAWN_BEFORE_WEEK, len(patients))
    final = random.standard_normal(len(patients))
    own = random.standard_normal(len(patients))
    scores = {12: WEEKS_CORRELATION * final + np.sqrt(1 - WEEKS_CORRELATION**2) * own, ENDPOINT.week: final}
    responded = {
        week: ~withdrawn & (special.ndtr(scores[week]) < model.risk(patients, treated, week) / (1 - withdrawal))
        for week in RESPONSE_WEEKS
    }
    return Outcomes(responded, np.where(withdrawn, when, np.inf))


def _log_odds(
    patients: Patients, prognostic: Mapping[str, float], interactions: Mapping[str, float], treated: Bools
) -> Floats:
    in_both = sum(effect * patients.standardised(name) for name, effect in prognostic.items())
    modified = sum(effect * patients.standardised(name) for name, effect in interactions.items())
    return np.asarray(in_both + treated * modified, dtype=np.float64)


def _intercept(log_odds: Floats, mean_risk: float) -> float:
    """The intercept at which the mean risk is the given one. The mean rises with it, so that there is exactly one."""
    reach = 20 + float(np.max(np.abs(log_odds)))
    return float(optimize.brentq(lambda a: np.mean(special.expit(a + log_odds)) - mean_risk, -reach, reach))


def _withdrawn_of_non_responders(result: ArmResult) -> float:
    return result.withdrawal / (1 - result.intention_to_treat(ENDPOINT.week))


@cache
def _population() -> Patients:
    return enrol(_POPULATION, np.random.default_rng(_POPULATION_SEED))
