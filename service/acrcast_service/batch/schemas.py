"""What a batch is, as it comes in and as it goes out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acrcast.contract import Contract, Covariates
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import Problem
from acrcast.prediction import Benefit, Interval, MissingMeasure, ModelIdentity, Support
from acrcast_service.api_docs.schemas import PATIENT, REF
from acrcast_service.problems import FieldProblem

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

Form = Literal["patients", "columns", "arrow", "parquet"]
MEDIA_TYPES: Mapping[Form, str] = {"patients": JSON, "columns": JSON, "arrow": ARROW, "parquet": PARQUET}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n patients. refused: what is wrong with each row that is none, by its position; its covariates are not to be used.

    inputs: the JSON of the row at a position, for the record. subjects: the caller's pseudonyms, where given.
    """

    covariates: Covariates
    refused: Mapping[int, tuple[Problem, ...]]
    inputs: Callable[[int], bytes]
    subjects: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.covariates)


@dataclass(frozen=True, slots=True)
class ShortArmRisk:
    """Probability of response in one arm, and its interval."""

    probability: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What is answered for one patient of a batch: a prediction, or `errors`. `row` counts from 1, in the order of the request.

    missing: the measures' names, or all that a complete answer says of them.
    """

    row: int
    prediction_id: str | None
    control: ShortArmRisk | None
    treated: ShortArmRisk | None
    benefit: Benefit | None
    support: Support | None
    missing: tuple[str, ...] | tuple[MissingMeasure, ...] | None
    errors: tuple[FieldProblem, ...] | None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What holds for all patients, and one member of `predictions` for each; or `columns`, when the request had these.

    With `detail=full` a prediction is the complete answer of /predict, with its row. `complete` comes last: an answer
    without it was broken off.
    """

    study: str
    endpoint: str
    model: ModelIdentity
    level: float
    cautions: tuple[str, ...]
    intended_use: str
    predictions: tuple[BatchRow, ...] | None
    columns: dict[str, list[Any]] | None
    errors: tuple[BatchRow, ...] | None
    answered: int
    refused: int
    complete: bool


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
                            "patients": {"type": "array", "items": {"$ref": REF.format(model=PATIENT)}},
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
