"""What is sent, as JSON: plain data, patients of a study, and arrays of numpy or columns of pandas."""

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel

from acrcast.client.errors import NotSent


def written(content: object) -> bytes:
    """The content as JSON; None and NaN are null, which is missing.

    Raises NotSent for what JSON has no word for, with its type and not its value.
    """
    return json.dumps(_plain(content), allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911  any JSON; a line for each kind of it
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise NotSent("an infinite number is no JSON: leave out what is not known")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise NotSent(f"a value of the type {type(value).__name__} is no JSON: give numbers, texts, true or false, or None")
