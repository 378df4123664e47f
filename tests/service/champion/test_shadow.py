"""A challenger predicts for the same patients, is recorded, and touches no answer."""

import asyncio

import httpx
import pytest
from sqlalchemy import create_engine, select

from acrcast.studies import load_study
from acrcast_service.audit.records import SHADOW, Entry
from acrcast_service.champion import shadow
from acrcast_service.champion.shadow import Shadow
from acrcast_service.model_store import ModelStore
from acrcast_service.store.tables import audit_records


def recorded(state):
    """Kind, model and what it is about of every prediction in the audit."""
    engine = create_engine(f"sqlite:///{state / 'acrcast.db'}")
    columns = audit_records.c
    with engine.connect() as connection:
        rows = connection.execute(select(columns.kind, columns.model, columns.about, columns.record_id)).all()
    engine.dispose()
    return [row for row in rows if row.kind in ("prediction", SHADOW)]


def test_what_the_challenger_would_have_said_is_recorded_and_the_champion_answers(start, made, tmp_path, a_patient):
    server = start(
        *("--model", str(made[0].folder), "--port", "0"),
        ACRCAST_CHALLENGER=str(made[1].folder),
        ACRCAST_STATE=str(tmp_path),
    )
    names = []
    with httpx.Client(base_url=server.url) as client:
        # it is loaded beside the first requests, and predicts for those after
        while not [row for row in recorded(tmp_path) if row.kind == SHADOW]:
            answer = client.post("/predict", json=a_patient()).json()
            assert answer["model"]["digest"] == made[0].digest
            names.append(answer["prediction_id"])
        counted = client.get("/metrics").text
    assert 'acrcast_challenger_predictions_total{outcome="predicted"}' in counted
    assert 'acrcast_model_looks_total{model="champion",outcome="replaced"} 1.0' in counted
    assert 'acrcast_model_looks_total{model="challenger",outcome="replaced"} 1.0' in counted
    server.stop()
    rows = recorded(tmp_path)
    assert [row.record_id for row in rows if row.kind == "prediction"] == names
    for row in rows:
        assert row.model == (made[1] if row.kind == SHADOW else made[0]).digest
        assert row.kind == "prediction" or row.about in names


def test_a_challenger_that_cannot_be_loaded_touches_nothing(start, traffic, made, spoiled):
    folder, _ = spoiled("tampered")
    server = start("--model", str(made[0].folder), "--port", "0", ACRCAST_CHALLENGER=str(folder))
    with traffic(server.port, clients=2) as load:
        load.wait_for(answers=20)
    assert (load.failures, load.others) == ([], [])
    assert httpx.get(f"{server.url}health/ready").json() == {"status": "ready", "model": made[0].digest}


@pytest.fixture
def challenger(model):
    return ModelStore(0.95, model)


@pytest.fixture
def patient(a_patient):
    return load_study("ld-il2-ra").patient.model_validate(a_patient())


ANSWERED = Entry("prediction", "one", inputs=b"{}", answer=b"{}")


def run(what, times, patient):
    """Offers the patient so many times at once, then lets the challenger predict until it has nothing to do."""

    async def offered():
        for _ in range(times):
            await what.after(patient, ANSWERED)()
        task = asyncio.create_task(what.run())
        while what.counts.total() < times:  # noqa: ASYNC110  counts are no event
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(offered())


def test_what_comes_faster_than_the_challenger_predicts_is_dropped_and_counted(challenger, patient):
    kept = []

    async def record(entry):
        kept.append(entry)

    what = Shadow(challenger, record)
    run(what, shadow.WAITING + 10, patient)
    assert what.counts == {"predicted": shadow.WAITING, "dropped": 10}
    assert {(entry.kind, entry.about, entry.subject) for entry in kept} == {(SHADOW, "one", "one")}
    assert len({entry.record_id for entry in kept}) == shadow.WAITING


def test_a_challenger_that_fails_is_counted_and_said_once_without_its_message(challenger, patient, caplog):
    async def record(_entry):
        raise ValueError("Zz81734")

    what = Shadow(challenger, record)
    run(what, 3, patient)
    assert what.counts == {"failed": 3}
    assert [line.message for line in caplog.records] == [
        "challenger failed error=ValueError; further failures are counted"
    ]


def test_without_a_challenger_nothing_is_done_after_an_answer(patient):
    async def record(_entry):
        raise AssertionError

    assert Shadow(ModelStore(0.95), record).after(patient, ANSWERED) is None
