"""The card of the model that ships, as a page in the order of Model Facts (Sendak et al. 2020, npj Digit Med 3:41).

Every figure and sentence about the model is read from its artefact; only what holds of any model of acrcast is written here.
"""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any

from acrcast.artefact import Manifest
from acrcast.response_model import ResponseModel
from docs.markdown_table import table

FIGURES = {
    "gain_over_prevalence": ("Gain in log loss over quoting the arm's rate", 3, "above 0 is better"),
    "c_statistic": ("C statistic, among patients of one arm", 2, "0.5 is chance, 1 is perfect"),
    "calibration_slope": ("Calibration slope", 2, "1 is ideal; below, risks are too extreme"),
    "calibration_intercept": ("Calibration intercept (offset form)", 2, "0 is ideal"),
    "log_loss": ("Log loss", 3, "lower is better"),
    "brier": ("Brier score", 3, "lower is better"),
}
DIRECT = (
    "Show it to somebody who can weigh it, with its interval, its cautions and what it was trained on; never the number alone.",
    "Let it inform a conversation or a study in silent mode; let it decide nothing.",
    "Before anybody relies on it: evaluate it on your own patients (`acrcast evaluate`), and let those who will use it read this.",
)
INAPPROPRIATE = (
    "To choose, withhold or stop a treatment.",
    "For patients unlike those above; each answer says whether a patient is inside the training data.",
    "With other assays than those named; the scale of a biomarker shifts with the assay.",
    "To read causes from contributions: what moves the prediction is not what would change the outcome.",
)


def as_page(model: ResponseModel, manifest: Manifest) -> str:
    """The card as Markdown, from the heading of its second level on."""
    sections: Sequence[tuple[str, Iterator[str]]] = (
        ("Name", _name(model, manifest)),
        ("Summary", _summary(model)),
        ("Mechanism", _mechanism(model, manifest)),
        ("Validation and performance", _validation(model.card)),
        ("Uses and directions", _listed(DIRECT)),
        ("Warnings", _warnings(model)),
        ("Other information", _other(manifest)),
    )
    return "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections)


def _name(model: ResponseModel, manifest: Manifest) -> Iterator[str]:
    yield f"`{manifest.name}`, version `{manifest.version}`: {model.study.title}."
    yield f"Made {manifest.created} at revision `{manifest.code_revision[:12]}`."


def _summary(model: ResponseModel) -> Iterator[str]:
    card = model.card
    arms = " and ".join(card["arms"].values())
    yield _prose(
        f"Predicts {card['endpoint']} from baseline, for {arms}. {card['intended_use']} "
        f"Trained on **{card['training_data']['kind']}** patients. {_sentence(card['verdict'])}"
    )


def _mechanism(model: ResponseModel, manifest: Manifest) -> Iterator[str]:
    card, study = model.card, model.study
    training = card["training_data"]
    required = [field.measure.label for field in study.contract if field.required]
    assays = "; ".join(f"{study.contract[name].measure.label}: {assay}" for name, assay in manifest.assays.items())
    facts = {
        "Outcome": card["endpoint"],
        "Output": f"Probability in each arm, their difference, an interval of each. The interval is of {card['interval_is_of']}",
        "Time of prediction": "Before the first dose",
        "Input": f"{len(study.contract.covariates)} measures ([fields](fields.md)); required: {', '.join(required)}",
        "Assays": assays,
        "Input that is missing": "Averaged over, given what is known; the interval widens",
        "Type of model": f"`{model.candidate}`; the estimate conditions on {model.estimate_conditions_on}",
        "Assumptions": " ".join(card["assumptions"]),
        "Training data": f"{training['kind']}, {training['patients']} patients; {training['analysis']}",
        "Effect modifiers named beforehand": ", ".join(study.contract[n].measure.label for n in study.effect_modifiers),
    }
    yield from _table(("What", "Of this model"), [(name, text) for name, text in facts.items() if text])
    yield ""
    header = ("Arm", "Patients", "Assessed", "Responders, all", "Responders, assessed")
    yield from _table(header, [_arm(card["arms"][arm["arm"]], arm) for arm in training["flow"]])


def _arm(title: str, arm: Mapping[str, Any]) -> Sequence[str]:
    randomised, assessed = arm["randomised"], arm["assessed"]
    return (
        title,
        str(randomised),
        str(assessed),
        f"{arm['responders']} ({100 * arm['responders'] / randomised:.1f} %)",
        f"{arm['responders_per_protocol']} ({100 * arm['responders_per_protocol'] / assessed:.1f} %)",
    )


def _validation(card: Mapping[str, Any]) -> Iterator[str]:
    validation = card["validation"]
    external = "Externally validated." if validation["externally_validated"] else "**Not externally validated.**"
    nested, alone = validation["procedure"], validation["optimism"]
    yield _prose(
        f"{external} What is to be expected in new patients, by {nested['method']} (95 % intervals). Beside it the served "
        f"candidate by itself, by {alone['method']} ({alone['resamples']} resamples, {alone['failed']} failed)."
    )
    yield ""
    rows = [
        (title, _figure(nested["figures"].get(name), places), _figure(alone["figures"].get(name), places), reading)
        for name, (title, places, reading) in FIGURES.items()
    ]
    yield from _table(("Figure", "To be expected", "By itself, corrected", "How to read it"), rows)
    yield ""
    yield f"Sample size: {card['sample_size']['verdict']}"


def _figure(found: Mapping[str, Any] | None, places: int) -> str:
    if found is None:
        return "-"
    # adding 0 leaves one zero of -0.0 and 0.0
    value, *ends = (
        f"{round(number, places) + 0.0:.{places}f}" for number in (found["value"], *found.get("interval", ()))
    )
    return f"{value} ({' to '.join(ends)})" if ends else value


def _warnings(model: ResponseModel) -> Iterator[str]:
    if model.identity.training_data == "simulated":
        yield "- **Trained on simulated patients: the numbers show the method, not the treatment.**"
    yield from (f"- {caution}" for caution in model.card["cautions"])
    yield "\nNot to be used:\n"
    yield from _listed(INAPPROPRIATE)


def _other(manifest: Manifest) -> Iterator[str]:
    yield f"- Training data by fingerprint: `{manifest.data_fingerprint[:12]}…`, the whole of it in `GET /model/card`."
    yield "- A served model's own card: `GET /model/card`. Its report: `acrcast report`."
    yield "- How it is judged before it serves: [gates](gates.md). How it was computed: [statistics](statistics.md)."
    yield "- The simulated patients: [the simulator](simulator.md)."


def _listed(sentences: Sequence[str]) -> Iterator[str]:
    return (f"- {sentence}" for sentence in sentences)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield table(header, rows).rstrip()


def _prose(text: str) -> str:
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
