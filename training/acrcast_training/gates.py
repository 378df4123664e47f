"""Gates to become champion, each with its permanent code. A retired code is not used again.

A gate reads what the model's artefact says and asks nothing else, so that the same model gets the same answer wherever it
is asked. It measures and says; whether a refusal stops anything is decided by whoever promotes.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acrcast.artefact import Manifest
from acrcast.headline import Headline, estimate_of, headline
from acrcast.promotion import GateStatus, JudgedGate
from acrcast.validation.calibration import SLOPE_LIMITS
from acrcast.validation.performance import Estimate
from acrcast_training.provenance import CHANGES, COMMIT, RELEASE
from acrcast_training.select import BASELINE

FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What the gates look at.

    candidate: the one served. sample_size, comparison: the card's parts of these names, empty when absent.
    updated: whether the model is one that was updated since it was trained; evidence: what the card has of the latest update.
    """

    candidate: str
    headline: Headline
    data_fingerprint: str
    code_revision: str
    sample_size: Mapping[str, Any]
    comparison: Mapping[str, Any] = field(default_factory=dict)
    updated: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, card: Mapping[str, Any], manifest: Manifest) -> "Subject":
        history = card.get("history", [])
        return cls(
            manifest.candidate,
            headline(card),
            manifest.data_fingerprint,
            manifest.code_revision,
            card.get("sample_size", {}),
            card.get("comparison", {}),
            bool(history),
            history[-1].get("evidence", {}) if history else {},
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one gate found, in words. missed: by how much, when it failed."""

    status: GateStatus
    measured: str
    missed: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """asks: the limit. remedy: what to do when it refuses."""

    code: str
    title: str
    asks: str
    why: str
    source: str
    remedy: str
    judge: Callable[[Subject], Finding]


CLAIMS_NOTHING = Finding("not applicable", "the arm's response rate is served and claims nothing over itself")
NO_SLOPE = Finding("not applicable", "one risk for all patients of an arm has no slope")
BY_OTHERS = Finding("not applicable", "updated since it was trained: GATE007 to GATE009 judge the update")
AS_TRAINED = Finding("not applicable", "not updated since it was trained")
NO_EVIDENCE = Finding("failed", "no figures of the update on the card", "nothing shows what the update is worth")


def judge(subject: Subject) -> tuple[JudgedGate, ...]:
    """What every gate says, in the order of their codes."""
    return tuple(_judged(gate, gate.judge(subject)) for gate in GATES)


def refusing(judged: Sequence[JudgedGate]) -> tuple[JudgedGate, ...]:
    """The gates that failed."""
    return tuple(gate for gate in judged if gate.status == "failed")


def remedy(code: str) -> str:
    """What to do when that gate refuses."""
    return next(gate.remedy for gate in GATES if gate.code == code)


def _judged(gate: Gate, found: Finding) -> JudgedGate:
    return JudgedGate(
        code=gate.code,
        title=gate.title,
        status=found.status,
        measured=found.measured,
        limit=gate.asks,
        missed=found.missed,
    )


def _beats_rate(subject: Subject) -> Finding:
    if subject.updated:
        return BY_OTHERS
    if subject.candidate == BASELINE:
        return CLAIMS_NOTHING
    gain = subject.headline.gain
    if gain is None or math.isnan(gain.low):
        return Finding("failed", "no corrected gain with an interval on the card", "nothing shows a gain")
    measured = f"corrected gain in log loss {_shown(gain, 3, '+')}"
    if gain.low > 0:
        return Finding("passed", measured)
    return Finding("failed", measured, f"the interval reaches {_distance(-gain.low, 3)} below 0")


def _slope(subject: Subject) -> Finding:
    if subject.updated:
        return BY_OTHERS
    if subject.candidate == BASELINE:
        return NO_SLOPE
    slope = subject.headline.slope
    if slope is None or math.isnan(slope.value):
        return Finding("failed", "no corrected calibration slope on the card", "nothing shows the calibration")
    low, high = SLOPE_LIMITS
    measured = f"corrected calibration slope {_shown(slope, 2)}"
    if slope.value < low:
        return Finding("failed", measured, f"{_distance(low - slope.value, 2)} below {low}: risks are too extreme")
    if slope.value > high:
        return Finding("failed", measured, f"{_distance(slope.value - high, 2)} above {high}: risks are too cautious")
    beyond = slope.low < low or slope.high > high
    return Finding("passed", measured + ("; its interval reaches beyond the limits" if beyond else ""))


def _data(subject: Subject) -> Finding:
    if FINGERPRINT.fullmatch(subject.data_fingerprint):
        return Finding("passed", f"fingerprint {subject.data_fingerprint}")
    return Finding("failed", "no fingerprint of the data", "which data it was trained on cannot be shown")


def _code(subject: Subject) -> Finding:
    revision = subject.code_revision
    if RELEASE.fullmatch(revision):
        return Finding("passed", revision)
    if COMMIT.fullmatch(revision):
        return Finding("passed", f"commit {revision}")
    if COMMIT.fullmatch(revision.removesuffix(CHANGES)):
        changed = f"commit {revision.removesuffix(CHANGES)} with changes that were not committed"
        return Finding("failed", changed, "the code that made it is in no commit")
    return Finding("failed", "no known revision of the code", "which code made it cannot be shown")


def _sample_size(subject: Subject) -> Finding:
    found = subject.sample_size
    if not {"verdict", "patients", "needed"} <= found.keys():
        return Finding("failed", "no verdict on the card", "how many patients it asks for cannot be shown")
    return Finding("passed" if found["patients"] >= found["needed"] else "recorded", str(found["verdict"]).rstrip("."))


def _no_worse(subject: Subject) -> Finding:
    if subject.updated:
        return BY_OTHERS
    found = subject.comparison
    if not found:
        return Finding("not applicable", "trained without a champion to be compared with")
    crossed, held_out = estimate_of(found["cross_validated"]["gain"]), estimate_of(found["held_out"]["gain"])
    measured = f"gain in log loss over the champion {_shown(crossed, 3, '+')} by cross-validation, {_shown(held_out, 3, '+')} held out"
    if crossed.value < 0:
        return Finding("failed", measured, f"by cross-validation {_distance(-crossed.value, 3)} below 0")
    if held_out.high < 0:
        return Finding("failed", measured, f"held out, the interval lies {_distance(-held_out.high, 3)} below 0")
    return Finding("passed", measured)


def _beats_previous(subject: Subject) -> Finding:
    if (unjudged := _unjudged(subject, claims_nothing=None)) is not None:
        return unjudged
    gain = estimate_of(subject.evidence["gain_over_previous"])
    measured = f"cross-validated gain in log loss over the model before {_shown(gain, 3, '+')}"
    if gain.low > 0:
        return Finding("passed", measured)
    return Finding("failed", measured, f"the interval reaches {_distance(-gain.low, 3)} below 0")


def _beats_rate_there(subject: Subject) -> Finding:
    if (unjudged := _unjudged(subject, claims_nothing=CLAIMS_NOTHING)) is not None:
        return unjudged
    gain, shown = estimate_of(subject.evidence["gain_over_rates"]), bool(subject.evidence["shown_before"])
    before = "shown to beat the rate" if shown else "not shown to beat the rate in patients of this kind"
    measured = f"cross-validated gain in log loss over the rates {_shown(gain, 3, '+')}; the model before was {before}"
    if gain.low > 0 or (shown and gain.value >= 0):
        return Finding("passed", measured)
    missed = (
        f"{_distance(-gain.value, 3)} below 0" if shown else f"the interval reaches {_distance(-gain.low, 3)} below 0"
    )
    return Finding("failed", measured, missed)


def _slope_there(subject: Subject) -> Finding:
    if (unjudged := _unjudged(subject, claims_nothing=NO_SLOPE)) is not None:
        return unjudged
    found = subject.evidence["calibration_slope"]
    if found is None:
        return Finding("failed", "no cross-validated calibration slope on the card", "nothing shows the calibration")
    slope, (low, high) = estimate_of(found), SLOPE_LIMITS
    measured, missed = f"cross-validated calibration slope {_shown(slope, 2)}", ""
    if slope.high < low:
        missed = f"the interval lies {_distance(low - slope.high, 2)} below {low}: risks are too extreme"
    elif slope.low > high:
        missed = f"the interval lies {_distance(slope.low - high, 2)} above {high}: risks are too cautious"
    elif slope.low < low or slope.high > high:
        measured += "; its interval reaches beyond the limits"
    return Finding("failed" if missed else "passed", measured, missed)


def _unjudged(subject: Subject, *, claims_nothing: Finding | None) -> Finding | None:
    """What a gate of an update says where there is nothing to judge. claims_nothing: of the response rate."""
    if not subject.updated:
        return AS_TRAINED
    if claims_nothing is not None and subject.candidate == BASELINE:
        return claims_nothing
    return None if subject.evidence else NO_EVIDENCE


def _shown(estimate: Estimate, decimals: int, sign: str = "") -> str:
    value = f"{estimate.value:{sign}.{decimals}f}"
    if math.isnan(estimate.low):
        return f"{value} (no interval)"
    return f"{value} ({estimate.low:{sign}.{decimals}f} to {estimate.high:{sign}.{decimals}f})"


def _distance(number: float, decimals: int) -> str:
    """A miss that rounds to nothing is still one."""
    smallest = 10.0**-decimals
    return f"less than {smallest:.{decimals}f}" if number < smallest / 2 else f"{number:.{decimals}f}"


GATES: tuple[Gate, ...] = (
    Gate(
        "GATE001",
        "Beats the response rate",
        "the 95 % interval of the corrected gain in log loss over quoting the arm's response rate lies above 0",
        "A model that does no better than the rate adds only error to it. An apparent gain is no evidence: it is corrected "
        "for optimism. Where the response rate itself is served nothing is claimed over it, and the gate does not apply.",
        "Steyerberg et al. 2001 (J Clin Epidemiol 54:774) for the correction; log loss is strictly proper, Gneiting & "
        "Raftery 2007 (JASA 102:359).",
        "Train with more patients or name fewer predictors beforehand, or serve the response rate.",
        _beats_rate,
    ),
    Gate(
        "GATE002",
        "Calibration slope within limits",
        f"the corrected calibration slope is {SLOPE_LIMITS[0]} to {SLOPE_LIMITS[1]}",
        "Below 1 the risks are too extreme, above 1 too cautious; either misleads whoever acts on them.",
        "Van Calster et al. 2019 (BMC Med 17:230): judge overfitting by the slope at internal validation. Riley et al. 2020 "
        "(BMJ 368:m441): develop for a shrinkage of at least 0.9; the limits allow twice that distance from 1.",
        "Train with more patients or name fewer predictors beforehand.",
        _slope,
    ),
    Gate(
        "GATE003",
        "Data fingerprint recorded",
        "the model names the SHA-256 of the patients that it was trained on",
        "Without it nobody can show which data the model learned from, or that a validation used other patients.",
        "TRIPOD+AI, items 5a and 18e (BMJ 2024;385:e078378).",
        "Train the model anew with `acrcast train`, which records it.",
        _data,
    ),
    Gate(
        "GATE004",
        "Code revision recorded",
        "the model names a commit without changes, or a release of acrcast that was installed",
        "Numbers that nobody can make again are not evidence. A checkout with changes is in no commit.",
        "TRIPOD+AI, item 18f (BMJ 2024;385:e078378).",
        "Commit the changes, or install a release, and train anew.",
        _code,
    ),
    Gate(
        "GATE005",
        "Sample-size verdict on the card",
        "the card says how many patients a model of all measures asks for",
        "Too few patients are the commonest reason why a model fails later. A shortfall refuses nothing, because GATE001 "
        "and GATE002 judge what came of it: it is recorded, and shown wherever the model is.",
        "Riley et al. 2020 (BMJ 368:m441).",
        "Train the model anew with `acrcast train`, which says it.",
        _sample_size,
    ),
    Gate(
        "GATE006",
        "No worse than the champion",
        "a retrained model's gain in log loss over the champion is not below 0 by cross-validation, and where it was held out "
        "its 95 % interval does not lie below 0; both among patients that the champion had not seen",
        "New patients and more of them should do no harm, and may: they are others, or fewer than those before. The champion "
        "is judged as it is; of the retrained model each patient's risk is by a fit that did not see the patient.",
        "Log loss is strictly proper, Gneiting & Raftery 2007 (JASA 102:359); differences are paired by patient.",
        "Give the champion's own training data too, wait for more patients, or keep the champion.",
        _no_worse,
    ),
    Gate(
        "GATE007",
        "Better than the model before its update",
        "the 95 % interval of an updated model's gain in log loss over the model before lies above 0, cross-validated in the "
        "patients of the update with the choice of the update inside",
        "An update that is no better than what it replaces changes risks for nothing. Its apparent gain is no evidence: in each "
        "fold the update is chosen and made anew without the patients who judge it, and the model before is as it is.",
        "Vergouwe et al. 2017 (Stat Med 36:4529) for the choice; Steyerberg et al. 2004 (Stat Med 23:2567) for updating and "
        "shrinking with few patients.",
        "Wait for more outcomes and recalibrate again, or keep the model before.",
        _beats_previous,
    ),
    Gate(
        "GATE008",
        "Better than the response rate where it was updated",
        "an updated model's gain in log loss over quoting these patients' response rates is not below 0, cross-validated likewise; "
        "where the model before was not shown to beat the rate in patients of the same kind, its 95 % interval lies above 0",
        "An update inherits what was shown of the model before, and its patients must not contradict it. Where there is nothing to "
        "inherit they must show it themselves, or else updating would be a way round GATE001. A revision inherits nothing, and "
        "simulated patients show nothing of real ones.",
        "Steyerberg et al. 2001 (J Clin Epidemiol 54:774); log loss is strictly proper, Gneiting & Raftery 2007 (JASA 102:359).",
        "Wait for more outcomes, train anew with these patients, or serve the response rate.",
        _beats_rate_there,
    ),
    Gate(
        "GATE009",
        "Calibrated where it was updated",
        "the 95 % interval of an updated model's calibration slope, cross-validated likewise, reaches into "
        f"{SLOPE_LIMITS[0]} to {SLOPE_LIMITS[1]}",
        "Below 1 the risks are too extreme, above 1 too cautious. How much to change was decided by a test in these patients; "
        "this gate refuses what they contradict, and GATE007 is the one that asks for evidence.",
        "Van Calster et al. 2019 (BMC Med 17:230).",
        "Wait for more outcomes and recalibrate again, or train anew with these patients.",
        _slope_there,
    ),
)
