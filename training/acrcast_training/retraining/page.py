"""What changed and why, on one page: data, figures, coefficients, groups and gates, then and now."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.monitoring.values import Before
from acrcast.promotion import JudgedGate
from acrcast.response_model import ResponseModel
from acrcast.validation.performance import Estimate
from acrcast_training.report.tables import Table, of_card, share, shown, with_interval
from acrcast_training.retraining.retraining import Retraining

GROUPS_SHOWN = 12
# Means that moved by less, in standard deviations, and shares missing that moved by less are not shown.
SMALLEST_DIFFERENCE, SMALLEST_SHARE = 0.2, 0.05


def page(found: Retraining, gates: Sequence[JudgedGate], name: str, version: int | None) -> str:
    """The HTML file, which needs nothing else. name, version: of the champion in the registry."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("acrcast_training.retraining", "."),
                jinja2.PackageLoader("acrcast_training.report", "."),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("change.html.j2").render(
        found=found,
        study=found.cohort.study,
        simulated=found.cohort.data_kind == "simulated",
        name=name,
        version=version,
        verdict=verdict(found),
        data=data_table(found),
        figures=figures_table(found),
        held_out=held_out_table(found),
        net_benefit=net_benefit_table(found),
        coefficients=coefficients_table(found),
        why_no_coefficients=_why_none(found),
        groups=groups_table(found),
        gates=gates,
        retrained=found.training.model.identity,
    )


def verdict(found: Retraining) -> str:
    """The one sentence that matters."""
    gain = found.crossed
    said = with_interval(gain.value, gain.low, gain.high, 3, "+")
    if gain.low > 0:
        return f"The retrained model predicts new patients better than the champion: gain in log loss {said}."
    if gain.value >= 0:
        return f"The retrained model predicts new patients no worse than the champion, as far as can be told: gain in log loss {said}."
    return f"The champion predicts new patients better than the retrained model: gain in log loss {said}."


def data_table(found: Retraining) -> Table:
    """Patients then and now, and the measures that differ."""
    old, new = found.champion.card.get("training_data", {}), found.training.model.card["training_data"]
    rows = [("Patients", str(old.get("patients", "")), str(new["patients"]))]
    titles = {arm.key: arm.title for arm in found.cohort.study.arms}
    then = {arm["arm"]: arm for arm in old.get("flow", [])}
    rows += [
        (f"Responders, {titles[arm['arm']]}", _responders(then.get(arm["arm"])), _responders(arm))
        for arm in new["flow"]
    ]
    rows.append(("New to the champion", "", str(int(found.parts.new.sum()))))
    rows += _measures(found.champion, found.training.model)
    return Table("Data", ("", "Champion", "Retrained"), tuple(rows))


def figures_table(found: Retraining) -> Table:
    """As they are to be expected in new patients, of each model from its own data."""
    names = (
        ("Log loss", "log_loss", 3, ""),
        ("Gain over response rate", "gain_over_prevalence", 3, "+"),
        ("C statistic", "c_statistic", 2, ""),
        ("Calibration slope", "calibration_slope", 2, ""),
    )
    old, new = (_expected(model) for model in (found.champion, found.training.model))
    rows = [
        (title, of_card(old.get(name), decimals, sign), of_card(new.get(name), decimals, sign))
        for title, name, decimals, sign in names
    ]
    rows.insert(0, ("Served", found.champion.candidate, found.training.model.candidate))
    caption = "Figures by nested cross-validation, each in its own training data"
    return Table(caption, ("", "Champion", "Retrained"), tuple(rows))


def held_out_table(found: Retraining) -> Table:
    """On the same patients, whom neither saw."""
    judged = found.held_out
    rows = [
        (
            title,
            _shown(getattr(judged.champion, name), decimals),
            _shown(getattr(judged.retrained, name), decimals),
            paired,
        )
        for title, name, decimals, paired in (
            ("Log loss", "log_loss", 3, _shown(judged.gain, 3, "+")),
            ("C statistic", "c_statistic", 2, ""),
            ("Calibration slope", "calibration_slope", 2, ""),
            ("Observed / expected", "observed_over_expected", 2, ""),
        )
    ]
    rows.append(("Brier score", "", "", _shown(judged.brier, 3, "+")))
    caption = f"{judged.patients} patients held out ({judged.responders} responders), {found.parts.how}"
    return Table(caption, ("", "Champion", "Retrained without them", "Gain, paired"), tuple(rows))


