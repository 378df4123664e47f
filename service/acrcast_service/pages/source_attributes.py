"""The source attributes of a predictive decision support intervention, each answered from the model, its card and its study.

What is said here is a key of the pages' catalogues, or has places in one: a page says it in its own language.

45 CFR 170.315(b)(11)(iv)(B), adopted by HTI-1 (89 FR 1192, 2024); each subject in our own words. What neither the model nor
its card holds is said to be for whoever deploys it: a model cannot know where it is used.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acrcast.response_model import ResponseModel
from acrcast.validation.performance import Estimate
from acrcast_service.pages.evidence_view import Evidence

FOR_WHO_DEPLOYS = "Not on the card: for whoever deploys it to say."
# Variables that the rule asks about; by the words that a field's name has.
NAMED_BY_THE_RULE = frozenset({"race", "ethnicity", "language", "orientation", "gender", "sex", "birth", "age"})


@dataclass(frozen=True, slots=True)
class Part:
    """One sentence of an answer, or one member of a list. about: label of the measure that it is said of, or empty."""

    text: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """parts: in order, none when nothing is known. is_list: whether they are a list and not sentences."""

    parts: tuple[Part, ...]
    is_list: bool = False

    @classmethod
    def of(cls, *texts: str) -> "Answer":
        return cls(tuple(Part(text) for text in texts if text))

    @classmethod
    def listing(cls, *parts: Part) -> "Answer":
        return cls(parts, is_list=True)


UNKNOWN = Answer(())
Items = tuple[tuple[str, Answer], ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """number: of its group and within it. known: whether model, card or study answer it."""

    number: str
    subject: str
    answer: Answer
    known: bool


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    attributes: tuple[Attribute, ...]


def source_attributes(model: ResponseModel, evidence: Evidence) -> tuple[Group, ...]:
    """All nine groups, 31 attributes."""
    groups = {**_what_it_is(model), **_how_it_was_made(model, evidence), **_how_it_does(model, evidence)}
    return tuple(
        Group(
            title,
            tuple(
                Attribute(
                    f"{k}.{i}", subject, answer if answer.parts else Answer.of(FOR_WHO_DEPLOYS), bool(answer.parts)
                )
                for i, (subject, answer) in enumerate(items, 1)
            ),
        )
        for k, (title, items) in enumerate(groups.items(), 1)
    )


def _what_it_is(model: ResponseModel) -> dict[str, Items]:
    study = model.study
    arms = " and ".join(arm.title for arm in study.arms)
    difference = ", their difference" if study.has_control else ""
    return {
        "Details and output": (
            ("Developer and contact", UNKNOWN),
            ("Funding of the technical implementation", UNKNOWN),
            (
                "What it puts out",
                Answer.of(
                    f"The probability of a response ({study.endpoint.title}) on {arms}{difference}, with intervals."
                ),
            ),
            (
                "Kind of output",
                Answer.of("A prediction, with what carried it, what was missing and how far to trust it."),
            ),
        ),
        "Purpose": (
            ("Intended use", Answer.of(study.intended_use)),
            ("Intended patients", Answer.of(inspect.cleandoc(study.patient.__doc__ or ""))),
            ("Intended users", Answer.of("Researchers, and clinicians who take part in research.")),
            (
                "Role in decisions",
                Answer.of("None: it informs research and neither augments nor replaces clinical judgement."),
            ),
        ),
        "Cautioned out-of-scope use": (
            (
                "What to keep from",
                Answer.of(
                    "Diagnosis, decisions on treatment, other treatments and outcomes, patients outside the training data, "
                    "other assays than those of the training data."
                ),
            ),
            ("Known risks and limits", Answer.of(*model.cautions)),
        ),
    }


def _how_it_was_made(model: ResponseModel, evidence: Evidence) -> dict[str, Items]:
    kind = "trial patients." if evidence.is_trial else "simulated patients, none of them real."
    reference = f"The trial: {model.study.reference}" if model.study.reference else ""
    trained = Answer.of(f"{evidence.patients} {kind}", reference) if evidence.patients else UNKNOWN
    named = [
        field.measure.label
        for field in model.study.contract.covariates
        if NAMED_BY_THE_RULE & set(field.name.split("_"))
    ]
    return {
        "Development and input features": (
            ("Whom the training data include", trained),
            (
                "Variables of people's groups as inputs",
                Answer.listing(*map(Part, named)) if named else Answer.of("None."),
            ),
            ("Demographic representativeness", Answer.listing(*_demography(model.evidence, named))),
            ("Relevance to where it is deployed", UNKNOWN),
        ),
        "Fairness in development": (
            ("How fairness was approached", _subgroups(model.evidence)),
            (
                "How bias is managed",
                Answer.of(
                    "One rule averages over missing values in training and use; who left the trial counts as not responding; "
                    "performance is corrected for optimism."
                ),
            ),
        ),
    }


def _how_it_does(model: ResponseModel, evidence: Evidence) -> dict[str, Items]:
    not_done = UNKNOWN if evidence.externally_validated else Answer.of("Not done.")
    figures = evidence.figures
    shown = [
        Part(f"{name} {_shown(figure)}")
        for name, figure in (("C statistic", figures.c_statistic), ("Calibration slope", figures.slope))
        if figure is not None and model.tells_patients_apart
    ]
    return {
        "External validation": (
            ("Data and setting", not_done),
            ("Who carried it out", not_done),
            ("Demographic representativeness", not_done),
            ("How it was done", not_done),
        ),
        "Measures of performance": (
            ("Validity in data like those of training", Answer.listing(*shown)),
            ("Fairness in data like those of training", _subgroups(model.evidence)),
            ("Validity in external data", not_done),
            ("Fairness in external data", not_done),
            ("Effect of its use on outcomes", Answer.of("Not studied.")),
        ),
        "Maintenance": (
            (
                "How validity is monitored",
                Answer.of("Outcomes are linked to predictions; acrcast monitor and the operator's page judge them."),
            ),
            ("Validity in local data", UNKNOWN),
            ("How fairness is monitored", UNKNOWN),
            ("Fairness in local data", UNKNOWN),
        ),
        "Updates": (
            (
                "How it is updated",
                Answer.of("A new version is judged by the gates; what it failed goes with every prediction."),
            ),
            (
                "How poor performance is corrected",
                Answer.of("By updating it on local patients, as a version with its history."),
            ),
        ),
    }


def _demography(evidence: Mapping[str, Any], labels: list[str]) -> Iterator[Part]:
    """Of all patients of the training data, by the measures of these labels."""
    for row in evidence.get("table_one", {}).get("rows", ()):
        everyone, label = row["cells"][-1], row["label"]
        if label.partition(":")[0] in labels and "count" in everyone:
            yield Part(f"{label} {everyone['count']} of {everyone['known']}")
        elif label in labels and everyone.get("median") is not None:
            low, high = everyone["quartiles"]
            yield Part(f"{label} {everyone['median']:g} {row['unit']} (quartiles {low:g} and {high:g})", label)


def _subgroups(evidence: Mapping[str, Any]) -> Answer:
    groups = list(dict.fromkeys(part["group"] for part in evidence.get("subgroups", ())))
    few = sum(part["too_few"] for part in evidence.get("subgroups", ()))
    judged = f"Judged in subgroups by {', '.join(groups)}; {few} of them too small to judge."
    return Answer.of(judged) if groups else UNKNOWN


def _shown(figure: Estimate) -> str:
    return f"{figure.value:.2f} (95 % interval {figure.low:.2f} to {figure.high:.2f})"
