"""The report's tables as text: headings, rows, and what a reader should know of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast_training.report.facts import Facts

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# Keeps what is in brackets on one line.
TIED = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of each row heads it. marked: position of the row that stands out."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None


def shown(value: float | None, decimals: int = 2, sign: str = "") -> str:
    if value is None:
        return NOTHING
    text = f"{value:{sign}.{decimals}f}"
    nothing = float(text) == 0
    return text.lstrip("-+") if nothing else text.replace("-", MINUS)


def with_interval(
    value: float | None, low: float | None = None, high: float | None = None, decimals: int = 2, sign: str = ""
) -> str:
    """`0.68 (0.62 to 0.74)`; the value alone where there is no interval."""
    if value is None or low is None or high is None:
        return shown(value, decimals, sign)
    return f"{shown(value, decimals, sign)} ({shown(low, decimals, sign)}{TIED}to{TIED}{shown(high, decimals, sign)})"


def three(found: Sequence[float | None], decimals: int = 2, sign: str = "") -> str:
    """Value, low and high, as the evidence holds them."""
    value, low, high = found
    return with_interval(value, low, high, decimals, sign)


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f}{TIED}%)" if whole else "0 of 0"


def flow(facts: Facts) -> Table:
    titles = facts.card["arms"]
    return Table(
        "Patients and responders by arm",
        (
            "Arm",
            "Randomised" if facts.model.study.has_control else "Enrolled",
            "Assessed",
            "Responders, intention to treat (primary)",
            "Responders, per protocol",
        ),
        tuple(
            (
                titles[arm["arm"]],
                str(arm["randomised"]),
                str(arm["assessed"]),
                share(arm["responders"], arm["randomised"]),
                share(arm["responders_per_protocol"], arm["assessed"]),
            )
            for arm in facts.card["training_data"]["flow"]
        ),
    )


def baseline(facts: Facts) -> Table:
    found = facts.evidence["table_one"]
    headings = tuple(f"{column['title']} (n = {column['patients']})" for column in found["columns"])
    rows = []
    for row in found["rows"]:
        label = row["label"] + (f", {row['unit']}" if row["unit"] else "")
        rows.append((label, *(_baseline_cell(cell) for cell in row["cells"])))
    return Table(
        "Baseline: median (quartiles) or number (share) of those known; missing", ("Measure", *headings), tuple(rows)
    )


def _baseline_cell(cell: Mapping[str, Any]) -> str:
    if cell["known"] == 0:
        return f"none known; {cell['missing']} missing"
    if "count" in cell:
        text = f"{cell['count']} ({100 * cell['count'] / cell['known']:.0f}{TIED}%)"
    else:
        low, high = cell["quartiles"]
        text = f"{cell['median']:g} ({low:g}{TIED}to{TIED}{high:g})"
        if cell["below_limit"]:
            text += f"; {cell['below_limit']} below the limit of detection"
    return text + (f"; {cell['missing']} missing" if cell["missing"] else "")


def candidates(facts: Facts) -> Table:
    found = facts.card["validation"]["candidates"]
    names = list(found)
    rows = []
    for name in names:
        figures, judged = found[name], name != "prevalence"
        rows.append(
            (
                name,
                shown(figures["log_loss"]["value"], 3),
                of_card(figures["gain_over_prevalence"], 3, "+") if judged else "reference",
                shown(figures["brier"], 3),
                of_card(figures.get("c_statistic")) if judged else NOTHING,
                of_card(figures.get("calibration_slope")) if judged else NOTHING,
                of_card(figures.get("calibration_intercept")) if judged else NOTHING,
            )
        )
    return Table(
        f"Candidates on patients they were not fitted to: {facts.card['validation']['choice']}, 95 % intervals",
        (
            "Candidate",
            "Log loss",
            "Gain over response rate",
            "Brier score",
            "C statistic",
            "Calibration slope",
            "Calibration intercept (offset form)",
        ),
        tuple(rows),
        names.index(facts.model.candidate),
    )


def of_card(found: Mapping[str, Any] | None, decimals: int = 2, sign: str = "") -> str:
    """A figure as the card holds it."""
    if found is None:
        return NOTHING
    low, high = found.get("interval", (None, None))
    return with_interval(found["value"], low, high, decimals, sign)


FIGURES = (
    ("gain_over_prevalence", "Gain over response rate", 3, "0; above is better"),
    ("log_loss", "Log loss", 3, "lower is better"),
    ("brier", "Brier score", 3, "lower is better"),
    ("c_statistic", "C statistic", 2, "0.5 is chance, 1 is perfect"),
    ("calibration_slope", "Calibration slope", 2, "1; below is too extreme"),
    ("calibration_intercept", "Calibration intercept (offset form)", 2, "0; below is too high"),
)


def performance(facts: Facts) -> Table:
    kept = {"log_loss", "brier"} if not facts.individual else {name for name, *_ in FIGURES}
    beside = facts.evidence["point632plus"]
    rows = []
    for name, label, decimals, ideal in FIGURES:
        found = facts.corrected.get(name)
        if found is None or name not in kept:
            continue
        rows.append(
            (
                label,
                of_card(facts.expected.get(name), decimals),
                of_card(found, decimals),
                shown(found["apparent"], decimals),
                shown(found["optimism"], decimals, "+"),
                three(beside[name], decimals) if name in beside else NOTHING,
                ideal,
            )
        )
    method = facts.card["validation"]["optimism"]
    return Table(
        f"With the choice inside by nested cross-validation; the served candidate by itself by {method['resamples']} "
        f"bootstrap resamples ({method['failed']} failed); 95 % intervals",
        (
            "Figure",
            "To be expected",
            "By itself, corrected",
            "Apparent",
            "Optimism",
            ".632+ beside it",
            "To be compared with",
        ),
        tuple(rows),
    )


def net_benefit_gain(facts: Facts) -> Table:
    found = facts.evidence["net_benefit"]["gain"]
    ends = zip(found["threshold"], found["value"], found["low"], found["high"], strict=True)
    return Table(
        "Net benefit over the better of treating everyone and no one, for patients not fitted to, 95 % intervals",
        ("Threshold", "Gain in net benefit"),
        tuple((shown(t), with_interval(value, low, high, 3, "+")) for t, value, low, high in ends),
    )


def per_protocol(facts: Facts) -> Table:
    everyone = facts.evidence["everyone"]
    assessed = facts.evidence["assessed_only"]
    return Table(
        "Intention to treat, and the same predictions judged among the assessed alone",
        ("Analysis", *_group_headings(facts)),
        (
            ("All patients, not assessed = no response (primary)", *_group_cells(everyone, facts)),
            ("Assessed patients only (sensitivity)", *_group_cells(assessed, facts)),
        ),
    )


def subgroups(facts: Facts) -> Table:
    return Table(
        "Subgroups: predictions for patients who were not fitted to, 95 % intervals",
        ("Subgroup", *_group_headings(facts)),
        tuple(
            (f"{part['group']}: {part['subgroup']}", *_group_cells(part, facts)) for part in facts.evidence["subgroups"]
        ),
    )


def _group_headings(facts: Facts) -> tuple[str, ...]:
    more = ("C statistic", "Calibration slope") if facts.evidence["individual"] else ()
    return ("Responders", "Mean predicted", "Observed over expected", *more)


def _group_cells(part: Mapping[str, Any], facts: Facts) -> tuple[str, ...]:
    counted = share(part["responders"], part["patients"])
    blank = 1 + 2 * facts.evidence["individual"]
    if part["too_few"]:
        return (counted, "too few to judge", *[NOTHING] * blank)
    more: tuple[str, ...] = ()
    if "c_statistic" in part:
        more = (three(part["c_statistic"]), three(part["calibration_slope"]))
    observed = three(part["observed_over_expected"])
    return (counted, f"{100 * part['mean_risk']:.1f}{TIED}%", observed, *more)


def missing(facts: Facts) -> Table:
    """Empty without missing values."""
    shares = sorted(facts.card["training_data"]["missing_share"].items(), key=lambda item: -item[1])
    return Table(
        "Share of patients in whom a measure is missing",
        ("Measure", "Missing"),
        tuple((facts.labels([name]), f"{100 * value:.1f}{TIED}%") for name, value in shares),
    )


def coefficients(facts: Facts) -> Table | None:
    """The model's equation; None for boosted trees, which have none."""
    model = facts.model
    if not isinstance(model.ensemble, LogisticEnsemble):
        return None
    standardisation = model.preparation.standardisation
    rows = []
    for position, (name, coefficient) in enumerate(zip(model.terms.names, model.ensemble.point, strict=True)):
        column = position - model.terms.first_measure
        is_measure = 0 <= column < len(model.terms.columns)
        if not coefficient and position >= model.terms.first_measure:
            continue
        rows.append(
            (
                _term(facts, name),
                shown(float(coefficient), 4),
                model.terms.columns[column].scale if is_measure else NOTHING,
                shown(float(standardisation.mean[column]), 4) if is_measure else NOTHING,
                shown(float(standardisation.sd[column]), 4) if is_measure else NOTHING,
            )
        )
    return Table(
        "Log-odds of response: the sum of each coefficient times its term"
        + (f" (arm: +0.5 treated, {MINUS}0.5 control)" if model.terms.two_arms else ""),
        ("Term, standardised", "Coefficient", "Scale", "Mean on the scale", "SD on the scale"),
        tuple(rows),
    )


