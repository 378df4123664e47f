"""A mapping that is proposed for tables: what names, labels and units tell; the rest are questions for a person.

Names of ADaM's variables are those of the CDISC ADaM Implementation Guide 1.3.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from acrcast.contract.units import accepted_units, in_words
from acrcast.studies import AcrResponse, Study
from acrcast_training.data.mapping.checking import meanings_of, needs_unit
from acrcast_training.data.mapping.converting import DAY, field_of
from acrcast_training.data.mapping.form import FORMAT, LEAVE_OUT, QUESTION
from acrcast_training.data.mapping.matching import Candidate, Match, squeezed
from acrcast_training.data.mapping.placing import PATIENT, Proposed, classified, first_of, parameters, place_all
from acrcast_training.data.table import Table, shown
from acrcast_training.data.visits import AT_VISITS, scheduled_weeks

ARM = ("arm", "TRT01P", "ARM", "TRTP")
VISIT = ("week", "AVISIT", "VISIT")
POPULATION = ("ITTFL", "RANDFL", "FASFL")
ANALYSED = re.compile(r"ANL[0-9]{2}FL")
AT_WEEK = re.compile(r"_week_([0-9]+)$")
WEEK_NAMED = re.compile(r"(?:week|wk|w)[ _-]*0*([0-9]+)", re.IGNORECASE)
MOST_CODES, MOST_VISITS = 12, 60
LIKELY_YES_NO = {"1": "true", "0": "false", "positive": "true", "negative": "false", "pos": "true", "neg": "false"}

HEADER = """\
# How the tables of a trial become those of the study {study}. Proposed by `acrcast map`; yours to look through and complete.
# "?" asks: write the answer in its place. "?CRP" guesses: take the ? away if it is right. What is not needed can be taken out.
# Nothing runs while a question is open. A model records the SHA-256 of this file. It holds names, labels and codes, no patient.
format = {format}
study = {key}
contract = {contract}  # the study's fields when this was made
"""


def proposal(study: Study, tables: Sequence[Table]) -> str:
    """The text of a mapping file."""
    proposed = [classified(table) for table in tables]
    place_all(study, proposed)
    key, contract = json.dumps(study.key), json.dumps(study.contract.digest)
    head = HEADER.format(study=study.key, format=FORMAT, key=key, contract=contract)
    found = {target for one in proposed for target in one.found}
    undecided = {target: others for one in proposed for target, others in one.undecided.items()}
    missing = [
        field.name + (f" (perhaps {', '.join(undecided[field.name])})" if field.name in undecided else "")
        for field in study.contract
        if field.name not in found
    ]
    tail = (
        f"\n# Optional, given by no line here, and so missing for everyone: {', '.join(missing)}\n" if missing else ""
    )
    return head + "".join("\n" + "\n".join(_lines(study, one)) + "\n" for one in proposed) + tail


def questions(text: str) -> int:
    """How many answers the text of a mapping still asks for."""
    return len(re.findall(r'= (?:\[)?"\?', text))


def _lines(study: Study, one: Proposed) -> Iterator[str]:
    table = one.table
    yield f"# {'-' * 20} {shown(table.file)}: {len(table)} rows"
    yield "[[tables]]"
    yield f"file = {_quoted(table.file)}"
    yield f'a_row_is = "{one.layout}"'
    yield f"columns_seen = [{', '.join(map(_quoted, table.columns))}]"
    if one.layout == "value":
        yield from _record_lines(table)
    yield from _keep_lines(one)
    yield from _column(
        "patient_id", _answer(one.patient, sure=first_of(table, PATIENT) is not None), table, one.patient
    )
    if one.layout == "patient" and study.has_control:
        yield from _arm(study, table)
    if one.layout != "patient":
        yield from _visit(study, table)
    for target, match in one.found.items():
        yield from _measure(study, one, target, match)
    yield from _not_used(one)


def _record_lines(table: Table) -> Iterator[str]:
    columns = (
        ("parameter", "PARAMCD", "whose value a row holds"),
        ("value", "AVAL", "the value"),
        ("text", "AVALC", 'taken instead where it begins with "<", a result below a limit of detection'),
        ("baseline_flag", "ABLFL", "Y where the record is the baseline; without this line, week 0 is"),
        ("baseline_value", "BASE", "the baseline repeated on later records, which is compared"),
    )
    for key, name, meaning in columns:
        if name in table.columns:
            yield f'{key} = "{name}"  # {meaning}'
        elif key == "value":
            yield f'{key} = "?"  # the column of the values'


def _keep_lines(one: Proposed) -> Iterator[str]:
    table = one.table
    population = first_of(table, POPULATION) if one.layout == "patient" else None
    if population is not None:
        yield "\n[tables.keep]"
        yield f'{population} = ["Y"]  # {table.labels.get(population, "patients of the analysis")}; others are left out'
    flags = [name for name in table.columns if ANALYSED.fullmatch(name)]
    if one.layout == "value" and (flags or "DTYPE" in table.columns):
        yield "\n[tables.keep_after_baseline]"
        for name in flags:
            answer = "Y" if len(flags) == 1 else "?Y"
            several = "" if len(flags) == 1 else "; several flags: keep those of your analysis, take the others out"
            yield f'{name} = ["{answer}"]  # {table.labels.get(name, "analysed records")}{several}'
        if "DTYPE" in table.columns:
            derived = ", ".join(map(shown, sorted(set(table.columns["DTYPE"]) - {""}))) or "none"
            yield f'DTYPE = [""]  # observed records alone; derived here: {derived}. An imputed visit counts as assessed: name it to keep it'


def _arm(study: Study, table: Table) -> Iterator[str]:
    name = first_of(table, ARM)
    yield from _column("arm", _answer(name, sure=name is not None), table, name)
    if name is not None:
        arms = {squeezed(name): arm.key for arm in study.arms for name in (arm.key, arm.title)}
        yield from _codes("arm", table.columns[name], meanings_of(study, "arm"), arms, initials=False)


def _visit(study: Study, table: Table) -> Iterator[str]:
    name = first_of(table, VISIT)
    yield from _column("week", _answer(name, sure=name is not None), table, name)
    days = [shown(other) for other, texts in table.columns.items() if any(DAY.fullmatch(text) for text in texts)]
    if name is None and days:
        yield f"# dates, which are not turned into weeks: {', '.join(days)}"
    if name is None or name == "week":
        return
    # the week of an outcome that is a column is not the study's to say
    weeks = scheduled_weeks(study) if isinstance(study.endpoint, AcrResponse) else None
    yield "[tables.columns.week.codes]"
    for text in _distinct(table.columns[name], MOST_VISITS):
        yield f"{_quoted(text)} = {_week(text, weeks)}"


def _week(text: str, weeks: Sequence[int] | None) -> str:
    named = WEEK_NAMED.fullmatch(text.strip())
    week = 0 if text.strip().lower() == "baseline" else int(named[1]) if named else None
    if week is not None and (weeks is None or week in weeks):
        return str(week)
    return f'"{LEAVE_OUT}"  # no week of the study' if week is not None else '"?"  # a week, or "leave out"'


def _measure(study: Study, one: Proposed, target: str, match: Match) -> Iterator[str]:
    table, of = one.table, field_of(study, target)
    key = "parameter" if one.layout == "value" else "from"
    name = match.best.name if match.best is not None else None
    label = match.best.label if match.best is not None else ""
    asked = "" if of is None else f"{of.measure.label}: {of.expected}"
    others = "; or ".join(
        f"{shown(other.name)}{f' ({shown(other.label)})' if other.label else ''}" for other in match.others
    )
    told = ". ".join(
        part for part in (asked, label and f"here: {shown(label)}", others and f"perhaps {others}") if part
    )
    yield f"\n[tables.columns.{target}]"
    yield f"{key} = {_answer(name, sure=match.sure)}" + (f"  # {told}" if told else "")
    if key == "parameter" and target not in study.contract and target not in AT_VISITS:
        at = AT_WEEK.search(target)
        yield f'week = "?{at[1] if at else ""}"  # the week of the outcome, a number without quotes'
    if name is None:
        return
    rows = table.columns["PARAMCD"] == name if key == "parameter" else np.ones(len(table), dtype=bool)
    # what has no number in AVAL has its text in AVALC
    values = table.columns.get("AVALC" if key == "parameter" else name)
    meanings = meanings_of(study, target)
    if meanings and values is not None:
        if key == "parameter":
            yield 'value = "AVALC"'
        yield from _codes(target, values[rows], meanings, {}, initials=of is not None and of.kind == "category")
    elif needs_unit(study, target) and squeezed(name) != squeezed(target):
        yield from _unit(study, table, target, match.best, rows)


def _unit(study: Study, table: Table, target: str, source: Candidate | None, rows: npt.NDArray[Any]) -> Iterator[str]:
    of = field_of(study, target)
    units = list(accepted_units(of)) if of is not None else []
    beside = "AVALU" if "PARAMCD" in table.columns else f"{source.name}U" if source is not None else ""
    if beside in table.columns:
        yield f"unit_from = {_quoted(beside)}"
        strange = [text for text in _distinct(table.columns[beside][rows], MOST_CODES) if text not in units]
        if strange:
            yield f"[tables.columns.{target}.units]"
        for text in strange:
            same = [unit for unit in units if unit.lower() == text.lower()]
            yield f"{_quoted(text)} = " + (_quoted(same[0]) if same else f'"?"  # {in_words(units)}')
        return
    named = source.unit if source is not None else ""
    if named in units:
        yield f"unit = {_quoted(named)}"
        return
    near = [unit for unit in units if unit.lower() == named.lower()]
    guess = QUESTION + (near[0] if near else "")
    yield f"unit = {_quoted(guess)}  # {' or '.join(units)}" + (f"; the label says {shown(named)}" if named else "")


def _codes(
    target: str, texts: npt.NDArray[Any], meanings: Sequence[str], known: Mapping[str, str], *, initials: bool
) -> Iterator[str]:
    """A line for each code; none where every text already is what the study calls it. initials: a level's first letter is it."""
    distinct = _distinct(texts, MOST_CODES)
    if all(text in meanings for text in distinct):
        return
    yield f"[tables.columns.{target}.codes]"
    words = [word for word in meanings if word]
    for text in distinct:
        yield f"{_quoted(text)} = {_meaning(text, words, known, initials=initials)}"
    if len(set(texts)) > MOST_CODES + 1:
        yield f"# and {len(set(texts)) - MOST_CODES} more: is this the column?"


