"""From the tensors of a request to a batch of patients: each field's column, as JSON would have it."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from acrcast.contract import Contract
from acrcast.contract.columns import COMPARATOR
from acrcast.contract.fields import Kind
from acrcast.errors import InputError, Problem
from acrcast_service.batch.reading import check_rows, checked_subjects, read_columns, refuse
from acrcast_service.batch.schemas import SUBJECT, Batch
from acrcast_service.model_store import ServedModel
from acrcast_service.open_inference.schemas import EXPECTED, InferenceRequest, InputTensor
from acrcast_service.problems import MALFORMED_JSON, HttpProblem

# So many problems are told one by one.
TOLD = 20

FLOATS = ("FP64", "FP32")
INTEGERS = ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
# The first is the one to be preferred. In a tensor that cannot hold null, NaN and "" are the words for missing: hence a
# count, and yes or no, may be floating-point numbers.
DATATYPES: Mapping[Kind, tuple[str, ...]] = {
    "number": FLOATS + INTEGERS,
    "count": INTEGERS + FLOATS,
    "yes_no": ("BOOL", *FLOATS, *INTEGERS),
    "category": ("BYTES",),
    "text": ("BYTES",),
}


def read_request(served: ServedModel, body: bytes, most: int) -> tuple[InferenceRequest, Batch]:
    """The request and its patients, all of them valid. most: patients.

    Raises HttpProblem (400) when it is not JSON, (413) with too many patients; InputError when it is no request, a tensor
    is not as its field needs it, or a patient is not valid.
    """
    request = _validated(_parsed(body))
    contract = served.model.study.contract
    tensors = {tensor.name: tensor for tensor in request.inputs}
    if len(tensors) < len(request.inputs):
        refuse("inputs", "expected each field once")
    kinds = _kinds(contract)
    problems = [
        *served.patients.unknown([name for name in tensors if name not in kinds]),
        *_absent(contract, tensors),
    ]
    if problems:
        raise InputError(problems)
    counts = {tensor.shape[0] for tensor in request.inputs}
    if len(counts) > 1:
        refuse("inputs", "expected tensors of one length")
    (count,) = counts
    check_rows(count, most)
    columns = {name: _values(tensor, kinds[name], count) for name, tensor in tensors.items()}
    subjects = checked_subjects(columns.pop(SUBJECT, None), count)
    batch = read_columns(served, _with_limits(contract, columns), most, subjects)
    if batch.refused:
        raise InputError(list(_told(batch)))
    return request, batch


def datatypes_of(contract: Contract) -> dict[str, tuple[str, ...]]:
    """What each input may be, the preferred datatype first, in the order of the contract."""
    return {name: DATATYPES[kind] for name, kind in _kinds(contract).items()}


def _kinds(contract: Contract) -> dict[str, Kind]:
    """Of each input: the fields, the sign of a limit of detection, the caller's pseudonym."""
    kinds: dict[str, Kind] = {}
    for field in contract:
        kinds[field.name] = field.kind
        if field.may_be_undetectable:
            kinds[field.name + COMPARATOR] = "text"
    kinds[SUBJECT] = "text"
    return kinds


