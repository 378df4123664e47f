"""Files in which bytes were changed: each is read or refused, and nothing else happens."""

import random

import pandas as pd
import pytest

from acrcast.errors import DataError
from acrcast_training.data.readers import read_table

from .test_same_numbers import as_dataset_json, as_excel, as_ndjson, as_parquet, as_xpt

TABLE = pd.DataFrame({"USUBJID": ["P1", "P2", "P3"], "AGE": [54.0, None, 0.1], "SEX": ["F", "M", "U"]})


def damaged(content, rng):
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 5, 30))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return changed[: rng.randrange(len(changed))] if rng.random() < 0.2 else changed


@pytest.mark.parametrize("form", [as_parquet, as_xpt, as_dataset_json, as_ndjson, as_excel])
def test_a_damaged_file_is_read_or_refused(form, tmp_path):
    path, rng = form(TABLE, tmp_path / "t"), random.Random(1)
    assert_read_or_refused(path, path.read_bytes(), rng)


def test_a_damaged_data_set_of_sas_is_read_or_refused(of_sas, tmp_path):
    # its first 5,000 bytes say what it is; behind them are numbers, of which any may be right
    head, rest = of_sas.read_bytes()[:5000], of_sas.read_bytes()[5000:]
    path, rng = tmp_path / "t.sas7bdat", random.Random(1)
    assert_read_or_refused(path, head, rng, rest)


def assert_read_or_refused(path, content, rng, rest=b""):
    refused = 0
    for _ in range(60):
        path.write_bytes(damaged(content, rng) + rest)
        try:
            read_table(path)
        except DataError:
            refused += 1
    assert refused > 0
