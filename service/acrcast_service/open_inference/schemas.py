"""What the protocol's requests and answers hold.

Open Inference Protocol, version 2: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Parameters = dict[str, str | float | bool]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class InputTensor(BaseModel):
    """One field of n patients."""

    model_config = _STRICT

    name: Annotated[str, Field(description="The field, as in the model's metadata", examples=["age_years"])]
    shape: Annotated[
        list[Annotated[int, Field(ge=0)]],
        Field(min_length=1, max_length=2, description="[n] or [n, 1], the same n for all inputs", examples=[[1]]),
    ]
    datatype: Annotated[
        str, Field(description="How the values are written: FP64, INT64, BOOL, BYTES", examples=["FP64"])
    ]
    parameters: Annotated[dict[str, Any], Field(description="Not read")] = {}
    data: Annotated[
        list[Any],
        Field(description="n values, or n lists of one; null, NaN and an empty text are missing", examples=[[54.0]]),
    ]


class WantedOutput(BaseModel):
    """An output that is asked for."""

    model_config = _STRICT

    name: Annotated[str, Field(description="As in the model's metadata", examples=["treated_probability"])]
    parameters: Annotated[dict[str, Any], Field(description="Not read")] = {}


class InferenceRequest(BaseModel):
    """n patients, a tensor for each field; a field without one is missing, not zero."""

    model_config = _STRICT

    id: Annotated[str, Field(max_length=255, description="Repeated in the answer", examples=["42"])] = ""
    parameters: Annotated[dict[str, Any], Field(description="Not read")] = {}
    inputs: Annotated[list[InputTensor], Field(min_length=1, description="In any order, each field once")]
    outputs: Annotated[
        list[WantedOutput],
        Field(description="None: all. An estimate brings its interval and the support of the patients"),
    ] = []


# What is said of a member that is not as it should be.
EXPECTED = {
    "id": "a text of at most 255 characters",
    "parameters": "an object",
    "inputs": "a list of at least one tensor, each with name, shape, datatype and data",
    "outputs": "a list of objects, each with the name of an output",
    "name": "a text",
    "shape": "[n] or [n, 1]",
    "datatype": "a text, such as FP64",
    "data": "a list of n values in JSON: this server does not read binary tensors or shared memory",
}


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """Which server this is.

    name: acrcast. version: of acrcast. extensions: of the protocol; none.
    """

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerLive:
    """The process answers.

    live: always true, when there is an answer.
    """

    live: Literal[True]


@dataclass(frozen=True, slots=True)
class ServerReady:
    """A model is loaded and the audit can be written.

    ready: always true; otherwise the status is 503.
    """

    ready: Literal[True]


@dataclass(frozen=True, slots=True)
class ModelReady:
    """This model answers.

    name: of the model. ready: always true; otherwise the status is 503, or 404 for another model.
    """

    name: str
    ready: Literal[True]


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """An input or an output.

    name: of the field, or of the column of an answer. datatype: the one to be preferred. shape: [-1], any number of patients.
    parameters: what the study says of an input: label, unit, what is expected, whether it is required.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Parameters | None


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The model that answers now, and its tensors.

    name: of the model. versions: the one that answers now. platform: acrcast. inputs: in the order of the study's fields.
    outputs: in the order of an answer.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One value for each patient, in the order of the request.

    name: as in the model's metadata. datatype: numbers or texts. shape: [n]. data: n values.
    """

    name: str
    datatype: Literal["FP64", "BYTES"]
    shape: tuple[int]
    data: list[float | str]


@dataclass(frozen=True, slots=True)
class InferenceAnswer:
    """Predictions of n patients as tensors.

    model_name, model_version: of the model that answered. id: that of the request, or a new one.
    parameters: what holds for all patients: study, endpoint, digest and training data of the model, level, cautions, intended use.
    outputs: those that were asked for, or all.
    """

    model_name: str
    model_version: str
    id: str
    parameters: Parameters
    outputs: tuple[OutputTensor, ...]
