"""What each gate says: a table of what it is given and what it answers."""

from math import nan

import pytest

from acrcast.headline import Headline, headline
from acrcast.validation.performance import Estimate
from acrcast_training.gates import GATES, Subject, judge, refusing

COMMIT = 4 * "0123456789"
ENOUGH = {"patients": 400, "needed": 378, "verdict": "400 patients are enough for 5 parameters."}
TOO_FEW = {"patients": 302, "needed": 378, "verdict": "302 patients are too few for 5 parameters."}


BETTER = {
    "cross_validated": {"gain": {"value": 0.02, "interval": [-0.01, 0.05]}},
    "held_out": {"gain": {"value": 0.01, "interval": [-0.03, 0.05]}},
}
GAIN, SLOPE = Estimate(0.055, 0.007, 0.086), Estimate(1.05, 0.9, 1.2)


def a_subject(
    candidate="hierarchical",
    gain=GAIN,
    slope=SLOPE,
    data_fingerprint="ab" * 32,
    code_revision=COMMIT,
    sample_size=ENOUGH,
    comparison=BETTER,
    evidence=None,
):
    """evidence: of its update; None for a model that was not updated."""
    parts = (Headline(gain, slope), data_fingerprint, code_revision, sample_size, comparison)
    return Subject(candidate, *parts, updated=evidence is not None, evidence=evidence or {})


def compared(crossed, held_out):
    """The card's part about the champion, from (value, low, high) of both gains."""
    parts = {"cross_validated": crossed, "held_out": held_out}
    return {name: {"gain": {"value": value, "interval": [low, high]}} for name, (value, low, high) in parts.items()}


def said(code, subject):
    """(status, found, missed) of one gate."""
    (gate,) = [gate for gate in judge(subject) if gate.code == code]
    return gate.status, gate.measured, gate.missed


def test_codes_are_permanent():
    assert {gate.code: gate.title for gate in GATES} == {
        "GATE001": "Beats the response rate",
        "GATE002": "Calibration slope within limits",
        "GATE003": "Data fingerprint recorded",
        "GATE004": "Code revision recorded",
        "GATE005": "Sample-size verdict on the card",
        "GATE006": "No worse than the champion",
        "GATE007": "Better than the model before its update",
        "GATE008": "Better than the response rate where it was updated",
        "GATE009": "Calibrated where it was updated",
    }


def test_nothing_refuses_a_model_that_is_within_every_limit():
    assert [gate.status for gate in judge(a_subject())] == ["passed"] * 6 + ["not applicable"] * 3


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (Estimate(0.055, 0.007, 0.086), ("passed", "corrected gain in log loss +0.055 (+0.007 to +0.086)", "")),
        (Estimate(0.055, 0.0001, 0.086), ("passed", "corrected gain in log loss +0.055 (+0.000 to +0.086)", "")),
        (
            Estimate(0.03, -0.012, 0.07),
            (
                "failed",
                "corrected gain in log loss +0.030 (-0.012 to +0.070)",
                "the interval reaches 0.012 below 0",
            ),
        ),
        (
            Estimate(0.03, 0.0, 0.07),
            (
                "failed",
                "corrected gain in log loss +0.030 (+0.000 to +0.070)",
                "the interval reaches less than 0.001 below 0",
            ),
        ),
        (
            Estimate(-0.05, -0.09, -0.01),
            (
                "failed",
                "corrected gain in log loss -0.050 (-0.090 to -0.010)",
                "the interval reaches 0.090 below 0",
            ),
        ),
        (
            Estimate(0.05, nan, nan),
            ("failed", "no corrected gain with an interval on the card", "nothing shows a gain"),
        ),
        (None, ("failed", "no corrected gain with an interval on the card", "nothing shows a gain")),
    ],
)
def test_the_gain_must_have_an_interval_above_0(gain, expected):
    assert said("GATE001", a_subject(gain=gain)) == expected


@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        (Estimate(0.8, 0.8, 1.2), ("passed", "corrected calibration slope 0.80 (0.80 to 1.20)", "")),
        (Estimate(1.25, 0.9, 1.25), ("passed", "corrected calibration slope 1.25 (0.90 to 1.25)", "")),
        (
            Estimate(1.05, 0.7, 1.56),
            ("passed", "corrected calibration slope 1.05 (0.70 to 1.56); its interval reaches beyond the limits", ""),
        ),
        (
            Estimate(0.62, 0.4, 0.9),
            (
                "failed",
                "corrected calibration slope 0.62 (0.40 to 0.90)",
                "0.18 below 0.8: risks are too extreme",
            ),
        ),
        (
            Estimate(1.6, 0.9, 2.4),
            (
                "failed",
                "corrected calibration slope 1.60 (0.90 to 2.40)",
                "0.35 above 1.25: risks are too cautious",
            ),
        ),
        (
            Estimate(0.7999, 0.7, 0.9),
            (
                "failed",
                "corrected calibration slope 0.80 (0.70 to 0.90)",
                "less than 0.01 below 0.8: risks are too extreme",
            ),
        ),
        (Estimate(1.1, nan, nan), ("passed", "corrected calibration slope 1.10 (no interval)", "")),
        (None, ("failed", "no corrected calibration slope on the card", "nothing shows the calibration")),
    ],
)
def test_the_corrected_slope_itself_must_lie_within_the_limits(slope, expected):
    assert said("GATE002", a_subject(slope=slope)) == expected


