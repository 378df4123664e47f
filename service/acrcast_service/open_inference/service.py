"""What the protocol asks of a server: what it is, what its model takes and gives, and predictions as tensors."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import acrcast
from acrcast.contract import ContractField
from acrcast.errors import InputError, Problem
from acrcast_service.batch.schemas import Answered, Batch
from acrcast_service.batch.service import Wanted, head_of, names_of_columns
from acrcast_service.model_store import ServedModel
from acrcast_service.open_inference.schemas import (
    InferenceAnswer,
    InferenceRequest,
    ModelMetadata,
    OutputTensor,
    Parameters,
    ServerMetadata,
    TensorMetadata,
)
from acrcast_service.open_inference.tensors import datatypes_of
from acrcast_service.problems import NOT_FOUND, HttpProblem

PLATFORM = "acrcast"
# One value for each of however many patients.
ANY_NUMBER = (-1,)
SUPPORT = ("support", "support_measures")


def server_metadata() -> ServerMetadata:
    return ServerMetadata(PLATFORM, acrcast.__version__, ())


def check_name(served: ServedModel, name: str, version: str | None) -> None:
    """Raises HttpProblem (404) unless it is the model that answers now. version: None is whichever answers."""
    identity = served.model.identity
    if name != identity.name or version not in (None, identity.version):
        raise HttpProblem(
            NOT_FOUND, f"the model that answers is {identity.name}, version {identity.version}; GET /model describes it"
        )


def model_metadata(served: ServedModel) -> ModelMetadata:
    """Generated from the study's contract."""
    contract, identity = served.model.study.contract, served.model.identity
    inputs = tuple(
        TensorMetadata(name, datatypes[0], ANY_NUMBER, _said_of(contract[name]) if name in contract else None)
        for name, datatypes in datatypes_of(contract).items()
    )
    outputs = tuple(
        TensorMetadata(name, _datatype(is_number=number), ANY_NUMBER, None) for name, number in _outputs(served).items()
    )
    return ModelMetadata(identity.name, (identity.version,), PLATFORM, inputs, outputs)


def check_outputs(served: ServedModel, request: InferenceRequest) -> None:
    """Raises InputError for an output that no answer has."""
    there_are = _outputs(served)
    unknown = [i for i, output in enumerate(request.outputs) if output.name not in there_are]
    if unknown:
        expected = f"expected one of {', '.join(there_are)}"
        raise InputError([Problem(f"outputs.{i}.name", expected) for i in unknown[:1]])


def answer_of(
    served: ServedModel, request: InferenceRequest, batch: Batch, wanted: Wanted, chunks: Iterable[Answered]
) -> InferenceAnswer:
    """The answer of all chunks of a batch, none of whose rows were refused."""
    columns: dict[str, list[Any]] = {name: [] for name in _outputs(served)}
    for chunk in chunks:
        columns["prediction_id"] += chunk.ids
        for name, column in chunk.columns.items():
            columns[name] += column.tolist()
    identity = served.model.identity
    outputs = tuple(
        OutputTensor(name, _datatype(is_number=number), (len(batch),), columns[name])
        for name, number in _asked_for(_outputs(served), {output.name for output in request.outputs}).items()
    )
    return InferenceAnswer(
        identity.name,
        identity.version,
        request.id or str(uuid4()),
        _parameters(head_of(served, batch, wanted)),
        outputs,
    )


def _outputs(served: ServedModel) -> dict[str, bool]:
    """Whether each output holds numbers."""
    return {name: number for name, number in names_of_columns(served).items() if name != "error"}


def _asked_for(outputs: Mapping[str, bool], names: set[str]) -> dict[str, bool]:
    """All when none is named; an estimate never goes without its interval and the patient's support."""
    if not names:
        return dict(outputs)
    arms = {name.split("_")[0] for name in names if outputs[name]}
    return {
        name: number
        for name, number in outputs.items()
        if name in names or (number and name.split("_")[0] in arms) or (arms and name in SUPPORT)
    }


def _datatype(*, is_number: bool) -> Any:  # noqa: ANN401  a literal of the protocol
    return "FP64" if is_number else "BYTES"


def _said_of(field: ContractField) -> Parameters:
    said = {"label": field.measure.label, "unit": field.measure.unit, "expected": field.expected}
    return {**{name: text for name, text in said.items() if text}, "required": field.required}


def _parameters(head: dict[str, Any]) -> Parameters:
    """What holds for all patients; a parameter of the protocol is a text, a number or a boolean."""
    model = head["model"]
    return {
        "study": head["study"],
        "endpoint": head["endpoint"],
        "model_digest": model["digest"],
        "training_data": model["training_data"],
        "level": head["level"],
        "cautions": " ".join(head["cautions"]),
        "intended_use": head["intended_use"],
    }
