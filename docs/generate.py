"""Writes the generated parts of the docs: `python -m docs.generate`, or with `--check` says what drifted and exits 1.

A page holds a part between `<!-- generated: NAME -->` and `<!-- end -->`; `PARTS` says what makes each. `FILES` are
generated whole.
"""

import difflib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from acrcast.cli import root as acrcast_command
from acrcast.contract import Code, ContractField
from acrcast.contract.measure import ATC, LOINC, RXNORM, SNOMED_CT
from acrcast.studies import Study, load_study, shipped_studies
from docs.api_description import openapi_json
from docs.markdown_table import table

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(?P<open><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL)
MARKER = "<!-- generated:"
HELP_WIDTH = 100
SYSTEMS = {LOINC: "LOINC", SNOMED_CT: "SNOMED CT", RXNORM: "RxNorm", ATC: "ATC"}
DIRECTIONS = {1: "more goes with response", -1: "more goes with non-response"}


def fields() -> str:
    """A table for each study that ships, from its patient class."""
    return "\n".join(_study_fields(load_study(key)) for key in shipped_studies())


def _study_fields(study: Study) -> str:
    modifiers = ", ".join(f"`{name}`" for name in study.effect_modifiers) or "none"
    arms = ", ".join(f"{arm.title} (`{arm.key}`)" for arm in study.arms)
    facts = f"Endpoint: {study.endpoint.title}. Arms: {arms}. Effect modifiers named beforehand: {modifiers}."
    return f"## `{study.key}`: {study.title}\n\n{facts}\n\n" + table(
        ("Field", "Label", "Unit", "Expected", "Required", "Expected direction", "Codes", "Source", "Help"),
        (
            (
                f"`{field.name}`",
                field.measure.label,
                _unit(field),
                field.expected + field.or_undetectable,
                "yes" if field.required else "no",
                DIRECTIONS.get(study.expected_directions.get(field.name, 0), ""),
                ", ".join(_in_a_record(field)),
                field.measure.source,
                field.measure.help,
            )
            for field in study.contract
        ),
    )


def _unit(field: ContractField) -> str:
    measure = field.measure
    others = [f"{unit} times {factor:g}" if factor != 1 else unit for unit, factor in measure.other_units.items()]
    if measure.ucum and measure.ucum != measure.unit:
        others.insert(0, measure.ucum)
    return measure.unit + (f" (also {', '.join(others)})" if others else "")


def _in_a_record(field: ContractField) -> Iterator[str]:
    """Where a record system holds the measure: an element, else an Observation by its code, or the dose of a drug."""
    measure = field.measure
    if measure.held_in is not None:
        yield measure.held_in
    yield from map(_code, measure.codes)
    yield from (f"dose of {_code(code)}" for code in measure.dose_of)


def _code(code: Code) -> str:
    return f"{SYSTEMS.get(code.system, 'acrcast')} {code.code}"


def commands(command: click.Group = acrcast_command) -> str:
    """What `--help` says of acrcast and of each command, at one width whatever the terminal's."""
    context = click.Context(command, info_name="acrcast", terminal_width=HELP_WIDTH, **command.context_settings)
    return "\n".join(
        f"## `{ctx.command_path}`\n\n```text\n{ctx.get_help().rstrip()}\n```\n" for ctx in _with_subcommands(context)
    )


