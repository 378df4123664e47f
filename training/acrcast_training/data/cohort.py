"""The patients of a trial with their baseline and outcome: what is fitted and validated on."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acrcast.arrays import Bools, Integers
from acrcast.contract import Covariates
from acrcast.errors import DataError, Problem, UsageError
from acrcast.studies import AcrResponse, OutcomeColumn, Study
from acrcast_training.data.checks import ACCEPTABLE, DataKind, is_note
from acrcast_training.data.findings import LIMIT, Finding, Findings, listed, total
from acrcast_training.data.mapping.reading import PATIENTS, VISITS, Given, read_mapped, read_or_tell
from acrcast_training.data.table import R_MISSING
from acrcast_training.data.trial_files import read_trial

# Of patients whose fingerprint is taken.
ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """n patients of one study, in the order of their file.

    patient_ids: (n,) of NumPy's StringDType when they come from files: so a long one takes its room alone.
    treated: (n,); all True in a one-arm study.
    responded: (n,) the primary outcome, by intention to treat: not assessed is no response.
    assessed: (n,) the endpoint was observed; these are the per-protocol set.
    mapping: SHA-256 of the mapping by which the files were read, None without one. It is no part of the fingerprint.
    """

    study: Study
    patient_ids: npt.NDArray[Any]
    treated: Bools
    covariates: Covariates
    responded: Bools
    assessed: Bools
    data_kind: DataKind
    mapping: str | None = None

    def __len__(self) -> int:
        return len(self.patient_ids)

    def rows(self, index: npt.NDArray[Any] | slice) -> "Cohort":
        """The patients at `index`, a mask or positions, in its order; a position may repeat."""
        return replace(
            self,
            patient_ids=self.patient_ids[index],
            treated=self.treated[index],
            covariates=self.covariates.rows(index),
            responded=self.responded[index],
            assessed=self.assessed[index],
        )

    @classmethod
    def joined(cls, parts: "Sequence[Cohort]") -> "Cohort":
        """Patients of several cohorts of one study, in their order.

        parts: at least one. Raises UsageError when some are of a trial and others simulated, DataError when a patient occurs
        in two of them.
        """
        first = parts[0]
        if len({part.data_kind for part in parts}) > 1:
            raise UsageError("trial and simulated patients are not to be mixed: give files of one kind")
        ids = np.concatenate([part.patient_ids for part in parts])
        if twice := len(ids) - len(np.unique(ids)):
            said = f"expected each patient in one file; {twice} occur in two, by their patient_id"
            raise DataError([Problem("patient_id", said, code="DATA020")])
        return replace(
            first,
            patient_ids=ids,
            treated=np.concatenate([part.treated for part in parts]),
            covariates=Covariates.joined([part.covariates for part in parts]),
            responded=np.concatenate([part.responded for part in parts]),
            assessed=np.concatenate([part.assessed for part in parts]),
        )

    def per_protocol(self) -> "Cohort":
        """The patients whose endpoint was observed."""
        return self.rows(self.assessed)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what a model can learn from: fields, patients, arms, baseline, outcome and kind of data.

        It does not depend on the order of the rows or columns, on the format of the file, or on how a number was written.
        """
        order = np.argsort(self.patient_ids, kind="stable")
        blocks = [order[first : first + ROWS_AT_ONCE] for first in range(0, len(order), ROWS_AT_ONCE)]
        digest = hashlib.sha256()
        for piece in self._named(blocks):
            digest.update(piece.encode())
        for array in (self.treated, self.responded, self.assessed, self.covariates.below):
            for rows in blocks:
                digest.update(array[rows].astype("u1").tobytes())
        for rows in blocks:
            # adding 0 makes one zero of -0.0 and 0.0; a missing value has one bit pattern of many
            values = self.covariates.values[rows] + 0.0
            values[np.isnan(values)] = np.nan
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()

    def _named(self, blocks: Sequence[Integers]) -> Iterator[str]:
        """What the fingerprint has in words, as one JSON object with its names in order, piece by piece. blocks: of the patients."""

        def listed(texts: npt.NDArray[Any]) -> Iterator[str]:
            yield "["
            for i, rows in enumerate(blocks):
                yield (", " if i else "") + json.dumps(texts[rows].tolist())[1:-1]
            yield "]"

        yield '{"assays": {'
        for i, (name, names) in enumerate(sorted(self.covariates.assays.items())):
            yield f"{', ' if i else ''}{json.dumps(name)}: "
            yield from listed(names)
        fields = [[field.name, field.kind, field.levels] for field in self.covariates.contract]
        yield f'}}, "data_kind": {json.dumps(self.data_kind)}, "fields": {json.dumps(fields)}, '
        yield '"form": "acrcast cohort 1", "patients": '
        yield from listed(self.patient_ids)
        yield "}"


@dataclass(frozen=True, slots=True)
class ArmFlow:
    """How many patients of an arm were randomised, assessed, and responded.

    responders: by intention to treat, of those randomised. responders_per_protocol: of those assessed.
    """

    arm: str
    title: str
    randomised: int
    assessed: int
    responders: int
    responders_per_protocol: int