def _meaning(text: str, words: Sequence[str], known: Mapping[str, str], *, initials: bool) -> str:
    """What a code means where its name says so; a number as a code says nothing."""
    own = [word for word in words if word.lower() == text.lower()]
    initial = [word for word in words if initials and text.isalpha() and word[0].lower() == text.lower()]
    if squeezed(text) in known:
        return _quoted(known[squeezed(text)])
    if len(own) == 1 or len(initial) == 1:
        return _quoted((own or initial)[0])
    if tuple(words) == ("true", "false"):
        if text.lower() in ("y", "yes", "n", "no"):
            return "true" if text.lower().startswith("y") else "false"
        guess = LIKELY_YES_NO.get(text.lower(), "")
    else:
        near = get_close_matches(squeezed(text), [*known, *words], n=1, cutoff=0.6)
        guess = known.get(near[0], near[0]) if near and not text.isdigit() else ""
    told = ", ".join([*words, *([] if LEAVE_OUT in words else ['or "" for missing'])])
    return f"{_quoted(QUESTION + guess)}  # {told}"


def _not_used(one: Proposed) -> Iterator[str]:
    if one.layout == "value":
        used = {match.best.name for match in one.found.values() if match.best is not None}
        free = [
            f"{shown(other.name)} ({shown(other.label)})" for other in parameters(one.table) if other.name not in used
        ]
        if free:
            yield f"\n# parameters of no use here: {', '.join(free)}"


def _column(target: str, answer: str, table: Table, name: str | None) -> Iterator[str]:
    label = shown(table.labels.get(name or "", ""))
    yield f"\n[tables.columns.{target}]"
    yield f"from = {answer}" + (f"  # {label}" if label else "")


def _answer(name: str | None, *, sure: bool) -> str:
    return _quoted((name or "") if sure and name is not None else QUESTION + (name or ""))


def _distinct(texts: npt.NDArray[Any], most: int) -> list[str]:
    return [str(text) for text in dict.fromkeys(texts) if text][:most]


def _quoted(text: str) -> str:
    """A basic string of TOML: that of JSON, and DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
