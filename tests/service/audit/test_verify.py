"""What is found out when somebody changes the audit behind its back."""

import pytest
from sqlalchemy import text

from acrcast_service.audit.erasure import erase, retain
from acrcast_service.audit.verification import verify


@pytest.fixture
def three(add):
    """A chain of three records."""
    return [add(), add(), add(subject="P-3")]


def said(chain, **expected):
    return [str(finding) for finding in verify(chain, **expected).findings]


@pytest.mark.usefixtures("three")
def test_an_untouched_chain_is_whole(chain):
    verdict = verify(chain)
    assert verdict.findings == ()
    assert (verdict.count, verdict.unreadable) == (3, 0)


def test_an_empty_chain_is_whole(chain):
    assert verify(chain).findings == ()


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("record_id", "another"),
        ("kind", "outcome"),
        ("time", "2020-01-01T00:00:00.000000Z"),
        ("tenant", "elsewhere"),
        ("caller", "somebody"),
        ("model", "sha256:other"),
        ("study", "other"),
        ("about", "something"),
        ("subject", b"x" * 32),
        ("payload", b"x"),
        ("hash", b"x" * 32),
    ],
)
def test_a_changed_record_is_named(chain, tamper, column, value):
    tamper(f"UPDATE audit_records SET {column} = :value WHERE sequence = 2", value=value)
    assert "record 2: was changed" in said(chain)


@pytest.mark.usefixtures("three")
def test_a_removed_record_is_named(chain, tamper):
    tamper("DELETE FROM audit_records WHERE sequence = 2")
    tamper("DELETE FROM record_keys WHERE sequence = 2")
    assert said(chain) == ["record 3: what was before it is missing: 2"]


@pytest.mark.usefixtures("three")
def test_a_removed_record_whose_successors_were_renumbered_is_found(chain, tamper):
    for table in ("audit_records", "record_keys"):
        tamper(f"DELETE FROM {table} WHERE sequence = 2")
        tamper(f"UPDATE {table} SET sequence = 2 WHERE sequence = 3")
    assert "record 2: was changed" in said(chain)
    assert "record 2: does not follow the record before it: one of the two was replaced" in said(chain)


@pytest.mark.usefixtures("three")
def test_reordered_records_are_named(chain, tamper):
    for table in ("audit_records", "record_keys"):
        for old, new in ((1, 9), (2, 1), (9, 2)):
            tamper(f"UPDATE {table} SET sequence = {new} WHERE sequence = {old}")
    found = said(chain)
    assert "record 1: was changed" in found
    assert "record 2: was changed" in found
    assert "record 3: does not follow the record before it: one of the two was replaced" in found


@pytest.mark.usefixtures("three")
def test_records_removed_at_the_end_are_counted(chain, tamper):
    tamper("DELETE FROM audit_records WHERE sequence > 1")
    tamper("DELETE FROM record_keys WHERE sequence > 1")
    assert said(chain) == ["records are missing at the end: 1 are there, and 3 were written"]


@pytest.mark.usefixtures("three")
def test_a_head_moved_back_with_the_records_is_found(chain, tamper):
    tamper("DELETE FROM audit_records WHERE sequence > 2")
    tamper("DELETE FROM record_keys WHERE sequence > 2")
    tamper(
        "UPDATE audit_head SET count = 2, last_hash = (SELECT hash FROM audit_records WHERE sequence = 2)",
    )
    assert said(chain) == ["the audit's head was changed, or made with another key"]


def test_an_old_copy_of_everything_is_found_by_what_was_written_down(chain, add, tamper):
    add()
    with chain.engine.connect() as connection:
        old = connection.execute(text("SELECT count, last_hash, seal FROM audit_head")).one()
    add()
    later = verify(chain)
    tamper("DELETE FROM audit_records WHERE sequence = 2")
    tamper("DELETE FROM record_keys WHERE sequence = 2")
    tamper("UPDATE audit_head SET count = :count, last_hash = :last_hash, seal = :seal", **old._mapping)
    assert said(chain) == []
    assert said(chain, at_least=later.count) == ["ends at record 1, and had at least 2"]
    assert said(chain, head=later.last_hash) == ["the hash of --head is not in the chain where it was"]


def test_a_chain_that_grew_still_has_what_was_written_down(chain, add):
    add()
    before = verify(chain)
    add()
    assert said(chain, at_least=before.count, head=before.last_hash) == []


@pytest.mark.usefixtures("three")
def test_a_key_destroyed_behind_the_audits_back_is_named(chain, tamper):
    tamper("DELETE FROM record_keys WHERE sequence = 2")
    assert said(chain) == ["record 2: its key was destroyed, and neither erase nor retention did it"]


@pytest.mark.usefixtures("three")
def test_a_changed_key_is_named(chain, tamper):
    tamper("UPDATE record_keys SET sealed_key = :key WHERE sequence = 2", key=b"x" * 60)
    assert said(chain) == ["record 2: its payload cannot be opened: it or its key was changed"]


@pytest.mark.usefixtures("three")
def test_a_key_filed_under_another_subject_is_named_since_erasing_would_miss_it(chain, tamper):
    tamper("UPDATE record_keys SET subject = :subject WHERE sequence = 3", subject=b"x" * 32)
    assert said(chain) == ["record 3: its key is filed under another tenant, subject or time"]


@pytest.mark.usefixtures("three")
def test_an_erased_subject_leaves_the_chain_whole(chain):
    assert erase(chain, "P-3", "default", "operator") == 1
    verdict = verify(chain)
    assert verdict.findings == ()
    assert (verdict.count, verdict.unreadable) == (4, 1)


@pytest.mark.usefixtures("three")
def test_an_erased_key_that_is_there_again_is_named(chain, tamper):
    with chain.engine.connect() as connection:
        key = connection.execute(text("SELECT * FROM record_keys WHERE sequence = 3")).one()
    erase(chain, "P-3", "default", "operator")
    tamper("INSERT INTO record_keys VALUES (:sequence, :tenant, :subject, :time, :sealed_key)", **key._mapping)
    assert said(chain) == ["record 3: its key was destroyed, and is there again"]


def test_retention_leaves_the_chain_whole(chain, add):
    from datetime import UTC, datetime

    add(time="2020-01-01T00:00:00.000000Z")
    add()
    assert retain(chain, datetime(2021, 1, 1, tzinfo=UTC), "operator") == 1
    verdict = verify(chain)
    assert verdict.findings == ()
    assert (verdict.count, verdict.unreadable) == (3, 1)


def test_every_record_of_a_long_chain_is_looked_at(chain, tamper):
    from acrcast_service.audit.records import Entry, now, seal
    from acrcast_service.store.database import writing

    entries = [seal(chain.keys, Entry("prediction", f"r{number}", inputs=b"{}"), now()) for number in range(2500)]
    with writing(chain.engine) as connection:
        chain.append(connection, entries)
    steps = []
    assert verify(chain, step=lambda done, of: steps.append((done, of))).findings == ()
    assert steps == [(1000, 2500), (2000, 2500), (2500, 2500)]
    tamper("UPDATE audit_records SET caller = 'x' WHERE sequence = 2222")
    assert said(chain) == ["record 2222: was changed"]
