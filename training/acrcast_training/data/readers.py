"""Data files as text: what each cell says, and where it stands. What a cell means is for the contract to say."""

import codecs
from pathlib import Path

from acrcast_training.data.read_csv import read_csv
from acrcast_training.data.read_dataset_json import read_dataset_json, read_dataset_ndjson
from acrcast_training.data.read_parquet import read_parquet
from acrcast_training.data.table import Table, unreadable

ENDINGS = (".csv", ".parquet", ".xpt", ".sas7bdat", ".json", ".ndjson", ".xlsx")
SHEET = "#"


def read_table(path: Path, *, sheet: str | None = None, encoding: str | None = None) -> Table:
    """The table of a file, by its ending: CSV, Parquet, SAS (XPT, sas7bdat), Dataset-JSON (.json, .ndjson) or Excel.

    sheet: of a workbook with several; also as `trial.xlsx#NAME`. encoding: of CSV and SAS files whose text is not in UTF-8 and
    that do not say so themselves. A missing value is "": an empty cell and NA, null, NaN, and each of SAS's 28.

    Raises DataError when the file is absent, has another ending, or cannot be read for certain.
    """
    path, sheet = _sheet_of(path, sheet)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise unreadable(path.name, f"expected a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    if not path.is_file():
        raise unreadable(path.name, "there is no such file")
    encoding = _known_encoding(path, encoding) if encoding is not None else None
    match ending:
        case ".csv":
            return read_csv(path, encoding)
        case ".xpt" | ".sas7bdat":
            # slow to import, and only for these
            from acrcast_training.data.read_sas import read_sas7bdat, read_xpt  # noqa: PLC0415

            return (read_xpt if ending == ".xpt" else read_sas7bdat)(path, encoding)
        case ".json":
            return read_dataset_json(path)
        case ".ndjson":
            return read_dataset_ndjson(path)
        case ".xlsx":
            # slow to import, and only for this
            from acrcast_training.data.read_excel import read_excel  # noqa: PLC0415

            return read_excel(path, sheet)
        case _:
            return read_parquet(path)


def _sheet_of(path: Path, sheet: str | None) -> tuple[Path, str | None]:
    """`trial.xlsx#Visits` as a path and a sheet; a file that has this very name is itself."""
    name, sign, named = path.name.rpartition(SHEET)
    if sign and name.lower().endswith(".xlsx") and not path.exists():
        return path.with_name(name), sheet or named
    return path, sheet


def _known_encoding(path: Path, name: str) -> str:
    """The encoding's plain name, which other libraries know too."""
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise unreadable(path.name, "its encoding is none that is known, such as latin-1 or cp1252") from error
