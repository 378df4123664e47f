"""TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378): its 27 items, 52 with sub-items, answered from the run where it can.

Numbers are the official ones; each subject is in our own words. What only a person can answer is left to a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from acrcast_training.report.facts import Facts

By = Literal["run", "part", "person"]

SUBJECTS: Mapping[str, str] = {
    "1": "Title names a prediction model, developed or evaluated, its population and its outcome",
    "2": "Abstract with the essentials of the study",
    "3a": "Clinical setting and why a model is wanted; what models there are",
    "3b": "Target population, purpose in care, and intended users",
    "3c": "Known health inequalities between groups of people",
    "4": "Aim: development, evaluation, or both",
    "5a": "Source of the data, and whom they represent",
    "5b": "Dates: start and end of enrolment and of follow-up",
    "6a": "Setting, number and place of centres",
    "6b": "Who was eligible",
    "6c": "Treatments received, and how they enter the analysis",
    "7": "Preparation and quality checks of the data, alike across groups of people or not",
    "8a": "Outcome, its time, how and why so measured, alike across groups of people or not",
    "8b": "Who judged a subjective outcome: training and background",
    "8c": "Blinding of the outcome's assessment",
    "9a": "Choice of the predictors, and any selection before modelling",
    "9b": "Definition of each predictor, how and when measured, and blinding",
    "9c": "Who judged subjective predictors: training and background",
    "10": "How the sample size was arrived at; is it enough",
    "11": "Missing data: how handled; why any data were left out",
    "12a": "How the data were used for development and evaluation",
    "12b": "How predictors enter: scale, functional form",
    "12c": "Type of model, every step of building it, tuning, internal validation",
    "12d": "Differences between clusters: centres, countries",
    "12e": "Measures and plots of performance, and why these",
    "12f": "Updating of the model after evaluation",
    "12g": "How predictions are calculated for evaluation",
    "13": "Class imbalance: whether and how it was handled",
    "14": "Fairness: what was done about it",
    "15": "What the model gives out, and how any classes were chosen",
    "16": "Differences between development and evaluation data",
    "17": "Ethical approval and consent",
    "18a": "Funding",
    "18b": "Conflicts of interest",
    "18c": "Where the protocol is",
    "18d": "Registration of the study",
    "18e": "Availability of the data",
    "18f": "Availability of the code",
    "19": "Involvement of patients and the public",
    "20a": "Flow of patients, with and without the outcome",
    "20b": "Characteristics of the patients, and what is missing",
    "20c": "Comparison of evaluation with development data",
    "21": "Patients and outcome events in each analysis",
    "22": "The full model, so that others can predict with it; limits to access or reuse",
    "23a": "Performance with intervals, in key subgroups too",
    "23b": "Differences of performance between clusters",
    "24": "Results of any updating",
    "25": "Interpretation, fairness included, in context of other studies",
    "26": "Limitations",
    "27a": "How a poor or missing input is recognised and handled in use",
    "27b": "What users must do and know to use it",
    "27c": "Next steps in research: where else the model would hold",
}


@dataclass(frozen=True, slots=True)
class Item:
    """by: who answers: the run, the run in part, or a person alone."""

    number: str
    subject: str
    by: By
    answer: str


def tripod(facts: Facts) -> tuple[Item, ...]:
    """All 52 in the official order."""
    answers = _before_results(facts) | _results(facts)
    return tuple(
        Item(number, subject, *answers.get(number, ("person", "For a person to answer.")))
        for number, subject in SUBJECTS.items()
    )


def _before_results(facts: Facts) -> dict[str, tuple[By, str]]:
    study, card, manifest = facts.model.study, facts.model.card, facts.manifest
    data, evidence = card["training_data"], facts.evidence
    named = facts.labels(study.small_set) or "none"
    arms = " against ".join(arm.title for arm in reversed(study.arms))
    return {
        "1": ("part", f"The study's title: {study.title}. The title of a publication is for a person."),
        "3b": ("part", f"{study.intended_use} Place in care and intended users are for a person."),
        "4": ("run", "Development with internal validation. No external evaluation was part of this run."),
        "5a": (
            "part",
            f"{data['kind'].capitalize()} data, fingerprint {data['fingerprint'][:12]}. Whom they represent is for a person.",
        ),
        "6c": ("part", f"{arms}; the arm as assigned is in the analysis. Other treatment is for a person."),
        "7": (
            "run",
            (
                f"Ranges, units, arms, doubles and consistency were checked before training; accepted problems: {facts.accepted}. "
                "Not compared between sociodemographic groups."
            ),
        ),
        "8a": (
            "part",
            f"{study.endpoint.title}; not assessed counts as no response. Why this outcome is for a person.",
        ),
        "9a": ("run", f"Every covariate of the study, none by its association with the outcome. Beforehand: {named}."),
        "9b": ("part", "Label, unit and range of each are in the study's contract; how measured is for a person."),
        "10": ("run", card["sample_size"]["verdict"]),
        "11": ("run", facts.missing_rule),
        "12a": (
            "run",
            (
                f"All {data['patients']} patients are used for development; {card['validation']['choice']} chooses, "
                f"{evidence['resamples']} bootstrap resamples correct for optimism, nested cross-validation judges the procedure."
            ),
        ),
        "12b": (
            "run",
            "Linear on each measure's own scale (as measured, logarithm or square root, see 22), standardised.",
        ),
        "12c": (
            "run",
            (
                f"Candidates: {', '.join(card['validation']['candidates'])}; the simplest within one standard error of the best "
                "by log loss. Tuning is inside every resample."
            ),
        ),
        "12d": ("run", "Not analysed: the data name no centres or other clusters."),
        "12e": (
            "run",
            "Log loss, Brier score, C statistic, calibration slope, intercept and curve, net benefit, instability"
            + (", benefit" if study.has_control else "")
            + "; no significance test of fit, no accuracy at a cut-off.",
        ),
        "12f": ("run", "There was none: no external evaluation to update after."),
        "12g": ("run", "By the procedure fitted without the patient, with the same rule for missing inputs as in use."),
        "13": ("run", "No rebalancing: it would spoil calibration."),
        "14": (
            "part",
            "Subgroups are shown with their n; no fairness criterion was optimised. What is fair is for a person.",
        ),
        "15": (
            "run",
            f"Probabilities with 95 % intervals{', and their difference' if study.has_control else ''}; no classes.",
        ),
        "16": ("run", "There are none: evaluation is on resamples of the same patients."),
        "18f": ("part", f"Code revision {manifest.code_revision}. Where it can be had is for a person."),
    }


def _results(facts: Facts) -> dict[str, tuple[By, str]]:
    card = facts.model.card
    data = card["training_data"]
    flow = data["flow"]
    responders = sum(arm["responders"] for arm in flow)
    enough = [part for part in facts.evidence["subgroups"] if not part["too_few"]]
    return {
        "20a": (
            "run",
            (
                f"{sum(arm['randomised'] for arm in flow)} patients, {sum(arm['assessed'] for arm in flow)} assessed, "
                f"{responders} responders; see Patients."
            ),
        ),
        "20b": ("part", "Baseline by arm with what is missing: see Patients. Dates are for a person."),
        "20c": ("run", "There are none: evaluation is on resamples of the same patients."),
        "21": ("run", f"{data['patients']} patients with {responders} responders in every analysis but per protocol."),
        "22": ("run", f"See The model; the artefact {facts.manifest.name} {facts.manifest.version} predicts."),
        "23a": (
            "run",
            f"See How well it predicts; {len(enough)} of {len(facts.evidence['subgroups'])} subgroups were large enough to judge.",
        ),
        "23b": ("run", "Not analysed: the data name no centres or other clusters."),
        "24": ("run", "There was none."),
        "25": ("part", f"{facts.verdict} What it means beside other studies is for a person."),
        "26": ("part", f"{' '.join(card['cautions'])} Limits of the trial itself are for a person."),
        "27a": ("run", facts.missing_rule),
        "27b": ("part", "One patient's baseline by form, HTTP or file; what users must know is for a person."),
        "27c": ("part", "External validation in new patients comes first. Further steps are for a person."),
    }
