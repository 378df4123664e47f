"""From the bytes of a body to a patient of the study, strictly, and what to say when they are not one.

A field takes a bare number in its own unit, or `{"value": 3.1, "unit": "mg/dL"}`, which is converted by the contract.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from acrcast.contract import Contract, ContractField, Patient
from acrcast.contract.units import in_own_unit
from acrcast.errors import InputError, Problem
from acrcast.studies import Study
from acrcast_service.problems import MALFORMED_JSON, HttpProblem
from acrcast_service.strict_json import read_json

# Only a body that has this member somewhere takes the longer way.
UNIT = b'"unit"'
WITH_UNIT = frozenset({"value", "unit", "comparator"})

# Unknown names are described one by one up to here: looking for the name that was meant is not cheap.
UNKNOWN_NAMED = 20

# A name that is not a field's is only repeated when it is written as one; any other key may be a patient's data.
FIELD_LIKE = re.compile(r"[a-z][a-z0-9_]{0,39}")


class PatientReader:
    """Reads patients of one study."""

    def __init__(self, study: Study) -> None:
        self._contract = study.contract
        self._adapter: TypeAdapter[Patient] = TypeAdapter(study.patient)

    def read(self, body: bytes) -> Patient:
        """The patient in a JSON body.

        Raises HttpProblem (400) when it is not JSON, InputError with one problem for each field that is not valid:
        missing, of another type, not finite, out of range, in an unknown unit, unknown, or given twice.
        """
        try:
            patient = self._adapter.validate_json(body, strict=True)
        except ValidationError as error:
            if UNIT in body and error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
                return self._read_with_units(body)
            raise self._refusal(error) from None
        # Every pair of an object has a colon. As many colons as different fields: none was given twice, and no more
        # need be looked at. Text with a colon in it, and a value that is an object, take the longer way.
        if body.count(b":") != len(patient.model_fields_set):
            refuse_repeated_names(body)
        return patient

    def of_values(self, values: Mapping[str, object]) -> Patient:
        """The patient with these values, as JSON has them. Raises as `read` does."""
        try:
            return self._adapter.validate_json(json.dumps(values, allow_nan=False), strict=True)
        except ValidationError as error:
            raise self._refusal(error) from None

    def _read_with_units(self, body: bytes) -> Patient:
        sent = read_json(body)
        if not isinstance(sent, dict):
            raise InputError([Problem("", _of_the_whole("model_type"))])
        converted, problems = in_own_units(self._contract, sent)
        try:
            patient = self.of_values(converted)
        except InputError as error:
            said = {problem.field for problem in problems}
            problems += [problem for problem in error.problems if problem.field not in said]
        else:
            if not problems:
                return patient
        raise InputError(problems)

    def _refusal(self, error: ValidationError) -> Exception:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            return HttpProblem(MALFORMED_JSON, str(found[0]["ctx"]["error"]))
        return InputError(list(self._problems(found)))

    def _problems(self, found: list[Any]) -> Iterator[Problem]:
        unknown = [str(item["loc"][0]) for item in found if item["type"] == "extra_forbidden" and len(item["loc"]) == 1]
        absent = {item["loc"][0] for item in found if item["type"] == "missing" and len(item["loc"]) == 1}
        if not found[0]["loc"]:
            yield Problem("", _of_the_whole(found[0]["type"]))
        # a field that allows several forms has an error for each
        for name in dict.fromkeys(item["loc"][0] for item in found if item["loc"]):
            if name in self._contract:
                yield Problem(name, _what_was_expected(self._contract[name], absent=name in absent))
        yield from self.unknown(unknown)

    def unknown(self, names: Iterable[str]) -> list[Problem]:
        """A problem for each name that no field has, up to a limit."""
        unknown = [name for name in names if name not in self._contract]
        problems = [self._unknown(name) for name in unknown[:UNKNOWN_NAMED]]
        if len(unknown) > UNKNOWN_NAMED:
            problems.append(Problem("", f"{len(unknown) - UNKNOWN_NAMED} further unknown fields", code="unknown"))
        return problems

    def _unknown(self, name: str) -> Problem:
        if not FIELD_LIKE.fullmatch(name):
            return Problem("", "an unknown field; GET /model lists the fields", code="unknown")
        similar = difflib.get_close_matches(name, [field.name for field in self._contract], n=1, cutoff=0.5)
        meant = f"did you mean {similar[0]}? " if similar else ""
        return Problem(name, f"an unknown field; {meant}GET /model lists the fields", code="unknown")


def in_own_units(contract: Contract, sent: Mapping[str, object]) -> tuple[dict[str, object], list[Problem]]:
    """The values, each that came with a unit as a bare one in its field's own; and a problem for each that cannot be."""
    converted, problems = dict(sent), list[Problem]()
    for name, value in sent.items():
        if name in contract and isinstance(value, dict) and "unit" in value:
            try:
                converted[name] = _in_own_unit(contract[name], value)
            except InputError as error:
                problems += error.problems
                converted[name] = None
    return converted, problems


def _in_own_unit(field: ContractField, sent: Mapping[str, object]) -> object:
    """A number; below a limit of detection, that limit."""
    value, unit = sent.get("value"), sent["unit"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not sent.keys() <= WITH_UNIT:
        raise InputError([Problem(field.name, 'expected {"value": a number, "unit": its unit}')])
    number = in_own_unit(field, value, unit if isinstance(unit, str) else "")
    if not isfinite(number):
        raise InputError([Problem(field.name, _what_was_expected(field, absent=False))])
    return {"comparator": sent["comparator"], "value": number} if "comparator" in sent else number


def _what_was_expected(field: ContractField, *, absent: bool) -> str:
    null = "" if field.required else ", or null when it is not known"
    return f"{'required:' if absent else 'expected'} {field.expected}{field.or_undetectable}{null}"


def _of_the_whole(error_type: str) -> str:
    if error_type == "model_type":
        return "expected a JSON object with the patient's fields; GET /model lists them"
    return "these values do not go together in this study"


def refuse_repeated_names(body: bytes) -> None:
    """Raises InputError when an object at any depth has a name twice. body: what was validated, hence shallow."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        repeated.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    json.loads(body, object_pairs_hook=look)
    if repeated:
        raise InputError([Problem(name, "given more than once", code="repeated") for name in repeated])
