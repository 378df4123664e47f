"""The settings of the server as a table, from the class that reads them."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from acrcast_service.settings import PREFIX, Settings
from docs.markdown_table import table

SIGNS = {Ge: ("at least", "ge"), Gt: ("above", "gt"), Le: ("at most", "le"), Lt: ("below", "lt")}


def settings_table(settings: type[Settings] = Settings) -> str:
    """One row a setting, in the order of the class: its environment variable, its default, what it is."""
    return table(("Variable", "Default", "What"), _rows(settings))


def _rows(settings: type[Settings]) -> Iterator[Sequence[str]]:
    for name, field in settings.model_fields.items():
        limits = ", ".join(_limits(field))
        described = f"{field.description} ({limits})" if limits else str(field.description)
        yield f"`{PREFIX}{name.upper()}`", _default(field.default), described


def _default(value: Any) -> str:  # noqa: ANN401  of any setting
    if value is None:
        return ""
    if isinstance(value, bool):
        return "`1`" if value else "`0`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _limits(field: FieldInfo) -> Iterator[str]:
    choices = [choice for kind in (field.annotation, *get_args(field.annotation)) for choice in _choices(kind)]
    if choices:
        yield "one of " + ", ".join(choices)
    ends = {type(constraint): constraint for constraint in field.metadata}
    if Ge in ends and Le in ends:
        yield f"{ends[Ge].ge:,} to {ends[Le].le:,}"
        return
    for kind, (word, attribute) in SIGNS.items():
        if kind in ends:
            yield f"{word} {getattr(ends[kind], attribute):,}"


def _choices(kind: Any) -> Sequence[str]:  # noqa: ANN401  any annotation
    return get_args(kind) if get_origin(kind) is Literal else ()
