"""A fitted response model: the risks of patients in each arm, with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats, Integers, alike
from acrcast.contract import Covariates, OnePatient
from acrcast.estimators.candidates import RESPONSE_RATE
from acrcast.estimators.design import ColumnValues, Terms
from acrcast.estimators.ensemble import Ensemble
from acrcast.estimators.patterns import Patterns
from acrcast.estimators.rows import Preparation
from acrcast.prediction import ModelIdentity
from acrcast.promotion import Promotion
from acrcast.studies.study import Study
from acrcast.support import Judge, TrainingRange

DEFAULT_LEVEL = 0.95
PATIENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ArmRisks:
    """Risks of n patients in one arm. probability: (n,). low, high: (n,) ends of the interval."""

    probability: Floats
    low: Floats
    high: Floats

    def rows(self, index: Any) -> "ArmRisks":  # noqa: ANN401  any numpy index
        return ArmRisks(self.probability[index], self.low[index], self.high[index])


@dataclass(frozen=True, slots=True)
class Risks:
    """Risks of n patients in both arms, as one array: of one patient, each array more would cost more than the numbers in it.

    values: (n, 3, 3) probability, low and high of treated, control and benefit (treated less control); (n, 1, 3) with one arm.
    probability_positive: (n,) share of the ensemble with a benefit above 0; None with one arm.
    """

    values: Floats
    probability_positive: Floats | None

    @classmethod
    def empty(cls, n: int, two_arms: bool) -> "Risks":  # noqa: FBT001  the study's own flag
        """Risks that are still to be put in."""
        return cls(np.empty((n, 3, 3)), np.empty(n)) if two_arms else cls(np.empty((n, 1, 3)), None)

    def put(self, rows: Integers | slice, risks: "Risks") -> None:
        """The risks of these rows."""
        self.values[rows] = risks.values
        if self.probability_positive is not None:
            self.probability_positive[rows] = risks.probability_positive

    @property
    def treated(self) -> ArmRisks:
        return self._part(0)

    @property
    def control(self) -> ArmRisks | None:
        """None in a one-arm study."""
        return self._part(1) if self.probability_positive is not None else None

    @property
    def benefit(self) -> ArmRisks | None:
        """None in a one-arm study."""
        return self._part(2) if self.probability_positive is not None else None

    def _part(self, k: int) -> ArmRisks:
        return ArmRisks(self.values[:, k, 0], self.values[:, k, 1], self.values[:, k, 2])


@dataclass(frozen=True)
class ResponseModel:
    """One fitted procedure and the ensemble that carries its uncertainty.

    nodes: (M, q) standard normal draws by which unknown measures are averaged over, one for each member.
    averages: for each arm's key, (G,) evenly spaced quantiles of the posterior of its response rate in the training data.
    card: the model card as plain data. evidence: what its figures and pictures rest on, as plain data without patients.
    promotion: how it became champion, when it came from a registry that recorded so.
    """

    study: Study
    identity: ModelIdentity
    card: Mapping[str, Any]
    candidate: str
    estimate_conditions_on: str
    terms: Terms
    preparation: Preparation
    training_range: TrainingRange
    ensemble: Ensemble
    nodes: Floats
    averages: Mapping[str, Floats]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    promotion: Promotion | None = None

    @property
    def tells_patients_apart(self) -> bool:
        """False where the arm's response rate is quoted to everybody."""
        return self.candidate != RESPONSE_RATE

    @property
    def cautions(self) -> list[str]:
        """What to beware of in every prediction: an overridden gate, and the card's cautions."""
        overridden = self.promotion.caution if self.promotion is not None else None
        return [*([overridden] if overridden else []), *(str(caution) for caution in self.card.get("cautions", []))]

    @property
    def card_with_promotion(self) -> dict[str, Any]:
        """The card as whoever relies on the model should see it: with `promotion`, where there is a record of one."""
        if self.promotion is None:
            return dict(self.card)
        overridden = [gate.code for gate in self.promotion.overridden]
        return {**self.card, "promotion": self.promotion.model_dump(mode="json") | {"overridden": overridden}}

    def standardise(self, covariates: Covariates) -> tuple[Floats, Bools]:
        """(n, q) standardised columns, NaN missing, and where they are only upper limits."""
        scaled, below = self._column_values.of(covariates.values, covariates.below)
        return self.preparation.standardisation.apply(scaled), below

    def standardise_one(self, patient: OnePatient) -> tuple[Floats, Bools, Bools]:
        """(1, q) standardised columns of one patient, NaN missing; (q,) which are known, and which are only upper limits."""
        Z: Floats = self.preparation.standardisation.apply(np.array([self._column_values.of_one(patient)]))
        if patient.below:
            below = self._column_values.below(patient)
            return Z, ~(np.isnan(Z[0]) | below), below
        return Z, ~np.isnan(Z[0]), self._nothing_below

    @cached_property
    def _nothing_below(self) -> Bools:
        return np.zeros(len(self.terms.columns), dtype=bool)

    def risks(self, covariates: Covariates, level: float = DEFAULT_LEVEL) -> Risks:
        """Risks in each arm. level: coverage of the intervals, above 0 and below 1."""
        Z, below = self.standardise(covariates)
        return self.risks_of(Z, below, level)

    def risks_of(self, Z: Floats, below: Bools, level: float) -> Risks:
        """The same from standardised columns (n, q)."""
        known = ~(np.isnan(Z) | below)
        found = Risks.empty(len(Z), self.terms.two_arms)
        for rows in alike(np.hstack([known, below])):
            pattern = self.patterns.of(known[rows[0]], below[rows[0]])
            for first in range(0, len(rows), PATIENTS_AT_ONCE):
                these = rows[first : first + PATIENTS_AT_ONCE]
                log_odds = self.ensemble.log_odds(pattern, Z[these], pattern.draws(Z[these]), self.terms.arms)
                found.put(these, risks_of(log_odds, level))
        return found

    @cached_property
    def _column_values(self) -> ColumnValues:
        return ColumnValues(self.terms.columns)

    @cached_property
    def patterns(self) -> Patterns:
        """What is prepared for the measures that are known of a patient."""
        return Patterns(self.preparation.conditional, self.nodes, self.ensemble.linear())

    @cached_property
    def judge(self) -> Judge:
        """Says where patients lie against the training data."""
        fields, study = tuple(column.field for column in self.terms.columns), self.study
        return Judge(self.training_range, self.preparation.conditional, study.contract, fields, study.assays)

    def completed(self, Z: Floats, below: Bools) -> Floats:
        """(n, M, q) rows with unknown measures drawn, one draw for each member."""
        return self.preparation.conditional.draw(Z, below, self.nodes)