def flow(cohort: Cohort) -> tuple[ArmFlow, ...]:
    """Patients of each arm in the study's order."""
    flows = []
    for arm in cohort.study.arms:
        members = cohort.treated == (arm.key == cohort.study.treated.key)
        flows.append(
            ArmFlow(
                arm.key,
                arm.title,
                randomised=int(np.sum(members)),
                assessed=int(np.sum(members & cohort.assessed)),
                responders=int(np.sum(members & cohort.responded)),
                responders_per_protocol=int(np.sum(members & cohort.responded & cohort.assessed)),
            )
        )
    return tuple(flows)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What the checks say of a trial's files.

    problems, notes: up to the limit, out of `problem_count` and `note_count`. A problem stops training, a note does not.
    accepted: problems that the user accepted, code to how many there are.
    patients: rows of the patients' table. cohort: None when there is a problem, or no outcome was given to check.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    problem_count: int
    note_count: int
    accepted: Mapping[str, int]
    patients: int
    cohort: Cohort | None

    @property
    def flow(self) -> tuple[ArmFlow, ...]:
        """Patients by arm; empty without a cohort."""
        return flow(self.cohort) if self.cohort is not None else ()

    def require_cohort(self) -> Cohort:
        """The cohort. Raises DataError with the problems, UsageError when visits were not given."""
        if self.problem_count:
            raise DataError(self.problems, _summary(self))
        if self.cohort is None:
            raise UsageError("the outcome comes from visits: give --visits, or both in one --table")
        return self.cohort


def load_cohort(
    study: Study,
    *,
    baseline: Path | None = None,
    visits: Path | Sequence[Path] | None = None,
    table: Path | None = None,
    mapping: Path | None = None,
    accept: Collection[str] = (),
    limit: int = LIMIT,
) -> Cohort:
    """The cohort of a trial's files: `baseline` with `visits`, or one `table`, a row a patient.

    Raises DataError with everything that is wrong in them, up to `limit` problems; see `check`.
    """
    return check(
        study, baseline=baseline, visits=visits, table=table, mapping=mapping, accept=accept, limit=limit
    ).require_cohort()


def check(
    study: Study,
    *,
    baseline: Path | None = None,
    visits: Path | Sequence[Path] | None = None,
    table: Path | None = None,
    mapping: Path | None = None,
    accept: Collection[str] = (),
    limit: int = LIMIT,
) -> Report:
    """Everything that is wrong with a trial's files, and the cohort when nothing is.

    visits: several only with a mapping. mapping: how the files become the study's tables; without it they are those.
    accept: codes of problems that the user has looked into and takes as they are; only some can be.

    Raises UsageError when the files or codes make no sense together, never because of what a file holds.
    """
    of_visits = [visits] if isinstance(visits, Path) else [*(visits or ())]
    _refuse_misuse(study, baseline, of_visits, table, accept, mapping)
    findings = Findings()
    of_patients, digest = [path for path in (table, baseline) if path is not None], None
    if mapping is not None:
        given = (Given(of_patients, PATIENTS), Given(of_visits, VISITS))
        mapped, digest = read_mapped(study, mapping, given, findings)
        patients_table, visits_table = (mapped.patients, mapped.visits) if mapped is not None else (None, None)
    else:
        patients_table, visits_table = (
            next((read_or_tell(path, None, findings) for path in paths), None) for paths in (of_patients, of_visits)
        )
    if patients_table is None or (of_visits and visits_table is None):
        return _report(findings, accept, limit, 0, None)
    trial = read_trial(study, patients_table, visits_table, one_table=table is not None, findings=findings)
    cohort = None
    if trial.outcome is not None and not _problems(findings, accept):
        cohort = Cohort(
            study=study,
            patient_ids=trial.patient_ids,
            treated=trial.treated,
            covariates=trial.covariates,
            responded=trial.outcome.responded,
            assessed=trial.outcome.assessed,
            data_kind=trial.data_kind,
            mapping=digest,
        )
    return _report(findings, accept, limit, len(patients_table), cohort)


def _refuse_misuse(
    study: Study,
    baseline: Path | None,
    visits: Sequence[Path],
    table: Path | None,
    accept: Collection[str],
    mapping: Path | None,
) -> None:
    if (table is None) == (baseline is None) or (table is not None and visits):
        raise UsageError("give --baseline, with --visits for the outcome, or --table alone")
    if visits and mapping is None and not isinstance(study.endpoint, AcrResponse):
        raise UsageError(f"study {study.key}: its outcome is a column of the table, --visits has no use")
    if len(visits) > 1 and mapping is None:
        raise UsageError("several --visits need a --map that says how they belong together: acrcast map proposes one")
    if refused := sorted(set(accept) - ACCEPTABLE):
        raise UsageError(f"{', '.join(refused)} cannot be accepted; only {', '.join(sorted(ACCEPTABLE))} can")
    named = {arm.key for arm in study.arms} | {level for field in study.contract for level in field.levels}
    if isinstance(study.endpoint, OutcomeColumn):
        named |= study.endpoint.responder | study.endpoint.others
    if named & {"", R_MISSING}:
        raise UsageError(f"study {study.key}: {R_MISSING} and an empty cell mean missing; name the category otherwise")


def _problems(findings: Findings, accept: Collection[str]) -> list[Finding]:
    return [finding for finding in findings if not is_note(finding.code) and finding.code not in accept]


def _report(findings: Findings, accept: Collection[str], limit: int, patients: int, cohort: Cohort | None) -> Report:
    problems = _problems(findings, accept)
    notes = [finding for finding in findings if is_note(finding.code)]
    accepted = [finding for finding in findings if finding.code in accept]
    return Report(
        problems=listed(problems, limit),
        notes=listed(notes, limit),
        problem_count=total(problems),
        note_count=total(notes),
        accepted={code: total([f for f in accepted if f.code == code]) for code in sorted({f.code for f in accepted})},
        patients=patients,
        cohort=cohort,
    )


def _summary(report: Report) -> str:
    lines = [f"the trial data have {report.problem_count} problem{'s' if report.problem_count > 1 else ''}:"]
    lines += [f"  {problem.code}  {problem}" for problem in report.problems]
    if (more := report.problem_count - len(report.problems)) > 0:
        lines.append(f"  and {more} more")
    return "\n".join(lines)
