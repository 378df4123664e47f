"""Erasing a subject, and what is too old."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from acrcast_service.audit.erasure import erase, retain
from acrcast_service.audit.export import exported

CANARY = b'{"note":"Zz81734canary"}'


def lines(chain, **which):
    return [orjson.loads(line) for line in exported(chain, **which)]


def test_an_export_opens_what_was_sealed(chain, add):
    name = add(subject="P-1", model="sha256:m", study="ld-il2-ra")
    (line,) = lines(chain)
    assert line["inputs"] == {"age_years": 54}
    assert line["answer"] == {"probability": 0.5}
    assert (line["sequence"], line["record_id"], line["kind"]) == (1, name, "prediction")
    assert (line["tenant"], line["caller"], line["model"]) == ("default", "local", "sha256:m")
    assert len(line["subject"]) == len(line["hash"]) == 64


def test_an_export_can_be_of_one_tenant_or_from_a_time_on(chain, add):
    add(time="2020-01-01T00:00:00.000000Z")
    add(tenant="b")
    assert [line["tenant"] for line in lines(chain, tenant="b")] == ["b"]
    assert [line["sequence"] for line in lines(chain, since="2021")] == [2]


def test_what_was_erased_is_in_no_export_and_erasing_is_itself_recorded(chain, add):
    add(subject="P-1", inputs=CANARY)
    add(subject="P-2")
    add(subject="P-1", answer=CANARY)
    assert erase(chain, "P-1", "default", "acrcast audit (someone)") == 2
    first, second, third, erasure = lines(chain)
    assert (first["erased"], third["erased"]) == (True, True)
    assert "inputs" in second
    assert (erasure["kind"], erasure["caller"]) == ("erasure", "acrcast audit (someone)")
    assert erasure["subject"] == first["subject"]


def test_a_subject_of_another_tenant_is_another_subject(chain, add):
    add(subject="P-1", tenant="a")
    assert erase(chain, "P-1", "b", "operator") == 0
    (line,) = lines(chain)
    assert "inputs" in line


def test_erasing_nothing_records_nothing(chain):
    assert erase(chain, "P-1", "default", "operator") == 0
    assert lines(chain) == []


def test_a_prediction_without_a_subject_is_erased_by_its_own_name(chain, add):
    assert erase(chain, add(), "default", "operator") == 1


def test_a_subject_that_was_erased_can_be_recorded_again(chain, add):
    add(subject="P-1")
    erase(chain, "P-1", "default", "operator")
    add(subject="P-1")
    assert ["inputs" in line for line in lines(chain)] == [False, False, True]


def test_retention_erases_what_is_older_and_nothing_else(chain, add):
    add(time="2020-12-31T23:59:59.999999Z")
    add(time="2021-01-01T00:00:00.000000Z")
    assert retain(chain, datetime(2021, 1, 1, tzinfo=UTC), "operator") == 1
    old, kept, retention = lines(chain)
    assert "inputs" not in old
    assert "inputs" in kept
    assert (retention["kind"], retention["about"]) == ("retention", "2021-01-01T00:00:00.000000Z")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_neither_values_nor_references_nor_a_destroyed_key_are_in_the_files(chain, add, tmp_path: Path):
    add(subject="Zz81734subject", inputs=CANARY)
    with chain.engine.connect() as connection:
        key = bytes(connection.exec_driver_sql("SELECT sealed_key FROM record_keys").scalar())
    before = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert key in before
    erase(chain, "Zz81734subject", "default", "operator")
    after = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert key not in after
    assert b"Zz81734" not in before + after
