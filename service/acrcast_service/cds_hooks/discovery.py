"""Which services a study has for a record system, and what each asks it to send: all from the study's contract."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from acrcast.contract import Code, Measure
from acrcast.studies import Study

PATIENT = "{{context.patientId}}"
# CDS Hooks 2.0, section Discovery: which edition of the specification is spoken.
EDITION = "STU2"
# Asked for in one answer; a record system may send them in several.
COUNT = 100

PATIENT_VIEW, ORDER_SELECT = "patient-view", "order-select"


@dataclass(frozen=True, slots=True)
class CdsService:
    """One service as it is announced.

    hook: when it is to be called. id: the end of its address. title, description: for people. version: of the specification.
    usageRequirements: what it needs of the record. prefetch: FHIR queries by key; `{{context.patientId}}` stands in them for the patient.
    """

    hook: str
    id: str
    title: str
    description: str
    version: str
    usageRequirements: str  # noqa: N815  the specification's own name
    prefetch: dict[str, str]


@dataclass(frozen=True, slots=True)
class CdsServices:
    """Which services there are.

    services: none for a study that a record cannot be read for.
    """

    services: tuple[CdsService, ...]


def services_of(study: Study, since: date) -> tuple[CdsService, ...]:
    """None unless the study names its diagnosis, and every required measure is held by records at a known place.

    order-select is for a study whose treated arm names its drug. since: the first day from which values are used.
    """
    if study.diagnosis is None or not all(_is_held(field.measure) for field in study.contract if field.required):
        return ()
    return tuple(_services(study, queries(study, since)))


def queries(study: Study, since: date) -> dict[str, str]:
    """By key, what is asked of the record: who, which values since a day, which diagnoses, which drugs are taken.

    Only what every server can search by is used (CDS Hooks 2.0, Prefetch query restrictions).
    """
    # what the Patient or a Condition says is not looked for among the Observations
    observed = (field.measure for field in study.contract if field.measure.held_in is None)
    codes = ",".join(_token(code) for measure in observed for code in measure.codes)
    newest = f"_sort=-date&_count={COUNT}"
    return {
        "patient": f"Patient/{PATIENT}",
        "observations": f"Observation?patient={PATIENT}&code={codes}&date=ge{since.isoformat()}&{newest}",
        "conditions": f"Condition?patient={PATIENT}&_count={COUNT}",
        "medications": f"MedicationRequest?patient={PATIENT}&status=active&_include=MedicationRequest:medication",
    }


def _services(study: Study, asked: dict[str, str]) -> Iterator[CdsService]:
    diagnosis = study.diagnosis
    assert diagnosis is not None  # noqa: S101  services_of asks
    predicts = f"Predicts {study.endpoint.title} for a patient with {diagnosis.title}"
    arms = " and ".join(arm.title for arm in sorted(study.arms, key=lambda arm: arm.key == study.control))
    needed = ", ".join(field.measure.label for field in study.contract if field.required)
    needs = f"Needs FHIR R4, and of the patient at least: {needed}. {study.intended_use}"
    yield CdsService(
        hook=PATIENT_VIEW,
        id=f"{study.key}-{PATIENT_VIEW}",
        title=study.title,
        description=f"{predicts}, on {arms}, from what the record holds. {study.intended_use}",
        version=EDITION,
        usageRequirements=needs,
        prefetch=asked,
    )
    if study.treated.drug:
        yield CdsService(
            hook=ORDER_SELECT,
            id=f"{study.key}-{ORDER_SELECT}",
            title=f"{study.title}: when it is ordered",
            description=f"{predicts}, when the drug of this arm is selected: {study.treated.title}. {study.intended_use}",
            version=EDITION,
            usageRequirements=needs,
            prefetch=asked,
        )


def _is_held(measure: Measure) -> bool:
    """Whether a record can have it at a place that is known."""
    return bool(measure.codes or measure.held_in or measure.dose_of)


def _token(code: Code) -> str:
    return f"{code.system}|{code.code}"