def _parsed(body: bytes) -> object:
    """Any JSON, and NaN, which clients of the protocol write for missing."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise HttpProblem(MALFORMED_JSON, f"reading stopped at line {error.lineno} column {error.colno}") from None
    except (RecursionError, ValueError):
        raise HttpProblem(
            MALFORMED_JSON, "not UTF-8, nested too deeply, or a number that is infinite or has too many digits"
        ) from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        refuse("", "expected each member of an object once")
    return members


def _constant(text: str) -> float:
    if text != "NaN":
        raise ValueError("infinite")
    return math.nan


def _validated(content: object) -> InferenceRequest:
    try:
        return InferenceRequest.model_validate(content)
    except ValidationError as error:
        places = dict.fromkeys(
            tuple(part for part in item["loc"] if isinstance(part, int) or part in EXPECTED)
            for item in error.errors(include_url=False, include_input=False)
        )
        raise InputError([_misshapen(place) for place in list(places)[:TOLD]]) from None


def _misshapen(place: tuple[int | str, ...]) -> Problem:
    member = next((part for part in reversed(place) if isinstance(part, str)), "inputs")
    return Problem(".".join(map(str, place)), f"expected {EXPECTED[member]}, and nothing else")


def _absent(contract: Contract, tensors: Mapping[str, InputTensor]) -> list[Problem]:
    absent = [field for field in contract if field.required and field.name not in tensors]
    return [Problem(field.name, f"required: {field.expected}, for each patient") for field in absent]


def _values(tensor: InputTensor, kind: Kind, count: int) -> list[Any]:
    """The tensor's n values as JSON has them, None where missing. Whether each is valid is for the contract to say."""
    datatypes = DATATYPES[kind]
    if tensor.datatype not in datatypes:
        refuse(tensor.name, f"expected the datatype {' or '.join(datatypes)}")
    data = tensor.data
    if tensor.shape[1:] not in ([], [1]):
        refuse(tensor.name, "expected the shape [n] or [n, 1]")
    if data and all(isinstance(value, list) and len(value) == 1 for value in data):
        data = [value for (value,) in data]
    if len(data) != count:
        refuse(tensor.name, "expected as many values as its shape says")
    types, what = _elements(tensor.datatype)
    if not set(map(type, data)) <= types | {type(None)}:
        refuse(tensor.name, f"expected {what}, or null where it is not known")
    return list(map(_reader(tensor.datatype, kind), data))


def _elements(datatype: str) -> tuple[set[type], str]:
    if datatype in FLOATS:
        return {float, int}, "numbers"
    if datatype in INTEGERS:
        return {int}, "whole numbers"
    return ({bool}, "true or false") if datatype == "BOOL" else ({str}, "texts")


def _reader(datatype: str, kind: Kind) -> Callable[[Any], Any]:
    if datatype == "BYTES":
        return lambda text: text or None
    if datatype == "BOOL":
        return lambda value: value
    number = _shortest if datatype == "FP32" else _unless_nan
    if kind == "number":
        return number
    return _as_count if kind == "count" else _as_yes_no


def _unless_nan(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _shortest(value: float | None) -> float | None:
    """The shortest number that is the same in 32 bits: 0.1, not 0.10000000149011612."""
    known = _unless_nan(value)
    # one that 32 bits cannot hold is infinite, which no field takes
    with np.errstate(over="ignore"):
        return None if known is None else float(str(np.float32(known)))


def _as_count(value: float | None) -> float | None:
    """A whole number as one; any other as it is, for the contract to refuse."""
    known = _unless_nan(value)
    return int(known) if known is not None and float(known).is_integer() else known


def _as_yes_no(value: float | None) -> float | bool | None:
    """1 is yes and 0 no; any other number as it is, for the contract to refuse."""
    known = _unless_nan(value)
    return bool(known) if known in (0, 1) else known


def _with_limits(contract: Contract, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A result below a limit of detection as JSON has it, where the column beside it says so."""
    for _, field in contract.undetectable:
        signs = columns.pop(field.name + COMPARATOR, None)
        if signs is None:
            continue
        if field.name not in columns:
            refuse(field.name + COMPARATOR, f"expected {field.name} beside it")
        columns[field.name] = [
            value if sign is None else {"comparator": sign, "value": value}
            for sign, value in zip(signs, columns[field.name], strict=True)
        ]
    return columns


def _told(batch: Batch) -> list[Problem]:
    """What is wrong with each patient, counted from 1."""
    problems = [
        Problem(problem.field, f"{problem.message} (row {i + 1})")
        for i in sorted(batch.refused)
        for problem in batch.refused[i]
    ]
    more = len(problems) - TOLD
    return problems[:TOLD] + ([Problem("", f"and {more} more")] if more > 0 else [])