def risks_of(log_odds: Floats, level: float) -> Risks:
    """Risks from log-odds (n, arms, 2, M) by the members and by the estimate on each draw of what is unknown."""
    n, arms, _, size = log_odds.shape
    members = members_for(n, arms, size)
    np.multiply(log_odds[:, :, 0].swapaxes(0, 1), 0.5, out=members[:arms])
    doubled = np.tanh(0.5 * log_odds[:, :, 1])
    return risks_between(0.5 + 0.5 / size * np.add.reduce(doubled, axis=-1), *ends_of(members, level))


def members_for(n: int, arms: int, size: int) -> Floats:
    """Room for half the members' log-odds in each arm, and for what they put the benefit at: (1 or 3, n, M)."""
    return np.empty((2 * arms - 1, n, size))


def ends_of(members: Floats, level: float) -> tuple[Floats, Floats | None]:
    """Of half the members' log-odds, in `members_for` them: (n, 1 or 3, 2) the ends of the intervals, and (n,) the benefit's share above 0.

    The ends are of half the log-odds, and of twice the benefit. All of `members` is overwritten.
    """
    size, positive = members.shape[-1], None
    if len(members) > 1:
        # a risk is half of 1 + tanh of half its log-odds
        doubled = np.tanh(members[:2])
        benefit = np.subtract(doubled[0], doubled[1], out=members[2])
        # several times as fast as counting along an axis
        above = np.bitwise_count(np.packbits(benefit > 0, axis=1))
        positive = np.add.reduce(above, axis=1, dtype=np.float64) / size
    positions, shares = quantiles(size, level)
    members.sort(axis=-1)
    return (members.take(positions, axis=-1) @ shares).swapaxes(0, 1), positive


def risks_between(centre: Floats, ends: Floats, positive: Floats | None) -> Risks:
    """Risks with the estimate's (n, arms), and what `ends_of` gives.

    An interval is taken on the log-odds scale of each arm, and of the benefit as it is. An estimate that conditions on less
    than the members do may lie beyond them: the interval is widened to hold it.
    """
    n, arms = centre.shape
    values = np.empty((n, ends.shape[1], 3))
    values[:, :arms, 0] = centre
    values[:, :arms, 1:] = 0.5 * (1.0 + np.tanh(ends[:, :arms]))
    if arms == 2:
        np.subtract(centre[:, 0], centre[:, 1], out=values[:, 2, 0])
        np.multiply(ends[:, 2], 0.5, out=values[:, 2, 1:])
    np.minimum(values[..., 1], values[..., 0], out=values[..., 1])
    np.maximum(values[..., 2], values[..., 0], out=values[..., 2])
    return Risks(values, positive)


def interval(members: Floats, level: float) -> Floats:
    """(..., 2) lower and upper ends between which one more member like these (..., M) would lie with probability `level`.

    Quantiles of type 6 (Hyndman & Fan 1996, Am Stat 50:361): the usual type 7 would hold .941 instead of .95 with 200 members.
    """
    positions, shares = quantiles(members.shape[-1], level)
    ends: Floats = np.sort(members, axis=-1)[..., positions] @ shares
    return ends


@lru_cache(maxsize=64)
def quantiles(size: int, level: float) -> tuple[Integers, Floats]:
    """Positions (4,) among so many ordered values, and (4, 2) how much of each is in the two ends of the interval."""
    last = size - 1
    exact = np.clip(np.array([(1 - level) / 2, (1 + level) / 2]) * (last + 2) - 1, 0.0, last)
    lower = exact.astype(np.int64)
    share = exact - lower
    shares = np.zeros((4, 2))
    shares[[0, 2], [0, 1]], shares[[1, 3], [0, 1]] = 1 - share, share
    return np.array([lower[0], min(lower[0] + 1, last), lower[1], min(lower[1] + 1, last)]), shares
