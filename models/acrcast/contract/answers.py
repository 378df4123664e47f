"""How record systems say the answer to a question that is no number: codes for `Measure.answers`.

LOINC answer lists LL1 and LL2201, SNOMED CT, and the code systems of HL7, as profiles of FHIR R4 use them (US Core and
International Patient Summary for smoking). A code that could mean either is `NO_ANSWER`.
"""

from collections.abc import Mapping

from acrcast.contract.measure import NO_ANSWER, Code, loinc, snomed

GENDER = "http://hl7.org/fhir/administrative-gender"
V3_GENDER = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

Answers = Mapping[str, tuple[Code, ...]]

FEMALE_OR_MALE: Answers = {
    "female": (Code(GENDER, "female"), Code(V3_GENDER, "F"), *loinc("LA3-6")),
    "male": (Code(GENDER, "male"), Code(V3_GENDER, "M"), *loinc("LA2-8")),
    NO_ANSWER: (Code(GENDER, "other"), Code(GENDER, "unknown"), Code(V3_GENDER, "UN"), *loinc("LA4489-6")),
}

# Of a laboratory's test with a threshold of its own: above it is positive, whatever the number.
POSITIVE_OR_NEGATIVE: Answers = {
    "true": (
        *loinc("LA6576-8"),
        *snomed("10828004"),
        *(Code(INTERPRETATION, code) for code in ("POS", "H", "HH", "HU")),
    ),
    "false": (*loinc("LA6577-6"), *snomed("260385009"), *(Code(INTERPRETATION, code) for code in ("NEG", "N"))),
    NO_ANSWER: (*loinc("LA11884-6"), *(Code(INTERPRETATION, code) for code in ("IND", "E"))),
}

SMOKES: Answers = {
    "true": (
        # every day, some days, heavily, lightly
        *loinc("LA18976-3", "LA18977-1", "LA18981-3", "LA18982-1"),
        *snomed("449868002", "428041000124106", "428071000124103", "428061000124105"),
    ),
    "false": (*loinc("LA15920-4", "LA18978-9"), *snomed("8517006", "266919005")),
    # a smoker of whom it is not known whether they still smoke, and unknown if ever
    NO_ANSWER: (*loinc("LA18979-7", "LA18980-5"), *snomed("77176002", "266927001")),
}
