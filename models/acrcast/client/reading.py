"""Answers built back into the dataclasses that they were written from."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic_core import from_json

T = TypeVar("T")


def read(kind: type[T], content: bytes) -> T:
    """The answer. A member that is absent is None; one that the dataclass does not know, as of a later server, is left out.

    Raises ValueError, without the content, when it is not JSON, or a member that is needed is absent or of another type.
    """
    try:
        plain = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise ValueError("no JSON") from None
    return cast(T, _built(kind, plain))


def _built(kind: Any, value: Any) -> Any:  # noqa: ANN401  any annotation of an answer
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _of_members(kind, value)
    if get_origin(kind) is not None:
        return _of_options(get_origin(kind), get_args(kind), value)
    return float(value) if kind is float and type(value) is int else _checked(kind, value)


def _of_options(origin: Any, options: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401  any annotation of an answer
    if origin is Annotated:
        return _built(options[0], value)
    if origin in (Union, UnionType):
        return _one_of(options, value)
    if origin is tuple:
        return _of_items(options, value)
    if origin is list:
        return [_built(options[0], item) for item in _checked(list, value)]
    if origin in (dict, Mapping):
        return {name: _built(options[1], item) for name, item in _checked(dict, value).items()}
    if origin is Literal and value in options:
        return value
    raise ValueError("another word than those that this client knows")


def _of_members(kind: Any, value: Any) -> Any:  # noqa: ANN401  any dataclass
    given = _checked(dict, value)
    return kind(**{name: _built(hint, given.get(name)) for name, hint in _members(kind)})


@cache
def _members(kind: Any) -> tuple[tuple[str, Any], ...]:  # noqa: ANN401  any dataclass
    hints = get_type_hints(kind, include_extras=True)
    return tuple((member.name, hints[member.name]) for member in fields(kind))


def _one_of(options: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401  any annotation
    """The first that the value is; None comes first, so that what is absent is None."""
    if value is None and NoneType in options:
        return None
    for option in options:
        try:
            return _built(option, value)
        except ValueError:
            continue
    raise ValueError("none of the forms that this client knows")


def _of_items(options: tuple[Any, ...], value: Any) -> tuple[Any, ...]:  # noqa: ANN401  any annotation
    items = _checked(list, value)
    if options[1:] == (Ellipsis,):
        return tuple(_built(options[0], item) for item in items)
    if len(items) != len(options):
        raise ValueError("a list of another length")
    return tuple(_built(option, item) for option, item in zip(options, items, strict=True))


def _checked(kind: type[T], value: Any) -> T:  # noqa: ANN401  any JSON
    """The value. Exactly of the kind: true is no number."""
    if type(value) is not kind:
        raise ValueError(f"expected {kind.__name__}")
    return value