def without_part(facts: Facts) -> str:
    """Labels of the measures whose coefficients are all zero: not chosen, or the same in all patients."""
    model = facts.model
    if not isinstance(model.ensemble, LogisticEnsemble):
        return ""
    measures = model.ensemble.point[model.terms.measures]
    used = {column.field for column, value in zip(model.terms.columns, measures, strict=True) if value}
    used |= {
        model.terms.columns[j].field
        for j, value in zip(model.terms.modifiers, model.ensemble.point[model.terms.interactions], strict=True)
        if value
    }
    return facts.labels(field.name for field in model.study.contract.covariates if field.name not in used)


CANDIDATE_WORDS: Mapping[str, str] = {
    "prevalence": "quotes the response rate of the arm to every patient",
    "prespecified": "Bayesian logistic regression on the few measures named beforehand",
    "hierarchical": "Bayesian logistic regression on all measures, which learns how far to shrink them",
    "firth": "logistic regression on the measures named beforehand, with Firth's correction for few patients",
    "elastic-net": "logistic regression that shrinks all measures and drops those that do not help",
    "xgboost": "boosted trees on all measures, which may bend and interact",
}


def candidate_words(facts: Facts) -> tuple[tuple[str, str], ...]:
    """The candidates that were compared, with what each is."""
    return tuple((name, CANDIDATE_WORDS[name]) for name in facts.card["validation"]["candidates"])


