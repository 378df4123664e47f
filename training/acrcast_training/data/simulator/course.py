"""The core set at follow-up, given who responded: drawn around the published control course until the ACR20 agrees.

No course of the treated arm is published. Given the response, it is taken to be that of the control arm; the arms
differ in how many respond.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from acrcast.arrays import Bools, Floats
from acrcast.domain import CoreSet, acr_response
from acrcast_training.data.simulator.baseline import CORE_SET, COVARIATES, HAQ_STEP, margins, upper_limit
from acrcast_training.data.simulator.margins import Levels, LogNormal, Margin
from acrcast_training.data.simulator.published import COURSE, FOLLOW_UP_WEEKS, MeanSd
from acrcast_training.data.simulator.response import ENDPOINT

# Of a follow-up normal score: its correlation with the same measure at baseline, and what all measures of a visit share.
# From one visit to the next the shared part and each measure's own keep these correlations. Assumed; drawn so around
# the published means, and without regard to who responded, ACR20 comes out at about 47 % and 65 % at weeks 12 and 24.
BASELINE_WEIGHT = 0.4
SHARED_WEIGHT = 0.5
SHARED_PERSISTENCE = 0.8
OWN_PERSISTENCE = 0.5

# Fewer respond in the trial (43 % and 57 % of completers) than the course above implies, so that drawing given the
# response raises the means, those of the joint counts most. Lowering the normal scores of each visit by this brings
# them back; found by trial on 40,000 patients.
JOINTS_LOWERED_BY: Mapping[int, float] = {4: 0.16, 12: 0.23, 24: 0.33}
OTHERS_LOWERED_BY: Mapping[int, float] = {4: 0.11, 12: 0.14, 24: 0.19}
_JOINTS = [name.endswith("joint_count_28") for name in CORE_SET]

ROUNDS = 40
# What a measure is recorded in, in the order of the core set; CRP is not the reactant and need not be whole.
_STEPS = np.array([HAQ_STEP if name == "haq_di" else 1.0 for name in CORE_SET])


@dataclass(frozen=True, eq=False)
class _Target:
    """What is wanted of some patients. scores: (n, 8) at baseline, in the order of the core set."""

    scores: Floats
    baseline: CoreSet
    responded: Mapping[int, Bools]

    def take(self, index: npt.NDArray[np.intp]) -> "_Target":
        return _Target(
            self.scores[index], self.baseline.take(index), {week: r[index] for week, r in self.responded.items()}
        )


def follow_up(
    scores: Floats, baseline: CoreSet, responded: Mapping[int, Bools], random: np.random.Generator
) -> dict[int, CoreSet]:
    """The core set of every patient at weeks 4, 12 and 24; the ACR20 derived from it equals `responded` exactly.

    scores: (n, k) normal scores of all covariates. baseline: as recorded, so that a component missing there is one that
    cannot improve. responded: (n,) for each week at which the response is judged. HAQ is NaN at week 4.
    Candidates are redrawn for the patients whose ACR20 differs, at most 40 times; then the last ones are corrected.
    """
    wanted = _Target(scores[:, [COVARIATES.index(name) for name in CORE_SET]], baseline, responded)
    values = {week: np.empty((len(scores), len(CORE_SET))) for week in FOLLOW_UP_WEEKS}
    remaining = np.arange(len(scores))
    for _ in range(ROUNDS):
        target = wanted.take(remaining)
        candidate = _candidate(target.scores, random)
        for week, drawn in candidate.items():
            values[week][remaining] = drawn
        remaining = remaining[~_agrees(target, candidate)]
        if not len(remaining):
            break
    for week, want in responded.items():
        values[week] = _corrected(values[week], baseline, want)
    return {week: _core_set(drawn) for week, drawn in values.items()}


def _candidate(scores: Floats, random: np.random.Generator) -> dict[int, Floats]:
    """Values (n, 8) at each week, without regard to the response."""
    own_weight = np.sqrt(1 - BASELINE_WEIGHT**2 - SHARED_WEIGHT**2)
    shared, own = random.standard_normal((len(scores), 1)), random.standard_normal(scores.shape)
    candidate = {}
    for week in FOLLOW_UP_WEEKS:
        lowered = np.where(_JOINTS, JOINTS_LOWERED_BY[week], OTHERS_LOWERED_BY[week])
        follow_up_scores = BASELINE_WEIGHT * scores + SHARED_WEIGHT * shared + own_weight * own - lowered
        candidate[week] = np.column_stack(
            [
                np.full(len(scores), np.nan) if margin is None else margin.values(follow_up_scores[:, j])
                for j, margin in enumerate(_margins(week))
            ]
        )
        shared = _next_visit(shared, SHARED_PERSISTENCE, random)
        own = _next_visit(own, OWN_PERSISTENCE, random)
    return candidate


def _next_visit(scores: Floats, persistence: float, random: np.random.Generator) -> Floats:
    return np.asarray(persistence * scores + np.sqrt(1 - persistence**2) * random.standard_normal(scores.shape))


def _acr20(baseline: CoreSet, values: Floats) -> Bools:
    return acr_response(baseline, _core_set(values), ENDPOINT.level, ENDPOINT.acute_phase)


def _agrees(target: _Target, candidate: Mapping[int, Floats]) -> Bools:
    agrees = [_acr20(target.baseline, candidate[week]) == responded for week, responded in target.responded.items()]
    return np.asarray(np.all(agrees, axis=0), dtype=np.bool_)


def _corrected(values: Floats, baseline: CoreSet, responded: Bools) -> Floats:
    """As wanted where it still differs: each component at least 20 % improved, or swollen joints back at baseline."""
    before = np.column_stack([getattr(baseline, name) for name in CORE_SET])
    improved = np.floor(np.round(before * (1 - ENDPOINT.level / 100) / _STEPS, 9)) * _STEPS
    differs = _acr20(baseline, values) != responded
    corrected = values.copy()
    # A component missing at baseline keeps its follow-up: it counts for nothing either way.
    corrected[differs & responded] = np.fmin(values, improved)[differs & responded]
    swollen = CORE_SET.index("swollen_joint_count_28")
    corrected[differs & ~responded, swollen] = before[differs & ~responded, swollen]
    return corrected


def _core_set(values: Floats) -> CoreSet:
    return CoreSet(**{name: values[:, j] for j, name in enumerate(CORE_SET)})


@cache
def _margins(week: int) -> tuple[Margin | None, ...]:
    """The published distribution of each measure at this week; None where it was not taken."""
    return tuple(_margin(name, COURSE[week][name]) if name in COURSE[week] else None for name in CORE_SET)


def _margin(name: str, moments: MeanSd) -> Margin:
    at_baseline = margins()[name]
    if isinstance(at_baseline, LogNormal):
        return LogNormal.of_moments(moments, at_baseline.decimals, at_baseline.low, at_baseline.high)
    return Levels.score(moments, 0, upper_limit(name), HAQ_STEP if name == "haq_di" else 1)
