"""A look in words and tables, for whoever reads it on a terminal."""

from collections.abc import Iterator, Sequence

from acrcast.validation.performance import Estimate
from acrcast.watching.calibration import Reading
from acrcast.watching.codes import check_of
from acrcast.watching.judging import Look, Monitoring
from acrcast.watching.measures import MeasureSeen
from acrcast.watching.signals import Rules, Signal
from acrcast_training.console import figure

Rows = list[Sequence[str]]
LARGE = 1e6
OUTCOMES = ("Outcomes", "n", "responders", "observed / expected", "intercept", "slope", "C statistic")
THRESHOLDS = ("Threshold", "gain over treating all", "gain over treating none")
MEASURES = ("Measure", "known", "missing", "in training", "difference")


def heading(found: Monitoring) -> Iterator[str]:
    model = found.model
    yield f"Model: {model.name} {model.version} ({found.candidate}, {model.training_data} data), {found.study}"
    since = f"of predictions from {found.since:%Y-%m-%d} on" if found.since else "of all predictions"
    yield f"       {model.digest}"
    yield f"Look:  {found.as_of:%Y-%m-%d %H:%M} UTC, {since}"
    yield (
        f"Due:   {found.endpoint}, an outcome counts {found.due.after} + {found.due.grace} days after the prediction"
    )
    if found.erased:
        yield f"       {found.erased} predictions were erased, and take no part"
    if found.of_others:
        yield f"       {sum(found.of_others.values())} predictions are of other models, and take no part"


def counts(look: Look) -> str:
    n = look.counts
    return (
        f"Tenant {look.tenant}: {n.patients} patients ({n.predictions} predictions); of their outcomes {n.due} are due "
        f"({n.received} received, {n.overdue} overdue) and {n.not_due} not yet ({n.early} known early)"
    )


def checks(look: Look, rules: Rules) -> Rows:
    """A row for each check; of one that is asked of every measure, that with the most evidence for its line."""
    rows: Rows = []
    for code in dict.fromkeys(signal.code for signal in look.signals):
        worst = max((s for s in look.signals if s.code == code), key=lambda signal: signal.evidence / signal.line)
        name = f"{code} {check_of(code).title}"
        rows.append((name, evidence(worst.evidence), evidence(worst.line), _found(worst, look, rules)))
    return rows


def tables(look: Look) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """Title, headings and rows of each table that has something to show."""
    readings = [("as received", look.received), ("missing as not responded", look.missing_as_failed)]
    rows = [_reading(name, reading) for name, reading in readings if reading is not None and reading.patients]
    if rows:
        yield "Calibration, limits hold at all looks (those of C at this one):", OUTCOMES, rows
        yield "Net benefit of those received, in responders per 100 patients:", THRESHOLDS, _net_benefit(look.received)
    if look.inputs.measures:
        rows = [_measure(measure) for measure in look.inputs.measures]
        yield "Measures, against the training data (SD: of its standard deviations):", MEASURES, rows


def notes(look: Look) -> Iterator[str]:
    if not look.counts.due:
        yield "No outcome is due yet: nothing can be said of the risks."
    elif not look.received.patients:
        yield "None of the outcomes that are due can be used: nothing can be said of the risks."
    if look.received.arm_unknown:
        yield (
            f"{look.received.arm_unknown} outcomes name no arm, so that it is not known which risk they judge: send `arm` with "
            "an outcome, or give --arm."
        )
    if look.inputs.unreadable:
        yield f"{look.inputs.unreadable} records hold no patient of this study: their measures take no part."
    if look.inputs.reason:
        yield f"Inputs are not compared: {look.inputs.reason}."


def alarms(found: Monitoring) -> Iterator[str]:
    """What to do about each code that alarms, and that nothing does."""
    accepted = sorted(
        {s.code for look in found.looks for s in look.signals if s.accepted and s.crossed and not s.small}
    )
    if accepted:
        yield f"\nAccepted: {', '.join(accepted)}"
    if not found.alarms:
        yield "\nNo alarm."
    for tenant, signal in found.alarms:
        about = f" of {signal.measure}" if signal.measure else ""
        yield f"\nALARM {signal.code}{about} ({tenant}), since {signal.crossed}."
        yield f"      Expected: {check_of(signal.code).asks}."
        yield f"      {check_of(signal.code).remedy}"


def evidence(value: float) -> str:
    """`0.4`, `12`, `3,400`, `> 10^6`."""
    if value > LARGE:
        return "> 10^6"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _found(worst: Signal, look: Look, rules: Rules) -> str:
    received, support = look.received, look.inputs.support
    match worst.code:
        case "MON001":
            return f"intercept {figure(received.intercept, 2, '+')}, tolerated ±{rules.tolerance:g}"
        case "MON002":
            low, high = rules.slopes
            return f"slope {figure(received.slope, 2)}, tolerated {low:g} to {high:g}"
        case "MON003":
            return f"{_percent(support.not_inside)}, expected {100 * support.expected_not_inside:g} %"
        case "MON004":
            return f"{_percent(support.outside)}, expected {100 * support.expected_outside:g} %"
        case "MON005":
            measure = _named(look, worst.measure)
            return f"{measure.name} {_difference(measure)}" + _small(worst)
        case _:
            measure = _named(look, worst.measure)
            before = 100 * (measure.missing_before or 0.0)
            return f"{measure.name} {_percent(measure.missing)}, before {before:.1f} %" + _small(worst)


def _named(look: Look, name: str) -> MeasureSeen:
    return next(measure for measure in look.inputs.measures if measure.name == name)


def _small(signal: Signal) -> str:
    return ", too little to matter" if signal.crossed and signal.small else ""


def _reading(name: str, reading: Reading) -> Sequence[str]:
    return (
        name,
        str(reading.patients),
        str(reading.responders),
        figure(reading.observed_over_expected, 2),
        figure(reading.intercept, 2, "+"),
        figure(reading.slope, 2),
        figure(reading.c_statistic, 2),
    )


def _net_benefit(reading: Reading) -> Rows:
    rows: Rows = []
    for at in reading.net_benefit:
        over_all, over_none = (_times(estimate, 100) for estimate in (at.over_all, at.over_none))
        rows.append((f"{at.threshold:.1f}", figure(over_all, 1, "+"), figure(over_none, 1, "+")))
    return rows


def _measure(measure: MeasureSeen) -> Sequence[str]:
    before = "-" if measure.missing_before is None else f"{100 * measure.missing_before:.1f} %"
    missing = f"{100 * measure.missing.value:.1f} %"
    return measure.name, str(measure.known), missing, before, _difference(measure)


def _difference(measure: MeasureSeen) -> str:
    if measure.difference is None:
        return "nothing to compare with"
    if measure.kind == "share":
        return f"{figure(_times(measure.difference, 100), 1, '+')} points"
    return f"{figure(measure.difference, 2, '+')} SD"


def _percent(estimate: Estimate) -> str:
    return f"{figure(_times(estimate, 100), 1)} %"


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(factor * estimate.value, factor * estimate.low, factor * estimate.high)
