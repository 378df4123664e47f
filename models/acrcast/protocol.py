"""What a server says over HTTP besides a prediction: the server writes these, and a client reads them.

A member that is None is absent from the answer.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from acrcast.contract import ContractField
from acrcast.prediction import Benefit, Interval, ModelIdentity, Prediction, Risk, Support
from acrcast.studies import Arm

JSON = "application/json"
PROBLEM = "application/problem+json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

Count = Annotated[int, Field(ge=0)]
FromOne = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What was expected of one field. Never the value that was sent.

    field: its name; empty for the body as a whole. message: what was expected.
    """

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemBody:
    """An error, as RFC 9457 writes it.

    type: the kind, for good; the page at that address explains it. title: the kind in words. status: of the answer.
    detail: what is wrong with this request. instance: what the server's log calls it, where the fault is the server's.
    errors: of each field that is not valid.
    """

    type: str
    title: str
    status: int
    detail: str | None
    instance: str | None
    errors: tuple[FieldProblem, ...] | None


@dataclass(frozen=True, slots=True)
class ShortArmRisk:
    """Probability of response in one arm.

    probability: of response, for this patient. interval: of it.
    """

    probability: Risk
    interval: Interval


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What is answered for one patient of a batch: a prediction, or `errors`.

    row: counts from 1, in the order of the request. prediction_id: the name of this prediction, a UUID.
    control: on the control treatment. treated: on the treatment under study. benefit: treated less control.
    support: whether the training data had such patients. missing: fields that were averaged over.
    errors: why there is no prediction.
    """

    row: FromOne
    prediction_id: str | None
    control: ShortArmRisk | None
    treated: ShortArmRisk | None
    benefit: Benefit | None
    support: Support | None
    missing: tuple[str, ...] | None
    errors: tuple[FieldProblem, ...] | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a request in columns that is no valid patient.

    row: counts from 1, in the order of the request. errors: why there is no prediction.
    """

    row: FromOne
    errors: tuple[FieldProblem, ...]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What holds for all patients, and one member of `predictions` for each; or `columns`, when the request had these.

    study: key of the study. endpoint: what is predicted. model: which model answered. level: of all intervals.
    cautions: what whoever reads the numbers has to know. intended_use: what the answer is for, and what it is not.
    predictions: one for each patient; complete answers with `detail=full`.
    columns: a list for each column of an answer, with null in the rows that were refused.
    errors: of the rows that were refused, when the request had columns.
    answered: patients with a prediction. refused: patients with errors.
    complete: comes last; an answer without it was broken off, and is none.
    """

    study: str
    endpoint: str
    model: ModelIdentity
    level: float
    cautions: tuple[str, ...]
    intended_use: str
    predictions: tuple[Prediction | BatchRow, ...] | None
    columns: dict[str, list[Any]] | None
    errors: tuple[RefusedRow, ...] | None
    answered: Count
    refused: Count
    complete: Literal[True]


@dataclass(frozen=True, slots=True)
class OutcomeRecorded:
    """What is recorded of an outcome.

    prediction_id: the prediction that it is of. revision: 1 for the first, then one more for each correction.
    record_id: its record in the audit.
    """

    prediction_id: str
    revision: FromOne
    record_id: str


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """The model that answers now, and the patient that it asks for.

    model: which model answers. serving_since: when it began to answer here, UTC. study: key of the study.
    title: of the study. endpoint: what is predicted. arms: of the study. control: key of the control arm; absent with one arm.
    level: of the intervals in answers. effect_modifiers: fields whose effect may differ between the arms.
    fields: of a patient, each with its label, unit, range and codes; `low` and `high` are valid themselves.
    intended_use: what an answer is for, and what it is not.
    """

    model: ModelIdentity
    serving_since: str
    study: str
    title: str
    endpoint: str
    arms: tuple[Arm, ...]
    control: str | None
    level: float
    effect_modifiers: tuple[str, ...]
    fields: tuple[ContractField, ...]
    intended_use: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers.

    status: always this word, when there is an answer.
    """

    status: Literal["alive"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A model is loaded and the audit can be written.

    status: always this word; otherwise the answer is a problem. model: digest of the one that answers, as in every prediction.
    refused: why the model that is now at the same place does not answer. unconfirmed: why that place could not be asked.
    """

    status: Literal["ready"]
    model: str
    refused: str | None
    unconfirmed: str | None