def test_the_response_rate_claims_nothing_that_two_of_the_gates_could_judge():
    served = judge(a_subject("prevalence", gain=Estimate(0.0, 0.0, 0.0), slope=None, sample_size=TOO_FEW))
    assert [gate.status for gate in served] == [
        "not applicable", "not applicable", "passed", "passed", "recorded", "passed", *["not applicable"] * 3,
    ]  # fmt: skip
    assert not refusing(served)


@pytest.mark.parametrize("fingerprint", ["", "ab" * 31, "not recorded"])
def test_data_without_a_fingerprint_are_refused(fingerprint):
    assert said("GATE003", a_subject(data_fingerprint=fingerprint)) == (
        "failed",
        "no fingerprint of the data",
        "which data it was trained on cannot be shown",
    )


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (COMMIT, ("passed", f"commit {COMMIT}", "")),
        ("release 0.1.0", ("passed", "release 0.1.0", "")),
        (
            f"{COMMIT}+changes",
            (
                "failed",
                f"commit {COMMIT} with changes that were not committed",
                "the code that made it is in no commit",
            ),
        ),
        ("unknown", ("failed", "no known revision of the code", "which code made it cannot be shown")),
        ("", ("failed", "no known revision of the code", "which code made it cannot be shown")),
    ],
)
def test_the_code_must_be_a_commit_without_changes_or_a_release(revision, expected):
    assert said("GATE004", a_subject(code_revision=revision)) == expected


@pytest.mark.parametrize(
    ("sample_size", "expected"),
    [
        (ENOUGH, ("passed", "400 patients are enough for 5 parameters", "")),
        (TOO_FEW, ("recorded", "302 patients are too few for 5 parameters", "")),
        ({}, ("failed", "no verdict on the card", "how many patients it asks for cannot be shown")),
    ],
)
def test_a_shortfall_of_patients_is_shown_and_does_not_refuse_but_silence_does(sample_size, expected):
    assert said("GATE005", a_subject(sample_size=sample_size)) == expected


def test_only_failed_gates_refuse():
    refused = refusing(judge(a_subject(slope=Estimate(1.6, 0.9, 2.4), code_revision="unknown", sample_size=TOO_FEW)))
    assert [gate.code for gate in refused] == ["GATE002", "GATE004"]


def test_the_figures_of_a_model_before_its_update_are_not_its_own():
    figures = {"gain_over_prevalence": {"value": 0.05, "interval": [0.01, 0.09]}}
    card = {"validation": {"procedure": {"figures": figures}}}
    assert headline(card) == Headline(Estimate(0.05, 0.01, 0.09), None)
    card["validation"]["figures_are_of"] = "the model as trained, before it was updated"
    assert headline(card) == Headline(None, None)
    assert headline({}) == Headline(None, None)


GAINED = "gain in log loss over the champion {} by cross-validation, {} held out"


@pytest.mark.parametrize(
    ("crossed", "held_out", "status", "shown", "missed"),
    [
        (
            (0.02, -0.01, 0.05),
            (-0.01, -0.06, 0.04),
            "passed",
            ("+0.020 (-0.010 to +0.050)", "-0.010 (-0.060 to +0.040)"),
            "",
        ),
        (
            (-0.004, -0.03, 0.02),
            (0.01, -0.03, 0.05),
            "failed",
            ("-0.004 (-0.030 to +0.020)", "+0.010 (-0.030 to +0.050)"),
            "by cross-validation 0.004 below 0",
        ),
        (
            (0.01, -0.03, 0.05),
            (-0.05, -0.09, -0.01),
            "failed",
            ("+0.010 (-0.030 to +0.050)", "-0.050 (-0.090 to -0.010)"),
            "held out, the interval lies 0.010 below 0",
        ),
    ],
)
def test_a_retrained_model_must_do_no_worse_than_the_champion(crossed, held_out, status, shown, missed):
    found = said("GATE006", a_subject(comparison=compared(crossed, held_out)))
    assert found == (status, GAINED.format(*shown), missed)


def test_a_model_that_was_not_retrained_was_not_compared():
    found = said("GATE006", a_subject(comparison={}))
    assert found == ("not applicable", "trained without a champion to be compared with", "")


