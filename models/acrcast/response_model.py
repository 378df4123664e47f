"""A fitted response model: the risks of patients in each arm, with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Covariates
from acrcast.estimators.design import CONTROL, TREATED, Terms, on_scale
from acrcast.estimators.ensemble import Ensemble
from acrcast.estimators.normal import expit
from acrcast.estimators.rows import Preparation
from acrcast.prediction import ModelIdentity
from acrcast.promotion import Promotion
from acrcast.studies.study import Study
from acrcast.support import TrainingRange

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
    """Risks of n patients in both arms; `control` and the benefit are None in a one-arm study.

    benefit: treated less control, (n,) with interval. probability_positive: (n,) share of the ensemble with a benefit above 0.
    """

    treated: ArmRisks
    control: ArmRisks | None
    benefit: ArmRisks | None
    probability_positive: Floats | None


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
        scaled, below = on_scale(self.terms.columns, covariates)
        return self.preparation.standardisation.apply(scaled), below

    def risks(self, covariates: Covariates, level: float = DEFAULT_LEVEL) -> Risks:
        """Risks in each arm. level: coverage of the intervals, above 0 and below 1."""
        Z, below = self.standardise(covariates)
        return self.risks_of(Z, below, level)

    def risks_of(self, Z: Floats, below: Bools, level: float) -> Risks:
        """The same from standardised columns (n, q)."""
        parts = [
            self._risks(Z[first : first + PATIENTS_AT_ONCE], below[first : first + PATIENTS_AT_ONCE], level)
            for first in range(0, max(len(Z), 1), PATIENTS_AT_ONCE)
        ]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def spread(self, Z: Floats, below: Bools) -> Floats:
        """(n,) standard deviation of the treated risk over the members, from standardised columns (n, q)."""
        incomplete: Bools = np.any(np.isnan(Z) | below, axis=1)
        drawn = self.completed(Z[incomplete], below[incomplete]) if incomplete.any() else None
        _, members = self._arm(TREATED, Z, incomplete, drawn, DEFAULT_LEVEL)
        deviation: Floats = expit(members).std(axis=1)
        return deviation

    def completed(self, Z: Floats, below: Bools) -> Floats:
        """(n, M, q) rows with unknown measures drawn, one draw for each member."""
        return self.preparation.conditional.draw(Z, below, self.nodes)

    def _risks(self, Z: Floats, below: Bools, level: float) -> Risks:
        incomplete: Bools = np.any(np.isnan(Z) | below, axis=1)
        drawn = self.completed(Z[incomplete], below[incomplete]) if incomplete.any() else None
        treated, treated_members = self._arm(TREATED, Z, incomplete, drawn, level)
        if not self.terms.two_arms:
            return Risks(treated, None, None, None)
        control, control_members = self._arm(CONTROL, Z, incomplete, drawn, level)
        members = expit(treated_members) - expit(control_members)
        difference = treated.probability - control.probability
        low, high = interval(members, level)
        benefit = ArmRisks(difference, np.minimum(low, difference), np.maximum(high, difference))
        return Risks(treated, control, benefit, np.mean(members > 0, axis=1))

    def _arm(
        self, arm: float, Z: Floats, incomplete: Bools, drawn: Floats | None, level: float
    ) -> tuple[ArmRisks, Floats]:
        """Risks in one arm and the members' log-odds (n, M). drawn: the incomplete rows, completed."""
        if drawn is None:
            probability = expit(self.ensemble.estimate(arm, Z))
            members = self.ensemble.members_of_complete(arm, Z)
        else:
            probability = np.empty(len(Z))
            members = np.empty((len(Z), self.ensemble.size))
            complete = ~incomplete
            if complete.any():
                probability[complete] = expit(self.ensemble.estimate(arm, Z[complete]))
                members[complete] = self.ensemble.members_of_complete(arm, Z[complete])
            probability[incomplete] = expit(self.ensemble.estimate(arm, drawn)).mean(axis=1)
            members[incomplete] = self.ensemble.members_of_drawn(arm, drawn)
        low, high = interval(members, level)
        # an estimate that conditions on less than the members do may lie beyond them: the interval is widened to hold it
        return ArmRisks(probability, np.minimum(expit(low), probability), np.maximum(expit(high), probability)), members


def interval(members: Floats, level: float) -> tuple[Floats, Floats]:
    """(n,) lower and upper ends between which one more member like these (n, M) would lie with probability `level`.

    Quantiles of type 6 (Hyndman & Fan 1996, Am Stat 50:361): the usual type 7 would hold .941 instead of .95 with 200 members.
    """
    ordered = np.sort(members, axis=1)
    last = ordered.shape[1] - 1
    ends = []
    for quantile in ((1 - level) / 2, (1 + level) / 2):
        position = min(max(quantile * (last + 2) - 1, 0.0), float(last))
        lower = int(position)
        share = position - lower
        ends.append((1 - share) * ordered[:, lower] + share * ordered[:, min(lower + 1, last)])
    return ends[0], ends[1]


def _joined(parts: list[Risks]) -> Risks:
    def arms(chosen: list[ArmRisks]) -> ArmRisks:
        return ArmRisks(
            np.concatenate([part.probability for part in chosen]),
            np.concatenate([part.low for part in chosen]),
            np.concatenate([part.high for part in chosen]),
        )

    def all_of(name: str) -> ArmRisks | None:
        chosen = [getattr(part, name) for part in parts]
        return None if chosen[0] is None else arms(chosen)

    positive = [part.probability_positive for part in parts if part.probability_positive is not None]
    return Risks(
        treated=arms([part.treated for part in parts]),
        control=all_of("control"),
        benefit=all_of("benefit"),
        probability_positive=np.concatenate(positive) if positive else None,
    )
