"""`acrcast check-data`: everything that is wrong with trial data, by file, row and column."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrcast.console import aligned, json_option, write_json
from acrcast.errors import DataError, Problem
from acrcast_training.commands.options import trial_data_options

if TYPE_CHECKING:
    from acrcast.studies import Study
    from acrcast_training.data.cohort import ArmFlow, Report

ROWS_SHOWN = 12

# A column is missing: perhaps it has another name.
OTHER_NAME = "DATA004"


@click.command("check-data")
@trial_data_options
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="Most problems to list."
)
@json_option
def check_data(
    study: str,
    baseline: Path | None,
    visits: Sequence[Path],
    table: Path | None,
    mapping: Path | None,
    accept: Sequence[str],
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Say everything that is wrong with trial data, by file, row and column.

    F is CSV, Parquet, SAS (.xpt, .sas7bdat), Dataset-JSON (.json, .ndjson) or Excel (.xlsx, or .xlsx#SHEET) by its ending. A
    row is the line that an editor shows, or the number of the record. With --map, what is wrong with the mapping is told by its
    lines. No value of a patient is shown. With problems the exit code is 3. Without, the patients of each arm are counted: assessed, and responding by
    intention to treat (not assessed is no response) and per protocol.

    \b
    Examples:
      acrcast check-data --study ld-il2-ra --baseline baseline.csv --visits visits.csv
      acrcast check-data --study ld-il2-ra --baseline adsl.xpt --visits adqs.xpt --visits adlb.xpt --map map.toml
    """
    from acrcast.studies import load_study
    from acrcast_training.data.cohort import check

    chosen = load_study(study)
    report = check(chosen, baseline=baseline, visits=visits, table=table, mapping=mapping, accept=accept, limit=limit)
    if as_json:
        write_json(as_data(chosen, report))
    else:
        click.echo("\n".join(as_text(chosen, report, mapped=mapping is not None)))
    if report.problem_count:
        sys.exit(DataError.exit_code)


def as_data(study: "Study", report: "Report") -> dict[str, object]:
    """The report as JSON has it."""
    cohort = report.cohort
    return {
        "study": study.key,
        "endpoint": study.endpoint.title,
        "valid": report.problem_count == 0,
        "patients": report.patients,
        "problem_count": report.problem_count,
        "problems": [asdict(problem) for problem in report.problems],
        "note_count": report.note_count,
        "notes": [asdict(note) for note in report.notes],
        "accepted": dict(report.accepted),
        "data_kind": cohort.data_kind if cohort is not None else None,
        "mapping": cohort.mapping if cohort is not None else None,
        "fingerprint": cohort.fingerprint if cohort is not None else None,
        "flow": [asdict(arm) for arm in report.flow],
    }


def as_text(study: "Study", report: "Report", *, mapped: bool) -> Iterator[str]:
    """The report as lines: what is wrong, what else there is to know, and the patients by arm. mapped: by a mapping."""
    from acrcast_training.data.checks import ACCEPTABLE

    unread = report.problem_count and not report.patients
    yield f"{study.key}: {study.endpoint.title}" + ("" if unread else f", {report.patients} patients")
    yield from _section("Problems", report.problems, report.problem_count)
    yield from _section("Notes", report.notes, report.note_count)
    if report.accepted:
        yield ""
        yield "Accepted: " + ", ".join(f"{code} ({count})" for code, count in report.accepted.items())
    if report.cohort is not None:
        yield ""
        yield from _flow(report.flow)
        yield f"Data: {report.cohort.data_kind}, fingerprint {report.cohort.fingerprint}"
        if report.cohort.mapping is not None:
            yield f"Mapping: {report.cohort.mapping}"
    yield ""
    if not report.problem_count:
        yield "No problems." if not report.accepted else "No problems but those accepted."
    elif codes := sorted({problem.code for problem in report.problems} & ACCEPTABLE):
        yield f"Looked into and right as they are? {' '.join(f'--accept {code}' for code in codes)}"
    else:
        if not mapped and any(problem.code == OTHER_NAME for problem in report.problems):
            yield "Other names, units or codes than the study's? acrcast map proposes how these tables become the study's."
        yield "Correct the files and check again."


def _section(heading: str, told: Sequence[Problem], count: int) -> Iterator[str]:
    from acrcast_training.data.checks import CODES

    if not count:
        return
    yield ""
    yield f"{heading}: {count}"
    for code, of_code in groupby(sorted(told, key=lambda p: p.code), key=lambda p: p.code):
        yield f"{code} {CODES[code].removeprefix('Note: ').partition(';')[0]}"
        for (file, field, message), same in groupby(of_code, key=lambda p: (p.file, p.field, p.message)):
            rows = [problem.row for problem in same if problem.row is not None]
            yield "  " + ", ".join(part for part in (file, _rows(rows), field) if part) + f": {message}"
    if count > len(told):
        yield f"and {count - len(told)} more; --limit {count} lists all"


def _rows(rows: Sequence[int]) -> str:
    if not rows:
        return ""
    told = ", ".join(map(str, rows[:ROWS_SHOWN]))
    more = f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {told}{more}"


def _flow(arms: Iterable["ArmFlow"]) -> Iterator[str]:
    headings = ("arm", "patients", "assessed", "responders", "per protocol")
    rows = [
        (
            f"{arm.title} ({arm.arm})",
            str(arm.randomised),
            str(arm.assessed),
            _of(arm.responders, arm.randomised),
            _of(arm.responders_per_protocol, arm.assessed),
        )
        for arm in arms
    ]
    yield from aligned(headings, rows)
    yield "Responders are by intention to treat: a patient who was not assessed did not respond."


def _of(count: int, total: int) -> str:
    return f"{count}/{total} ({100 * count / total:.1f} %)" if total else "0/0"
