"""Finds the facts of a measure that are written a second time: its code, its label, its range.

A measure's home is its line in a study; everything else derives them from the contract.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from acrcast.contract import ContractField
from acrcast.studies import load_study, shipped_studies

EXEMPT = "# own home:"


def repeats_in_module(source: str) -> Iterator[str]:
    """Codes and labels of shipped measures as literals, and ranges written beside the name of their field.

    A line that must have a fact of its own says so, and why: `# own home: REASON`.
    """
    lines = source.splitlines()
    for number, fact in sorted(_repeats(ast.parse(source))):
        if EXEMPT not in lines[number - 1]:
            yield f"line {number} repeats {fact}"


def _repeats(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in _words():
            yield node.lineno, f"{_words()[node.value]} {node.value!r}"
        for name, places in _about_a_field(node):
            written = list(pairwise(number for place in places for number in _numbers(place)))
            if any((field.low, field.high) in written for field in _fields()[name]):
                yield places[0].lineno, f"the range of {name}"


def repeats_in_page(text: str) -> Iterator[str]:
    """Codes and labels of shipped measures as a whole text or attribute of HTML, or a whole string of JavaScript."""
    for word, kind in _words().items():
        if re.search(rf"[>\"'`]\s*{re.escape(word)}\s*[<\"'`]", text):
            yield f"repeats {kind} {word!r}"


def defined_twice(source: str) -> Iterator[str]:
    """Fields, labels and codes that one patient class has more than once; Python itself keeps the last in silence."""
    for patient in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)):
        lines = [line for line in patient.body if isinstance(line, ast.AnnAssign)]
        calls = [node for line in lines for node in ast.walk(line) if isinstance(node, ast.Call)]
        labels = [
            k.value for call in calls for k in call.keywords if _name(call.func) == "Measure" and k.arg == "label"
        ]
        codes = [code for call in calls if _name(call.func) in {"loinc", "snomed", "own"} for code in call.args]
        counted = {
            "field": Counter(_name(line.target) for line in lines),
            "label": Counter(map(ast.unparse, labels)),
            "code": Counter(map(ast.unparse, codes)),
        }
        for kind, counts in counted.items():
            yield from (f"{patient.name} has the {kind} {it} {n} times" for it, n in counts.items() if n > 1)


@cache
def _fields() -> Mapping[str, tuple[ContractField, ...]]:
    every = [field for key in shipped_studies() for field in load_study(key).contract]
    return {name: tuple(field for field in every if field.name == name) for name in {field.name for field in every}}


@cache
def _words() -> Mapping[str, str]:
    """Labels and codes of all shipped measures, and what each is."""
    measures = [field.measure for same_name in _fields().values() for field in same_name]
    return {m.label: "the label" for m in measures} | {c.code: "the code" for m in measures for c in m.codes}


def _about_a_field(node: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    """Fields that a dict's key, a declaration or a call's argument names, and where their numbers would stand."""
    match node:
        case ast.Dict():
            named = [(_text(key), [value]) for key, value in zip(node.keys, node.values, strict=True)]
        case ast.AnnAssign():
            named = [(_name(node.target), [node.annotation, *([node.value] if node.value else [])])]
        case ast.Call():
            named = [(_text(argument), [node]) for argument in node.args]
        case _:
            named = []
    yield from ((name, places) for name, places in named if name in _fields())


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _numbers(place: ast.expr) -> Iterator[float]:
    for node in ast.walk(place):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            yield node.value
