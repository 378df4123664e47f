"""`acrcast studies`: which studies there are, and what each measures."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from acrcast.console import json_option, table, write_json

if TYPE_CHECKING:
    from acrcast.studies import Study


@click.command("studies")
@click.argument("study", required=False)
@json_option
def studies(study: str | None, *, as_json: bool) -> None:
    """List the studies that ship, or show one study's fields.

    STUDY is a shipped key or the path of your own study's file.

    \b
    Examples:
      acrcast studies
      acrcast studies ld-il2-ra
    """
    from acrcast.studies import load_study, shipped_studies

    if study is None:
        found = [load_study(key) for key in shipped_studies()]
        if as_json:
            write_json([as_data(one) for one in found])
            return
        rows = [(s.key, s.title, s.endpoint.title, str(len(s.arms))) for s in found]
        table(("Study", "title", "endpoint", "arms"), rows, words=3)
        return
    chosen = load_study(study)
    if as_json:
        write_json(as_data(chosen) | {"fields": _fields(chosen)})
        return
    click.echo(
        f"{chosen.title}\nEndpoint: {chosen.endpoint.title}\nArms: {', '.join(arm.key for arm in chosen.arms)}\n"
    )
    shown = [(f.name, f.measure.label, f.expected, "required" if f.required else "optional") for f in chosen.contract]
    table(("Field", "label", "expected", ""), shown, words=4)


def as_data(study: "Study") -> dict[str, object]:
    """A study as JSON has it."""
    return {
        "key": study.key,
        "title": study.title,
        "endpoint": study.endpoint.title,
        "arms": [asdict(arm) for arm in study.arms],
        "control": study.control,
        "effect_modifiers": list(study.effect_modifiers),
        "intended_use": study.intended_use,
    }


def _fields(study: "Study") -> list[dict[str, object]]:
    return [
        {
            "name": field.name,
            "label": field.measure.label,
            "unit": field.measure.unit,
            "expected": field.expected,
            "required": field.required,
        }
        for field in study.contract
    ]
