"""JSON (RFC 8259) read strictly: nothing that two readers could understand differently."""

import json
import math
import re

from acrcast.errors import InputError, Problem
from acrcast_service.problems import MALFORMED_JSON, HttpProblem

# A name that is not written as one is not repeated: it may be a patient's data.
NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,39}")
# Written as an escape, half of a character may stand alone; nothing that is written in UTF-8 may hold it then.
HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(body: bytes) -> object:
    """What the body says.

    Raises HttpProblem (400) when it is not JSON in UTF-8, has half a character, NaN, or numbers beyond a double's range;
    InputError when an object at any depth has a name twice.
    """
    try:
        content = json.loads(
            body.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_refused, parse_int=_whole
        )
        if HALF.search(body):
            json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise HttpProblem(MALFORMED_JSON, f"line {error.lineno} column {error.colno}") from None
    except UnicodeDecodeError:
        raise HttpProblem(MALFORMED_JSON, "the body is not in UTF-8") from None
    except UnicodeEncodeError:
        raise HttpProblem(MALFORMED_JSON, "the body has half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise HttpProblem(MALFORMED_JSON, "the body is nested too deeply") from None
    except ValueError:
        raise HttpProblem(MALFORMED_JSON, "the body has a number beyond the range of a double") from None
    return content


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(
            [Problem(repeated if NAME.fullmatch(repeated) else "", "given more than once", code="repeated")]
        )
    return members


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _refused(text: str) -> float:
    raise ValueError(text)