def an_update(previous=(0.03, 0.01, 0.05), rates=(0.02, -0.01, 0.05), slope=(0.97, 0.6, 1.3), *, shown_before=True):
    """The evidence of an update as the card has it, each figure from (value, low, high)."""

    def figure(value, low, high):
        return {"value": value, "interval": [low, high]}

    return {
        "gain_over_previous": figure(*previous),
        "gain_over_rates": figure(*rates),
        "calibration_slope": None if slope is None else figure(*slope),
        "shown_before": shown_before,
    }


def test_an_updated_model_is_judged_by_its_update_and_not_by_the_resamples_of_the_model_before():
    judged = judge(a_subject(gain=None, slope=None, evidence=an_update()))
    assert [gate.status for gate in judged] == [
        "not applicable", "not applicable", "passed", "passed", "passed", "not applicable", "passed", "passed", "passed",
    ]  # fmt: skip
    assert judged[0].measured == "updated since it was trained: GATE007 to GATE009 judge the update"


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        ((0.03, 0.001, 0.06), ("passed", "+0.030 (+0.001 to +0.060)", "")),
        ((0.03, 0.0, 0.06), ("failed", "+0.030 (+0.000 to +0.060)", "the interval reaches less than 0.001 below 0")),
        ((0.01, -0.012, 0.03), ("failed", "+0.010 (-0.012 to +0.030)", "the interval reaches 0.012 below 0")),
    ],
)
def test_an_update_must_beat_the_model_before_with_its_whole_interval(previous, expected):
    status, shown, missed = expected
    found = said("GATE007", a_subject(evidence=an_update(previous=previous)))
    assert found == (status, f"cross-validated gain in log loss over the model before {shown}", missed)


RATES = "cross-validated gain in log loss over the rates {}; the model before was {}"
SHOWN, NOT_SHOWN = "shown to beat the rate", "not shown to beat the rate in patients of this kind"


@pytest.mark.parametrize(
    ("rates", "shown_before", "expected"),
    [
        ((0.0, -0.03, 0.03), True, ("passed", RATES.format("+0.000 (-0.030 to +0.030)", SHOWN), "")),
        ((-0.01, -0.04, 0.02), True, ("failed", RATES.format("-0.010 (-0.040 to +0.020)", SHOWN), "0.010 below 0")),
        ((0.03, 0.01, 0.05), False, ("passed", RATES.format("+0.030 (+0.010 to +0.050)", NOT_SHOWN), "")),
        (
            (0.03, -0.002, 0.062),
            False,
            ("failed", RATES.format("+0.030 (-0.002 to +0.062)", NOT_SHOWN), "the interval reaches 0.002 below 0"),
        ),
    ],
)
def test_what_was_shown_before_must_not_be_contradicted_and_what_was_not_must_be_shown(rates, shown_before, expected):
    assert said("GATE008", a_subject(evidence=an_update(rates=rates, shown_before=shown_before))) == expected


@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        ((0.7, 0.4, 0.8), ("passed", "0.70 (0.40 to 0.80); its interval reaches beyond the limits", "")),
        ((1.0, 0.9, 1.1), ("passed", "1.00 (0.90 to 1.10)", "")),
        (
            (0.6, 0.45, 0.75),
            ("failed", "0.60 (0.45 to 0.75)", "the interval lies 0.05 below 0.8: risks are too extreme"),
        ),
        (
            (1.6, 1.35, 1.9),
            ("failed", "1.60 (1.35 to 1.90)", "the interval lies 0.10 above 1.25: risks are too cautious"),
        ),
    ],
)
def test_the_patients_of_an_update_must_not_contradict_its_calibration(slope, expected):
    status, shown, missed = expected
    found = said("GATE009", a_subject(evidence=an_update(slope=slope)))
    assert found == (status, f"cross-validated calibration slope {shown}", missed)


def test_an_update_without_a_slope_or_without_any_figures_is_refused():
    assert said("GATE009", a_subject(evidence=an_update(slope=None)))[0] == "failed"
    older = Subject("hierarchical", Headline(GAIN, SLOPE), "ab" * 32, COMMIT, ENOUGH, updated=True)
    assert [gate.code for gate in refusing(judge(older))] == ["GATE007", "GATE008", "GATE009"]
    assert said("GATE007", older)[1:] == (
        "no figures of the update on the card",
        "nothing shows what the update is worth",
    )


def test_a_response_rate_that_was_updated_must_beat_the_one_before_and_claims_nothing_else():
    judged = judge(a_subject("prevalence", evidence=an_update(rates=(-0.01, -0.02, 0.0), slope=None)))
    assert [gate.status for gate in judged][6:] == ["passed", "not applicable", "not applicable"]
