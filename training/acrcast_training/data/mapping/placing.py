"""Which table of a delivery is what, and where each measure of the study may be found in it.

Names of ADaM's variables are those of the CDISC ADaM Implementation Guide 1.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acrcast.studies import AcrResponse, Study
from acrcast_training.data.mapping.checking import targets
from acrcast_training.data.mapping.converting import field_of
from acrcast_training.data.mapping.form import Layout
from acrcast_training.data.mapping.matching import Candidate, Match, match_of, squeezed
from acrcast_training.data.response import parts_of
from acrcast_training.data.table import Table, shown
from acrcast_training.data.visits import AT_VISITS, column_at

PATIENT = ("patient_id", "USUBJID", "SUBJID")
LIKE_PATIENT = ("subject", "subjectid", "patient", "patientid", "patid", "id")


@dataclass
class Proposed:
    """One table as far as it is known. undecided: optional measures that several columns may hold."""

    table: Table
    layout: Layout
    patient: str | None
    found: dict[str, Match] = field(default_factory=dict)
    undecided: dict[str, list[str]] = field(default_factory=dict)


def classified(table: Table) -> Proposed:
    patient = first_of(table, PATIENT)
    if patient is None:
        patient = next((name for name in table.columns if squeezed(name) in LIKE_PATIENT), None)
    if "PARAMCD" in table.columns:
        return Proposed(table, "value", patient)
    ids = table.columns[patient] if patient is not None else table.rows
    return Proposed(table, "visit" if len(set(ids)) < len(ids) else "patient", patient)


def place_all(study: Study, proposed: Sequence[Proposed]) -> None:
    """Finds each measure's best place: among the values of records first, which also have the visits."""
    wanted = _wanted(study, any(one.layout != "patient" for one in proposed))
    taken: set[str] = set()
    for one in proposed:
        if one.layout == "value":
            _among_parameters(study, one, [name for name in wanted if name not in taken])
            taken |= one.found.keys()
    for one in proposed:
        if one.layout == "patient":
            _among_columns(study, one, {name: needed for name, needed in wanted.items() if name not in taken})
        elif one.layout == "visit":
            _among_columns(study, one, {name: wanted.get(name, False) for name in AT_VISITS})


def _among_parameters(study: Study, one: Proposed, wanted: Sequence[str]) -> None:
    candidates, possible = parameters(one.table), targets(study, "value")
    for target in (name for name in wanted if name in possible):
        of = field_of(study, target)
        match = match_of(target, of, candidates)
        # the name of an assay is no value of a record
        if match.best is not None and (of is None or of.is_covariate):
            one.found[target] = match


def _among_columns(study: Study, one: Proposed, wanted: Mapping[str, bool]) -> None:
    candidates = [Candidate(name, one.table.labels.get(name, "")) for name in one.table.columns]
    for target, needed in wanted.items():
        match = match_of(target, field_of(study, target), candidates)
        if match.best is not None or needed:
            one.found[target] = match
        elif match.others:
            one.undecided[target] = [shown(other.name) for other in match.others]


def _wanted(study: Study, has_visits: bool) -> Mapping[str, bool]:  # noqa: FBT001  the trial has tables of visits
    """Measures and the outcome, and whether a mapping must have each."""
    wanted = {field.name: field.required for field in study.contract}
    if not isinstance(study.endpoint, AcrResponse):
        return {**wanted, study.endpoint.column: True}
    parts = dict.fromkeys(parts_of(study.endpoint), True)
    later = {} if has_visits else {column_at(name, study.endpoint.week): True for name in parts}
    return {**wanted, **dict.fromkeys(AT_VISITS, False), **parts, **later}


def parameters(table: Table) -> list[Candidate]:
    """Each parameter with its description."""
    codes = table.columns["PARAMCD"]
    described = table.columns.get("PARAM", codes)
    return [Candidate(code, text) for code, text in dict(zip(codes, described, strict=True)).items() if code]


def first_of(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)
