"""What makes a trial a study here: who, which arms, which outcome, and what was named beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from acrcast.contract import Code, Contract, Patient


@dataclass(frozen=True, slots=True)
class Arm:
    """A treatment arm.

    key: used in data and answers. title: what a clinician calls it.
    drug: codes of what is given in this arm and not in the control's; a code stands for itself alone.
    """

    key: str
    title: str
    drug: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the study's patients have. A code stands for itself and, in ICD-10, for all below it: M05 for M05.79.

    except_for: what stands below a code and is another disease.
    """

    title: str
    codes: tuple[Code, ...]
    except_for: tuple[Code, ...] = ()

    def includes(self, code: Code) -> bool:
        return _stands_for(self.codes, code) and not _stands_for(self.except_for, code)


def _stands_for(codes: tuple[Code, ...], code: Code) -> bool:
    return any(
        code.system == known.system and (code.code == known.code or code.code.startswith(f"{known.code}."))
        for known in codes
    )


@dataclass(frozen=True, slots=True)
class AcrResponse:
    """Endpoint: ACR response at a visit, derived from core-set visits (Felson 1993, 1995).

    level: 20, 50 or 70 percent. week: the visit that counts. acute_phase: the reactant, one for all patients.
    """

    week: int
    level: Literal[20, 50, 70] = 20
    acute_phase: Literal["esr", "crp"] = "esr"

    @property
    def title(self) -> str:
        return f"ACR{self.level} at week {self.week}"


@dataclass(frozen=True, slots=True)
class OutcomeColumn:
    """Endpoint: a column of the analysis table. A patient whose value is in `responder` responded; empty is not assessed.

    week: when it is observed, from baseline; None where the study does not say.
    """

    title: str
    column: str
    responder: frozenset[str]
    others: frozenset[str]
    week: int | None = None


@dataclass(frozen=True)
class Study:
    """One trial's question.

    arms: one or two. control: key of the control arm of two, None with one arm.
    effect_modifiers: the few measures named beforehand whose effect may differ between the arms; none with one arm.
    prespecified: the small set of predictors named beforehand; the effect modifiers always belong to it.
    expected_directions: +1 where more of it is expected to go with response, -1 with non-response; boosted trees keep to them.
    assays: for a field that names an assay, the one that the study used.
    weeks: scheduled visits, baseline is 0.
    reference: where the trial is published.
    diagnosis: what a record system calls the disease; without it, predictions are not offered where a record is looked at.
    """

    key: str
    title: str
    patient: type[Patient]
    arms: tuple[Arm, ...]
    endpoint: AcrResponse | OutcomeColumn
    intended_use: str
    control: str | None = None
    effect_modifiers: tuple[str, ...] = ()
    prespecified: tuple[str, ...] = ()
    expected_directions: Mapping[str, Literal[-1, 1]] = field(default_factory=dict)
    assays: Mapping[str, str] = field(default_factory=dict)
    weeks: tuple[int, ...] = (0,)
    reference: str = ""
    diagnosis: Diagnosis | None = None

    def __post_init__(self) -> None:
        keys = [arm.key for arm in self.arms]
        names = {f.name for f in self.contract.covariates}
        problems = [
            (not names, "patient: give its class at least one covariate"),
            (len(keys) not in (1, 2) or len(set(keys)) != len(keys), "arms: give one arm, or two with different keys"),
            (len(keys) == 2 and self.control not in keys, "control: name the control arm's key"),
            (len(keys) == 1 and self.control is not None, "control: a one-arm study has none"),
            (len(keys) == 1 and bool(self.effect_modifiers), "effect_modifiers: a one-arm study has none"),
            (
                not set(self.effect_modifiers) <= names,
                "effect_modifiers: each must be a covariate of the patient class",
            ),
            (not set(self.prespecified) <= names, "prespecified: each must be a covariate of the patient class"),
            (
                not set(self.expected_directions) <= names or not set(self.expected_directions.values()) <= {-1, 1},
                "expected_directions: each must be a covariate, with +1 or -1",
            ),
            (
                set(self.assays) != {f.name for f in self.contract.assays},
                "assays: name the one used for each assay field",
            ),
        ]
        for wrong, message in problems:
            if wrong:
                raise TypeError(f"study {self.key}, {message}")

    @cached_property
    def contract(self) -> Contract:
        return Contract.of(self.patient)

    @cached_property
    def small_set(self) -> tuple[str, ...]:
        """The measures named beforehand, in the order of the contract."""
        named = {*self.prespecified, *self.effect_modifiers}
        return tuple(f.name for f in self.contract.covariates if f.name in named)

    @property
    def has_control(self) -> bool:
        return len(self.arms) == 2

    @property
    def treated(self) -> Arm:
        """The arm that is not the control; the only arm of a one-arm study."""
        return next(arm for arm in self.arms if arm.key != self.control)

    @property
    def control_arm(self) -> Arm | None:
        return next((arm for arm in self.arms if arm.key == self.control), None)
