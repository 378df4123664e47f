"""What a look says: fine, or an alarm with its code; by tenant; in words, in JSON and as gauges."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from acrcast.errors import UsageError
from acrcast.estimators.normal import expit, logit
from acrcast.monitoring.evidence import Evidence
from acrcast.validation.calibration import SLOPE_LIMITS
from acrcast.validation.performance import Estimate
from acrcast.watching.judging import ALL, monitor
from acrcast.watching.measures import MeasureSeen
from acrcast.watching.patients import Due
from acrcast.watching.recorded import read_recorded
from acrcast.watching.signals import Rules, signal
from acrcast_training.evaluate import as_data
from acrcast_training.monitoring.prometheus import write_gauges

from .conftest import BEGIN, DAY, ONE_ARM, Clinic

RULES = Rules(0.05, 0.95, 0.1, SLOPE_LIMITS)
LATER = BEGIN + 600 * DAY
DUE = Due(168, 28)
AS_OF = ("--as-of", f"{LATER:%Y-%m-%d}")


def look_at(clinic, *, as_of=LATER, rules=RULES, since=None, due=DUE, **reading):
    model = clinic.model
    with clinic.export().open("rb") as lines:
        found = read_recorded(lines, "export", model.study, model.identity.digest, as_of=as_of, **reading)
    return monitor(model, found, due=due, rules=rules, as_of=as_of, since=since)


def codes(found):
    return [signal.code for _, signal in found.alarms]


def test_a_model_that_is_right_raises_no_alarm(clinic, people):
    clinic.follow(people.patients, people.outcomes(), arms=people.arms)
    found = look_at(clinic)
    assert found.alarms == ()
    (look,) = found.looks
    assert (look.counts.patients, look.counts.due, look.counts.received, look.counts.overdue) == (240, 240, 240, 0)
    assert look.received.intercept.low < 0 < look.received.intercept.high
    assert look.received.observed_over_expected.low < 1 < look.received.observed_over_expected.high
    assert look.received.slope.low < 1 < look.received.slope.high
    assert look.missing_as_failed is None


def test_risks_that_are_too_high_raise_mon001_on_the_day_on_which_there_was_enough(clinic, people):
    clinic.follow(people.patients, people.outcomes(risk=expit(logit(people.risk) - 1.3)), arms=people.arms)
    found = look_at(clinic)
    assert codes(found) == ["MON001"]
    (look,) = found.looks
    assert look.received.intercept.high < 0
    crossed = look.signals[0].crossed
    assert f"{BEGIN + 226 * DAY:%Y-%m-%d}" < crossed < f"{BEGIN + 436 * DAY:%Y-%m-%d}"
    assert codes(look_at(clinic, as_of=BEGIN + 226 * DAY)) == []


def test_risks_turned_round_raise_mon002(clinic, people):
    turned = expit(2 * logit(people.risk.mean()) - logit(people.risk))
    clinic.follow(people.patients, people.outcomes(risk=turned), arms=people.arms)
    assert "MON002" in codes(look_at(clinic))


def test_a_measure_in_another_unit_raises_the_alarms_of_support_and_of_its_values(clinic, people):
    wrong = [
        patient
        if patient.crp_mg_per_l is None
        else patient.model_copy(update={"crp_mg_per_l": patient.crp_mg_per_l / 100})
        for patient in people.patients
    ]
    clinic.follow(wrong, [None] * 240, arms=None)
    found = look_at(clinic, as_of=BEGIN + 100 * DAY)
    assert ("MON005", "crp_mg_per_l") in [(signal.code, signal.measure) for _, signal in found.alarms]
    (seen,) = [m for m in found.looks[0].inputs.measures if m.name == "crp_mg_per_l"]
    assert seen.difference.high < -1


def test_a_measure_that_is_no_longer_sent_raises_mon006_and_has_nothing_to_compare(clinic, people):
    gone = [patient.model_copy(update={"il21_pg_per_ml": None}) for patient in people.patients]
    clinic.follow(gone, [None] * 240, arms=None)
    found = look_at(clinic, as_of=BEGIN + 100 * DAY)
    assert [(signal.code, signal.measure) for _, signal in found.alarms] == [("MON006", "il21_pg_per_ml")]
    (seen,) = [m for m in found.looks[0].inputs.measures if m.name == "il21_pg_per_ml"]
    assert (seen.known, seen.missing.value) == (0, 1.0)
    assert math.isnan(seen.difference.value)


@pytest.mark.parametrize(
    ("kind", "difference", "missing", "values_small", "missing_small"),
    [
        ("number", 0.24, 0.19, True, True),
        ("number", -0.25, 0.20, False, False),
        ("share", 0.09, 0.0, True, False),
        ("share", -0.10, 0.01, False, True),
    ],
)
def test_a_quarter_of_a_standard_deviation_or_ten_points_matter(kind, difference, missing, values_small, missing_small):
    of = {"name": "m", "label": "M", "kind": kind, "known": 9, "missing_before": 0.1}
    seen = MeasureSeen(difference=Estimate(difference, -1, 1), missing=Estimate(missing, 0, 1), **of)
    assert (seen.is_small, seen.is_missing_as_often) == (values_small, missing_small)


def test_a_line_that_is_crossed_by_what_does_not_matter_is_no_alarm():
    crossed = Evidence(np.array([1]), np.array([20.0]))
    assert signal("MON005", crossed, RULES, among=17).alarm
    assert not signal("MON005", crossed, RULES, among=17, small=True).alarm


@pytest.mark.parametrize("accepted", ["MON006", "MON006:il21_pg_per_ml"])
def test_an_accepted_code_is_no_alarm_and_is_still_told(clinic, people, accepted):
    gone = [patient.model_copy(update={"il21_pg_per_ml": None}) for patient in people.patients]
    clinic.follow(gone, [None] * 240, arms=None)
    found = look_at(clinic, as_of=BEGIN + 300 * DAY, rules=replace(RULES, accept=frozenset({accepted})))
    assert found.alarms == ()
    assert [s.measure for s in found.looks[0].signals if s.accepted and s.crossed] == ["il21_pg_per_ml"]


def test_what_is_accepted_of_one_measure_is_not_of_another():
    crossed = Evidence(np.array([1]), np.array([20.0]))
    rules = replace(RULES, accept=frozenset({"MON005:haq_di"}))
    assert not signal("MON005", crossed, rules, measure="haq_di").alarm
    assert signal("MON005", crossed, rules, measure="crp_mg_per_l").alarm


def test_outcomes_that_are_overdue_are_read_both_ways(clinic, people):
    responded = people.outcomes()
    for i in range(0, 240, 3):
        responded[i] = None
    clinic.follow(people.patients, responded, arms=people.arms)
    look = look_at(clinic).looks[0]
    assert (look.counts.received, look.counts.overdue) == (160, 80)
    assert (look.received.patients, look.missing_as_failed.patients) == (160, 240)
    assert look.received.responders == look.missing_as_failed.responders
    assert look.missing_as_failed.observed_over_expected.value < look.received.observed_over_expected.value


def test_tenants_are_looked_at_apart_and_together(clinic, people):
    clinic.follow(people.patients, people.outcomes(), arms=people.arms, tenant=lambda i: ("north", "south")[i % 2])
    found = look_at(clinic)
    assert [(look.tenant, look.counts.patients) for look in found.looks] == [("north", 120), ("south", 120), (ALL, 240)]
    alone = look_at(clinic, tenant="south")
    assert [look.tenant for look in alone.looks] == ["south"]
    assert as_data(alone.looks[0]) == as_data(found.looks[1])


def test_who_begins_anew_leaves_out_what_was_before(clinic, people):
    clinic.follow(people.patients, people.outcomes(), arms=people.arms)
    assert look_at(clinic, since=BEGIN + 100 * DAY).looks[0].counts.patients == 140
    with pytest.raises(UsageError, match="no prediction is from that day or later"):
        look_at(clinic, since=BEGIN + 500 * DAY)


def test_without_outcomes_nothing_is_said_of_the_risks(clinic, people):
    clinic.follow(people.patients[:40], [None] * 40, arms=None)
    look = look_at(clinic).looks[0]
    assert (look.counts.overdue, look.received.patients) == (40, 0)
    assert math.isnan(look.received.intercept.value)
    assert look.signals[0].evidence == 1.0


def test_outcomes_of_one_kind_alone_still_bound_what_they_can(clinic, people):
    clinic.follow(people.patients[:40], [False] * 40, arms=people.arms)
    look = look_at(clinic).looks[0]
    assert look.received.observed_over_expected.value == 0
    assert look.received.intercept.high < -1
    assert math.isnan(look.received.slope.value)
    assert look.alarms[0].code == "MON001"
    json.dumps(as_data(look), allow_nan=False)


def test_a_card_that_does_not_say_how_many_it_was_trained_on_leaves_inputs_uncompared(clinic, people):
    clinic.model = replace(clinic.model, card={})
    clinic.follow(people.patients[:20], [None] * 20, arms=None)
    look = look_at(clinic).looks[0]
    assert look.inputs.reason == "the model's card does not say how many patients it was trained on"
    assert (look.inputs.measures, [s.code for s in look.signals]) == ((), ["MON001", "MON002"])
    assert sum(look.inputs.support.counts.values()) == 20


def test_a_study_of_one_arm_needs_no_arm_and_its_levels_are_compared(one_arm, tmp_path):
    _, model = one_arm
    clinic = Clinic(model, tmp_path)
    rng = np.random.default_rng(4)
    patients = [model.study.patient(marker=float(np.round(m, 2)), stage="II") for m in rng.normal(0, 1, 100)]
    responded = [bool(rng.random() < expit(np.array(p.marker))) for p in patients]
    clinic.follow(patients, responded, arms=None)
    look = look_at(clinic, due=Due(100, 0)).looks[0]
    assert (look.received.patients, look.received.arm_unknown) == (100, 0)
    (stage,) = [m for m in look.inputs.measures if m.name == "stage=II"]
    assert stage.difference.value == pytest.approx(2 / 3, abs=0.01)
    assert [(s.code, s.measure) for s in look.alarms] == [("MON005", "stage=II")]
    clinic.chain.engine.dispose()


def test_a_study_that_does_not_say_when_its_endpoint_is_asks_for_it(one_arm, tmp_path, command):
    folder, model = one_arm
    clinic = Clinic(model, tmp_path)
    clinic.follow([model.study.patient(marker=0.5, stage="I")] * 3, [None] * 3, arms=None)
    given = ("--model", str(folder / "model"), "--study", str(folder / "one.py"), "--from", str(clinic.export()))
    refused = command("monitor", *given)
    assert refused.returncode == 2
    assert refused.stderr == ("acrcast: study one does not say in which week 'Response' is: give --due-after\n")
    assert command("monitor", *given, "--due-after", "84").returncode == 0
    clinic.chain.engine.dispose()


def test_the_command_ends_with_0_when_all_is_fine_and_says_so(clinic, people, command):
    clinic.follow(people.patients, people.outcomes(), arms=people.arms, tenant=lambda i: ("north", "south")[i % 2])
    done = command("monitor", "--from", str(clinic.export()), *AS_OF)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "No alarm."
    assert "Tenant north: 120 patients" in done.stdout


def test_the_command_ends_with_4_at_an_alarm_with_json_and_gauges_for_machines(clinic, people, workplace):
    clinic.follow(people.patients, people.outcomes(risk=expit(logit(people.risk) - 1.3)), arms=people.arms)
    gauges = workplace.folder / "acrcast.prom"
    done = workplace.run("monitor", "--from", str(clinic.export()), *AS_OF, "--json", "--prometheus", str(gauges))
    assert done.returncode == 4
    assert done.stderr == "acrcast: 1 alarm: MON001 (default)\n"
    data = json.loads(done.stdout)
    assert data["status"] == "alarm"
    assert data["alarms"] == [{"tenant": "default", "code": "MON001", "measure": ""}]
    assert data["as_of"] == f"{LATER:%Y-%m-%d}T00:00:00+00:00"
    assert data["looks"][0]["received"]["intercept"]["high"] < 0
    found = {family.name: family.samples for family in text_string_to_metric_families(gauges.read_text())}
    alarms = {(s.labels["code"], s.labels["measure"]): s.value for s in found["acrcast_monitor_alarm"]}
    assert alarms["MON001", ""] == 1
    assert alarms["MON003", ""] == 0
    assert found["acrcast_monitor_look_timestamp_seconds"][0].value == pytest.approx(LATER.replace(hour=0).timestamp())
    patients = {s.labels["state"]: s.value for s in found["acrcast_monitor_patients"]}
    assert patients == {"predicted": 240, "not_due": 0, "early": 0, "received": 240, "overdue": 0}


def test_no_value_of_a_patient_is_in_what_is_written(clinic, people, command, tmp_path):
    """A value that nobody else has, and a reference."""
    canary = people.patients[0].model_copy(update={"il21_pg_per_ml": 81.734, "age_years": 61.234})
    clinic.predict(canary, BEGIN, subject="Zz81734")
    gauges = tmp_path / "acrcast.prom"
    path = clinic.export()
    for form in ((), ("--json",)):
        done = command("monitor", "--from", str(path), *AS_OF, *form, "--prometheus", str(gauges))
        for text in (done.stdout, done.stderr, gauges.read_text()):
            assert "81.734" not in text
            assert "61.234" not in text
            assert "Zz81734" not in text


def test_gauges_are_only_written_where_the_exporter_reads_them(clinic, people, tmp_path):
    clinic.predict(people.patients[0], BEGIN)
    found = look_at(clinic)
    with pytest.raises(UsageError, match=r"reads files that end in \.prom"):
        write_gauges(found, tmp_path / "acrcast.txt")
    with pytest.raises(UsageError, match="there is no such folder"):
        write_gauges(found, tmp_path / "nowhere" / "acrcast.prom")
    assert list(tmp_path.glob("*.txt")) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--accept", "MON999"), "--accept MON999: expected MON001, MON002, MON003, MON004, MON005, MON006"),
        (("--arm", "no such"), "--arm: expected one of placebo+mtx, ld-il2+mtx"),
    ],
)
def test_an_option_that_names_nothing_is_refused(clinic, people, command, options, said):
    clinic.predict(people.patients[0], BEGIN)
    refused = command("monitor", "--from", str(clinic.export()), *options)
    assert (refused.returncode, refused.stderr) == (2, f"acrcast: {said}\n")


def test_an_empty_export_ends_the_command_with_3(command, tmp_path):
    (tmp_path / "export.jsonl").write_text("")
    refused = command("monitor", "--from", "export.jsonl")
    assert refused.returncode == 3
    assert "there is no record" in refused.stderr


def test_a_model_of_another_contract_is_not_looked_at(one_arm, tmp_path, command):
    """The study's file changed since: the marker has another range."""
    folder, _ = one_arm
    changed = tmp_path / "changed.py"
    changed.write_text(ONE_ARM.replace("ge=-9, le=9", "ge=-5, le=5"))
    (tmp_path / "export.jsonl").write_text("")
    refused = command("monitor", "--model", str(folder / "model"), "--study", str(changed), "--from", "export.jsonl")
    assert refused.returncode == 1
    assert "the fields of study 'one' have changed since the model was trained" in refused.stderr