def net_benefit_table(found: Retraining) -> Table:
    rows = [
        (f"{at:.1f}", _shown(Estimate(100 * gain.value, 100 * gain.low, 100 * gain.high), 1, "+"))
        for at, gain in found.held_out.net_benefit
    ]
    return Table("Net benefit gained in them, responders per 100 patients", ("Threshold", "Gain, paired"), tuple(rows))


def coefficients_table(found: Retraining) -> Table | None:
    rows = [
        (
            row.term,
            _shown(row.champion, 2, "+"),
            _shown(row.retrained, 2, "+"),
            shown(row.retrained.value - row.champion.value, 2, "+"),
        )
        for row in sorted(found.coefficients, key=lambda row: -abs(row.retrained.value - row.champion.value))
    ]
    caption = "Log-odds per standard deviation of the champion's data, about its mean; largest changes first"
    return Table(caption, ("Term", "Champion", "Retrained", "Change"), tuple(rows)) if rows else None


def groups_table(found: Retraining) -> Table:
    rows = [
        (
            f"{row.group}: {row.subgroup}" if row.subgroup else row.group,
            str(row.patients),
            f"{100 * row.champion:.1f}",
            f"{100 * row.retrained:.1f}",
            shown(100 * row.change, 1, "+"),
            f"{100 * row.size:.1f}",
            f"{100 * row.far:.0f}",
        )
        for row in found.moved[: GROUPS_SHOWN + 1]
    ]
    headings = ("Group", "n", "Risk, champion, %", "Risk, retrained, %", "Change", "Mean size", "Moved > 10 points, %")
    return Table("Mean risks in the own arm; groups whose risks moved most first", headings, tuple(rows), marked=0)


def _responders(arm: Mapping[str, Any] | None) -> str:
    return "" if arm is None else share(arm["responders"], arm["randomised"])


def _measures(champion: ResponseModel, retrained: ResponseModel) -> list[tuple[str, str, str]]:
    """Means and missing shares that differ enough to be told."""
    rows = []
    old, new = champion.preparation.standardisation, retrained.preparation.standardisation
    for j, column in enumerate(champion.terms.columns):
        before = Before(3, float(old.mean[j]), float(old.sd[j]))
        moved = (new.mean[j] - old.mean[j]) / old.sd[j] if before.can_be_compared else 0.0
        if abs(moved) >= SMALLEST_DIFFERENCE:
            rows.append((f"Mean of {column.name}, in SD of the champion's", "0", shown(float(moved), 2, "+")))
    then, now = (model.card.get("training_data", {}).get("missing_share") for model in (champion, retrained))
    if then is None or now is None:
        return rows
    names = champion.study.contract.names
    shares = [(name, then.get(name, 0.0), now.get(name, 0.0)) for name in names]
    return rows + [
        (f"Missing {name}, %", f"{100 * before:.1f}", f"{100 * after:.1f}")
        for name, before, after in shares
        if abs(after - before) >= SMALLEST_SHARE
    ]


def _expected(model: ResponseModel) -> Mapping[str, Any]:
    """Figures with the choice inside; none of a model that was updated since."""
    validation = model.card.get("validation", {})
    figures: Mapping[str, Any] = (
        {} if "figures_are_of" in validation else validation.get("procedure", {}).get("figures", {})
    )
    return figures


def _shown(estimate: Estimate, decimals: int, sign: str = "") -> str:
    value, low, high = (
        None if np.isnan(number) else number for number in (estimate.value, estimate.low, estimate.high)
    )
    return with_interval(value, low, high, decimals, sign)


def _why_none(found: Retraining) -> str:
    models = (found.champion, found.training.model)
    if all(isinstance(model.ensemble, LogisticEnsemble) for model in models):
        return ""
    return "One of the two is made of boosted trees, which have no coefficients."
