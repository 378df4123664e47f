"""Taking a champion back: which version it goes back to, and that a real registry then has it so."""

import json

import pytest
from mlflow import MlflowClient

from acrcast import artefact
from acrcast.errors import TamperedError, UsageError
from acrcast.promotion import Promotion, Rollback
from acrcast_training.promote import judge_registered, make_champion
from acrcast_training.rollback import previous, roll_back
from acrcast_training.tracking.registry import PROMOTION, ROLLBACK, Champions, champions
from acrcast_training.tracking.runs import log_folder

REASON = "the ward changed its assay"


def promoted(version, day):
    when = f"2026-01-{day:02}T09:00:00Z"
    return Promotion(name="acr20", version=version, digest="sha256:x", when=when, reason=None, gates=())


def taken_back(version, day):
    return Rollback(name="acr20", version=version, to=0, when=f"2026-01-{day:02}T09:00:00Z", reason=REASON)


@pytest.mark.parametrize(
    ("now", "promotions", "rollbacks", "goes_to"),
    [
        (3, [(1, 1), (2, 2), (3, 3)], [], 2),
        # an older version was promoted again
        (1, [(2, 2), (1, 3)], [], 2),
        # taken back from 3 to 2 before, and now once more
        (2, [(1, 1), (2, 2), (3, 3)], [(3, 4)], 1),
        # 3 was taken back: from 4 it goes to 2
        (4, [(1, 1), (2, 2), (3, 3), (4, 5)], [(3, 4)], 2),
        # 3 was taken back and promoted anew since
        (4, [(2, 2), (3, 5), (4, 6)], [(3, 4)], 3),
        # moved past the gates, by another program: what was champion before is the latest on record
        (5, [(1, 1), (2, 2)], [], 2),
    ],
)
def test_it_goes_back_to_the_champion_before(now, promotions, rollbacks, goes_to):
    found = Champions(now, tuple(promoted(*one) for one in promotions), tuple(taken_back(*one) for one in rollbacks))
    assert previous("acr20", found).version == goes_to


@pytest.mark.parametrize(
    ("promotions", "rollbacks"), [([(1, 1)], []), ([(1, 3), (2, 2)], [(2, 4)]), ([(1, 1), (2, 2)], [])]
)
def test_without_a_champion_before_it_says_so(promotions, rollbacks):
    found = Champions(1, tuple(promoted(*one) for one in promotions), tuple(taken_back(*one) for one in rollbacks))
    with pytest.raises(
        UsageError, match="acr20 version 1: no champion before it is on record; name one: acrcast promote"
    ):
        previous("acr20", found)


def test_a_model_without_a_champion_has_nothing_to_take_back():
    with pytest.raises(UsageError, match="acr20 has no champion"):
        previous("acr20", Champions(None, (promoted(1, 1),), ()))


@pytest.fixture(scope="module")
def store(tmp_path_factory, released):
    """Two versions of `acr20`, promoted one after the other, in a store of their own."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"
    for version in (1, 2):
        log_folder(artefact.RELEASED, released, register="acr20", own_study=None, store=uri, tags={})
        judged = judge_registered("acr20", version, reason="first", store=uri).model_copy(
            update={"when": f"2026-01-0{version}T09:00:00Z"}
        )
        make_champion(judged, override=True, store=uri)
    return uri


def test_a_name_that_nobody_registered_is_refused(store, command):
    refused = command("rollback", "other", "--reason", REASON, "--tracking-uri", store)
    assert (refused.returncode, refused.stderr) == (2, "acrcast: no model is registered as other\n")


def test_a_reason_is_needed(store, command):
    assert command("rollback", "acr20", "--reason", "  ", "--tracking-uri", store).returncode == 2
    with pytest.raises(UsageError, match="at most 2000 characters"):
        roll_back("acr20", reason="x" * 2001, store=store)


def test_what_is_no_longer_what_was_promoted_is_not_gone_back_to(store):
    client = MlflowClient(store)
    record = client.get_model_version("acr20", "1").tags[PROMOTION]
    client.set_model_version_tag("acr20", "1", PROMOTION, json.dumps(json.loads(record) | {"digest": "sha256:other"}))
    with pytest.raises(TamperedError, match="the record of another model's promotion"):
        roll_back("acr20", reason=REASON, store=store)
    assert champions("acr20", store).now == 2
    client.set_model_version_tag("acr20", "1", PROMOTION, record)


def test_the_alias_moves_back_and_both_versions_say_why(store, command):
    done = command("rollback", "acr20", "--reason", REASON, "--tracking-uri", store)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"models:/acr20@champion is version 1 again; version 2 was taken back: {REASON}\n"
    client = MlflowClient(store)
    assert client.get_model_version_by_alias("acr20", "champion").version in (1, "1")
    record = Rollback.model_validate_json(client.get_model_version("acr20", "2").tags[ROLLBACK])
    assert (record.version, record.to, record.reason) == (2, 1, REASON)
    assert client.get_model_version("acr20", "1").tags["promoted_to_champion"] == f"back from version 2: {REASON}"
    refused = command("rollback", "acr20", "--reason", REASON, "--tracking-uri", store)
    assert refused.returncode == 2
    assert "no champion before it is on record" in refused.stderr
