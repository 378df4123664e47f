"""What is read of an export: predictions of one model, each with the outcome that holds."""

import json

import pytest

from acrcast.errors import DataError
from acrcast.watching.recorded import read_recorded
from acrcast_service.audit.erasure import erase
from acrcast_service.audit.records import SHADOW

from .conftest import BEGIN, DAY

LATER = BEGIN + 400 * DAY


@pytest.fixture
def read(released):
    def recorded(path, as_of=LATER, **changed):
        digest = changed.pop("digest", released.identity.digest)
        study = changed.pop("study", released.study)
        with path.open("rb") as lines:
            return read_recorded(lines, "export.jsonl", study, digest, as_of=as_of, **changed)

    return recorded


def test_a_prediction_is_read_with_its_risks_its_patient_and_its_outcome(clinic, people, read):
    prediction = clinic.predict(people.patients[0], BEGIN, subject="P-1")
    clinic.outcome(prediction, BEGIN + 170 * DAY, responded=True, arm="ld-il2+mtx")
    (found,) = read(clinic.export()).predictions
    answer = json.loads(prediction.answer)
    assert (found.treated, found.control) == (answer["treated"]["probability"], answer["control"]["probability"])
    assert found.support == answer["support"]["status"]
    assert found.patient == people.patients[0]
    assert (found.outcome.responded, found.outcome.arm) == (True, "ld-il2+mtx")
    assert found.time == BEGIN


def test_of_corrected_outcomes_the_newest_holds(clinic, people, read):
    prediction = clinic.predict(people.patients[0], BEGIN)
    clinic.outcome(prediction, BEGIN + 170 * DAY, responded=True)
    clinic.outcome(prediction, BEGIN + 180 * DAY, responded=False)
    path = clinic.export()
    assert read(path).predictions[0].outcome.responded is False
    assert read(path, as_of=BEGIN + 175 * DAY).predictions[0].outcome.responded is True
    assert read(path, as_of=BEGIN + 100 * DAY).predictions[0].outcome is None


def test_what_was_erased_is_counted_and_takes_no_part(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, subject="P-1")
    clinic.predict(people.patients[1], BEGIN, subject="P-2")
    clinic.export()
    assert erase(clinic.chain, "P-1", "default", "operator") == 1
    found = read(clinic.export())
    assert (len(found.predictions), found.erased) == (1, 1)


def test_where_everything_was_erased_nothing_can_be_watched(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, subject="P-1")
    clinic.export()
    erase(clinic.chain, "P-1", "default", "operator")
    with pytest.raises(DataError, match="of study ld-il2-ra; all 1 were erased"):
        read(clinic.export())


def test_a_challenger_in_the_shadow_is_judged_by_what_happened_after_the_answer(clinic, people, read):
    answered = clinic.predict(people.patients[0], BEGIN, subject="P-1", model="sha256:champion")
    shadow = {"kind": SHADOW, "about": answered.record_id, "subject": "P-1"}
    clinic.predict(people.patients[0], BEGIN, **shadow)
    clinic.outcome(answered, BEGIN + 170 * DAY, responded=True)
    found = read(clinic.export())
    assert [prediction.outcome.responded for prediction in found.predictions] == [True]
    assert found.of_others == {"sha256:champion": 1}


def test_a_record_whose_inputs_are_no_patient_of_the_study_keeps_its_risks(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, inputs=b'{"resourceType":"Bundle"}')
    (found,) = read(clinic.export()).predictions
    assert found.patient is None
    assert 0 < found.treated < 1


def test_one_tenant_can_be_read_alone(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, tenant="north")
    clinic.predict(people.patients[1], BEGIN, tenant="south")
    assert [found.tenant for found in read(clinic.export(), tenant="south").predictions] == ["south"]


def test_an_empty_store_is_no_reassurance(clinic, read):
    with pytest.raises(DataError, match="there is no record: write the file by `acrcast audit export`"):
        read(clinic.export())


def test_a_file_of_other_models_says_which(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, model="sha256:another")
    clinic.predict(people.patients[1], BEGIN, model="sha256:another")
    with pytest.raises(DataError, match=r"the predictions are of study ld-il2-ra and of sha256:another \(2\)"):
        read(clinic.export())


def test_a_file_of_another_study_says_so(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, study="auranofin-ra", model="sha256:another")
    with pytest.raises(DataError, match="of study ld-il2-ra; the predictions are of study auranofin-ra"):
        read(clinic.export())


def test_a_line_that_is_none_of_an_export_is_named_and_not_repeated(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN)
    path = clinic.export()
    path.write_bytes(path.read_bytes() + b"\n" + b'{"patient":"Zz81734"}\nZz81734\n')
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value) == (
        "export.jsonl, row 3: expected a line that `acrcast audit export` wrote; "
        "export.jsonl, row 4: expected a line that `acrcast audit export` wrote"
    )


def test_an_answer_without_a_risk_is_named_and_not_repeated(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN, answer=b'{"treated":"Zz81734"}')
    with pytest.raises(DataError) as refused:
        read(clinic.export())
    assert str(refused.value) == "export.jsonl, record 1: expected the answer to a prediction, with a risk and support"


def test_members_that_a_later_version_adds_are_not_read(clinic, people, read):
    clinic.predict(people.patients[0], BEGIN)
    path = clinic.export()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"site": "x"}) + "\n")
    assert len(read(path).predictions) == 1


def test_a_record_of_a_batch_is_read_too(clinic, people, read):
    prediction = clinic.predict(people.patients[0], BEGIN)
    answer = json.loads(prediction.answer)
    short = {
        "row": 1,
        "treated": {"probability": answer["treated"]["probability"], "interval": [0, 1]},
        "control": {"probability": answer["control"]["probability"], "interval": [0, 1]},
        "support": {"status": "edge", "measures": []},
    }
    clinic.records = [(BEGIN, prediction._replace(answer=json.dumps(short).encode()))]
    (found,) = read(clinic.export()).predictions
    assert (found.treated, found.support) == (answer["treated"]["probability"], "edge")
