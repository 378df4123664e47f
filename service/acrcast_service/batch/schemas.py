"""What a batch is, as it comes in and as it goes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from acrcast.arrays import Integers
from acrcast.contract import Contract, Covariates
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import Problem
from acrcast.protocol import ARROW, JSON, PARQUET
from acrcast.table import Column
from acrcast_service.api_docs.schemas import PATIENT, REF

# The column of a caller's pseudonyms, where a form has columns alone.
SUBJECT = "subject_reference"

Form = Literal["patients", "columns", "arrow", "parquet"]
MEDIA_TYPES: Mapping[Form, str] = {"patients": JSON, "columns": JSON, "arrow": ARROW, "parquet": PARQUET}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n patients. refused: what is wrong with each row that is none, by its position; its covariates are not to be used.

    inputs: the JSON of the rows at some positions, for the record. subjects: the caller's pseudonyms, where given.
    """

    covariates: Covariates
    refused: Mapping[int, tuple[Problem, ...]]
    inputs: Callable[[Sequence[int]], Iterable[bytes]]
    subjects: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.covariates)


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Some rows of a batch, in order.

    rows: positions of those that were answered. ids_in_json: their prediction ids, with quotes and a comma between. columns:
    of these, as in a table of predictions. full: their complete answers. refused: of the others, as JSON.
    """

    model: str
    support: list[str]
    first: int
    count: int
    rows: Integers
    ids_in_json: bytes
    columns: dict[str, Column]
    full: list[dict[str, Any]] | None
    refused: dict[int, list[dict[str, str]]]

    @property
    def ids(self) -> list[str]:
        found: list[str] = orjson.loads(b"[%b]" % self.ids_in_json)
        return found


_SUBJECTS = {
    "type": ["array", "null"],
    "items": {"type": ["string", "null"], "pattern": "^[\\x20-\\x7e]{1,200}$"},
    "description": "Your pseudonym of each patient: what was recorded under it can be made unreadable together",
}

BATCH_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {
                "oneOf": [
                    {
                        "type": "object",
                        "title": "Rows",
                        "required": ["patients"],
                        "additionalProperties": False,
                        "properties": {
                            "patients": {
                                "type": "array",
                                "description": "Each as for /predict",
                                "items": {"$ref": REF.format(model=PATIENT)},
                            },
                            "subjects": _SUBJECTS,
                        },
                    },
                    {
                        "type": "object",
                        "title": "Columns",
                        "required": ["columns"],
                        "additionalProperties": False,
                        "properties": {
                            "columns": {
                                "type": "object",
                                "description": "For each field of a patient a list of its values, all of one length",
                                "additionalProperties": {"type": "array"},
                            },
                            "subjects": _SUBJECTS,
                        },
                    },
                ]
            }
        },
        ARROW: {"schema": {"type": "string", "format": "binary"}},
        PARQUET: {"schema": {"type": "string", "format": "binary"}},
    },
}

BATCH_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "detail",
        "in": "query",
        "description": "full: each prediction is the complete answer of /predict; in rows of JSON only",
        "schema": {"type": "string", "enum": ["short", "full"], "default": "short"},
    },
]


def names_in_columns(contract: Contract) -> set[str]:
    """Of the columns that a request in Arrow or Parquet may have."""
    limits = {field.name + COMPARATOR for _, field in contract.undetectable}
    return {field.name for field in contract} | limits