def _term(facts: Facts, name: str) -> str:
    contract = facts.model.study.contract
    arm, _, rest = name.rpartition(" x ")
    field, _, level = rest.partition("=")
    label = contract[field].measure.label if field in contract else rest
    return (f"{arm} by " if arm else "") + label + (f": {level}" if level else "")


def average_benefit(facts: Facts) -> Table:
    found = facts.evidence["benefit"]
    average = found["average"]
    treated, control = facts.model.study.treated.title, facts.model.study.control_arm
    rows = [
        (f"Response rate, {treated}", three(average["treated_rate"])),
        (f"Response rate, {control.title if control else ''}", three(average["control_rate"])),
        ("Difference, intention to treat (primary)", three(average["observed"], sign="+")),
    ]
    if facts.individual:
        rows.append(("Difference, adjusted by the predicted risks", three(average["adjusted"], sign="+")))
    if found["per_protocol"]:
        rows.append(("Difference, per protocol (assessed only)", three(found["per_protocol"], sign="+")))
    return Table("Average effect, 95 % intervals", ("Figure", "Responders per patient"), tuple(rows))


def individual_benefit(facts: Facts) -> Table:
    found = facts.evidence["benefit"]
    return Table(
        "Do the predicted benefits hold? 95 % intervals",
        ("Figure", "Value", "To be compared with"),
        (
            ("Benefit seen less predicted, on average", three(found["in_the_large"], sign="+"), "0"),
            ("Calibration slope of the benefit", three(found["slope"]), "1; 0 is no foresight of who benefits more"),
            ("Qini: gain of treating by rank", three(found["qini"], 3, "+"), "0 is no better than by lot"),
            ("AUTOC: the same, top of the ranking", three(found["autoc"], 3, "+"), "0 is no better than by lot"),
            (
                f"C-for-benefit ({found['pairs']} pairs); not proper, not a headline",
                three(found["c_for_benefit"]),
                "0.5 is chance",
            ),
        ),
    )


def policies(facts: Facts) -> Table:
    return Table(
        "Treating those whose predicted benefit is above a least worthwhile one, against treating nobody or everybody",
        ("Least worthwhile benefit", "Share treated", "Response rate", "Gain over nobody", "Gain over everybody"),
        tuple(
            (
                f"{policy['threshold']:.2f}",
                f"{100 * policy['share']:.0f}{TIED}%",
                three(policy["response"]),
                three(policy["over_none"], sign="+"),
                three(policy["over_all"], sign="+"),
            )
            for policy in facts.evidence["benefit"]["policies"]
        ),
    )