def _with_subcommands(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from _with_subcommands(click.Context(command, parent=context, info_name=name))


def simulator() -> str:
    """How the simulated trial compares with what it is calibrated to."""
    from acrcast_training.data.simulator import comparison_table  # noqa: PLC0415  slow to import

    return comparison_table()


def data_checks() -> str:
    """Every code that `acrcast check-data` may report."""
    from acrcast_training.data.checks import ACCEPTABLE, CODES  # noqa: PLC0415  slow to import

    return table(
        ("Code", "Meaning", "May be accepted"),
        ((f"`{code}`", meaning, "yes" if code in ACCEPTABLE else "") for code, meaning in CODES.items()),
    )


def gates() -> str:
    """Every gate to become champion."""
    from acrcast_training.gates import GATES  # noqa: PLC0415  slow to import

    return "\n".join(
        f"## `{gate.code}` {gate.title}\n\n"
        f"- Asks: {gate.asks}.\n- Why: {gate.why}\n- Source: {gate.source}\n- When it refuses: {gate.remedy}\n"
        for gate in GATES
    )


def settings() -> str:
    """Every setting of the server."""
    from docs.settings_table import settings_table  # noqa: PLC0415  slow to import

    return settings_table()


def model_card() -> str:
    """The card of the model that ships."""
    from acrcast.artefact import RELEASED, load  # noqa: PLC0415  slow to import
    from acrcast.artefact.manifest import read_manifest  # noqa: PLC0415  slow to import
    from docs.model_card import as_page  # noqa: PLC0415  slow to import

    return as_page(load(RELEASED), read_manifest(RELEASED)[0])


def constants() -> str:
    """What is fixed beforehand in the methods."""
    from docs.constants_table import constants_table  # noqa: PLC0415  slow to import

    return constants_table()


def monitoring_checks() -> str:
    """Everything that `acrcast monitor` looks for."""
    from acrcast.watching.codes import CHECKS  # noqa: PLC0415  slow to import

    return table(
        ("Code", "Check", "Expected", "When it alarms"),
        ((f"`{check.code}`", check.title, check.asks, check.remedy) for check in CHECKS),
    )


def licences() -> str:
    """Under which licence what acrcast uses is."""
    from supply.licences import licence_table  # noqa: PLC0415  slow to import

    return licence_table()


def allowed_licences() -> str:
    """Licences that are allowed, and why."""
    from supply.licences import ALLOWED, TOOLS  # noqa: PLC0415  slow to import

    return table(
        ("Licence or package", "Why it is allowed"),
        sorted({**ALLOWED, **TOOLS}.items(), key=lambda row: row[0].lower()),
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "fields": fields,
    "commands": commands,
    "simulator": simulator,
    "data-checks": data_checks,
    "gates": gates,
    "settings": settings,
    "model-card": model_card,
    "constants": constants,
    "monitoring-checks": monitoring_checks,
    "licences": licences,
    "allowed-licences": allowed_licences,
}
FILES: Mapping[str, Callable[[], str]] = {"docs/api/openapi.json": openapi_json}


def generated(page: str, parts: Mapping[str, Callable[[], str]] = PARTS) -> str:
    """`page` with its parts as they should be. Raises ValueError for a part that nothing makes or that does not end."""
    names = [part["name"] for part in PART.finditer(page)]
    if unknown := set(names) - set(parts):
        raise ValueError(f"nothing makes the part {', '.join(sorted(unknown))}: known are {', '.join(parts)}")
    if page.count(MARKER) != len(names):
        raise ValueError(f"each {MARKER} NAME --> stands on a line of its own and needs its <!-- end -->")
    return PART.sub(lambda part: f"{part['open']}\n{parts[part['name']]().rstrip()}\n\n{part['close']}", page)


def drift(
    root: Path, parts: Mapping[str, Callable[[], str]] = PARTS, files: Mapping[str, Callable[[], str]] = FILES
) -> dict[Path, tuple[str, str]]:
    """Pages and files of `root` that differ from what should be there: path to (as it is, as it should be)."""
    pages = {
        path: path.read_text(encoding="utf-8") for path in sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])
    }
    wanted = {path: generated(text, parts) for path, text in pages.items()}
    for name, make in files.items():
        path = root / name
        pages[path], wanted[path] = path.read_text(encoding="utf-8") if path.exists() else "", make()
    return {path: (pages[path], wanted[path]) for path in pages if pages[path] != wanted[path]}


def main(arguments: Sequence[str], root: Path = ROOT, files: Mapping[str, Callable[[], str]] = FILES) -> int:
    """Write the pages and files that drifted, or with `--check` show how they did; 1 if a check found any."""
    drifted = drift(root, files=files)
    for path, (present, wanted) in drifted.items():
        name = str(path.relative_to(root))
        if "--check" in arguments:
            lines = difflib.unified_diff(
                present.splitlines(), wanted.splitlines(), name, f"{name}, generated", lineterm=""
            )
            print("\n".join(lines))
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {name}")
    if drifted and "--check" in arguments:
        print(f"{len(drifted)} page(s) differ from what generates them: run make docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
