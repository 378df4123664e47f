"""The report's pictures, each from a part of a model's evidence or card."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from acrcast_training.report.svg import LEFT, RIGHT, WIDTH, Drawing, Plot, ticks

TENTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)


def flow(arms: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Markup:
    """Who was randomised (or enrolled, with one arm), assessed, and responded, arm by arm."""
    total = sum(arm["randomised"] for arm in arms)
    first = "Randomised" if len(arms) > 1 else "Enrolled"
    described = "; ".join(
        f"{titles[arm['arm']]}: {arm['randomised']} {first.lower()}, {arm['assessed']} assessed, {arm['responders']} responded"
        for arm in arms
    )
    drawing = Drawing("Flow of patients", f"{total} in all. {described}", WIDTH, 286)
    middle, columns = drawing.width / 2, [drawing.width * (2 * k + 1) / (2 * len(arms)) for k in range(len(arms))]
    half = 84.0 if len(arms) > 1 else 110.0
    _flow_box(drawing, middle, 4, half, [f"{first}: {total}"])
    for centre, arm in zip(columns, arms, strict=True):
        lost = arm["randomised"] - arm["assessed"]
        boxes = (
            (56.0, [*_wrapped(titles[arm["arm"]]), f"{first.lower()}: {arm['randomised']}"]),
            (140.0, [f"assessed: {arm['assessed']}", f"not assessed: {lost}"]),
            (
                216.0,
                [
                    f"responded: {arm['responders']} of {arm['randomised']}",
                    "(not assessed = no response)",
                    f"per protocol: {arm['responders_per_protocol']} of {arm['assessed']}",
                ],
            ),
        )
        drawing.line(middle, 32, middle, 44, "axis").line(middle, 44, centre, 44, "axis")
        drawing.line(centre, 44, centre, 56, "axis")
        for number, (top, lines) in enumerate(boxes):
            _flow_box(drawing, centre, top, half, lines)
            if number + 1 < len(boxes):
                drawing.line(centre, top + 12 + 17 * len(lines), centre, boxes[number + 1][0], "axis")
    return drawing.markup()


def _flow_box(drawing: Drawing, centre: float, top: float, half: float, lines: Sequence[str]) -> None:
    drawing.box(centre - half, top, 2 * half, 11 + 17 * len(lines), "box")
    for number, words in enumerate(lines):
        small = "tiny" if len(words) > 26 else "tick"
        drawing.text(centre, top + 18 + 17 * number, words, small)


def _wrapped(words: str, widest: int = 24) -> list[str]:
    """One or two lines; a longer text is cut, for the table beside the picture has it whole."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > widest:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) < 3 else [lines[0], lines[1][: widest - 2] + " …"]


def candidates(figures: Mapping[str, Any], served: str) -> Markup:
    """Each candidate's gain over quoting the response rate, with its interval."""
    drawing = Drawing(
        "Gain over quoting the response rate, by candidate",
        "; ".join(f"{name} {f['gain_over_prevalence']['value']:+.3f}" for name, f in figures.items()),
        360,
        60 + 26 * len(figures),
    )
    ends: list[float] = [end for f in figures.values() for end in f["gain_over_prevalence"].get("interval", [0])]
    low, high = min(0.0, *ends), max(0.0, *ends, 0.01)
    margin = 0.05 * (high - low)
    left_end, right_end = low - margin, high + margin

    def across(value: float) -> float:
        share = (value - left_end) / (right_end - left_end)
        return 100 + share * (WIDTH - 100 - RIGHT)

    bottom = 20.0 + 26 * len(figures)
    for tick in ticks(low, high):
        drawing.line(across(tick), 6, across(tick), bottom - 8, "axis" if tick == 0 else "grid")
        drawing.text(across(tick), bottom + 6, f"{tick:.10g}", "tick")
    for row, (name, found) in enumerate(figures.items()):
        y, gain = 22.0 + 26 * row, found["gain_over_prevalence"]
        left, right = gain.get("interval", [gain["value"], gain["value"]])
        kind = "chosen" if name == served else "other"
        drawing.text(94, y + 4, name, "tick strong" if name == served else "tick", "end")
        drawing.line(across(left), y, across(right), y, f"whisker {kind}")
        drawing.add(f'<circle cx="{across(gain["value"]):.1f}" cy="{y:.1f}" r="4.5" class="point {kind}"/>')
    drawing.text(180, bottom + 26, "gain in log loss (95 % interval); right of 0 is better", "label")
    return drawing.markup()


def calibration(found: Mapping[str, Any]) -> Markup:
    """Observed share of responders over the predicted risk, with its band."""
    described = (
        f"Smooth curve by {found['smoother']} with a 95 % band against the diagonal; mean distance {found['ici']:.3f}"
    )
    plot = Plot(Drawing("Calibration", described), (0, 1), (0, 1))
    plot.axes("predicted risk of response", "share that responded", TENTHS, TENTHS)
    plot.band(found["risk"], found["low"], found["high"])
    plot.curve([0, 1], [0, 1], "reference")
    plot.curve(found["risk"], found["observed"], "series")
    return plot.drawing.markup()


def decision_curve(found: Mapping[str, Any]) -> Markup:
    """Net benefit over the thresholds: corrected, apparent, treating everyone, treating no one."""
    thresholds, lines = found["threshold"], ("corrected", "apparent", "treat_all")
    top = max(0.05, *(value for name in lines for value in found[name] if value is not None))
    high = next(h for h in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if h >= top)
    low = -0.25 * high
    plot = Plot(Drawing("Net benefit", _better_where(found)), (0, 1), (low, high))
    plot.axes("threshold: lowest risk at which one would treat", "net benefit", TENTHS, ticks(low, high))
    plot.curve([0.1, 0.9], [0, 0], "reference")
    plot.curve(thresholds, found["treat_all"], "second")
    plot.curve(thresholds, found["apparent"], "faint")
    plot.curve(thresholds, found["corrected"], "series")
    return plot.drawing.markup()


def _better_where(found: Mapping[str, Any]) -> str:
    better = [
        t
        for t, model, everyone in zip(found["threshold"], found["corrected"], found["treat_all"], strict=True)
        if model is not None and model > max(everyone, 0) + 1e-9
    ]
    if not better:
        return "Corrected for optimism, the model is at no threshold above treating everyone or no one"
    return f"Corrected for optimism, the model lies above treating everyone and no one at thresholds within {min(better):.2f} to {max(better):.2f}"


def distribution(found: Mapping[str, Any]) -> Markup:
    """Risks of responders upwards, of the others downwards."""
    responders, others = found["responders"], found["others"]
    most = max(*responders, *others, 1)
    drawing = Drawing(
        "Predicted risks by outcome",
        f"Counts of {sum(responders)} responders upwards and {sum(others)} non-responders downwards in twentieths of the risk",
    )
    plot = Plot(drawing, (0, 1), (-1.15 * most, 1.15 * most))
    plot.axes("predicted risk of response", "patients", TENTHS, [])
    for tick in ticks(0, most):
        for side in (-tick, tick):
            drawing.line(LEFT, plot.up(side), WIDTH - RIGHT, plot.up(side), "grid")
            drawing.text(LEFT - 6, plot.up(side) + 4, f"{abs(side):g}", "tick", "end")
    plot.bars(found["edges"], responders, "bar")
    plot.bars(found["edges"], [-count for count in others], "bar second-bar")
    plot.curve([0, 1], [0, 0], "axis")
    plot.note(0.01, 1.03 * most, "responded", "tick", "start")
    plot.note(0.01, -1.1 * most, "did not respond", "tick", "start")
    return drawing.markup()


def instability(found: Mapping[str, Any]) -> Markup:
    """Range of the risks that refits in resamples give, over the model's own risk."""
    described = f"95 % range of refitted risks over {found['resamples']} resamples; mean absolute difference {found['mean_mape']:.3f}"
    plot = Plot(Drawing("Instability", described), (0, 1), (0, 1))
    plot.axes("risk by the served model", "risk by refitted models", TENTHS, TENTHS)
    plot.band(found["risk"], found["low"], found["high"])
    plot.curve([0, 1], [0, 1], "reference")
    plot.curve(found["risk"], found["low"], "faint").curve(found["risk"], found["high"], "faint")
    return plot.drawing.markup()


def classification(found: Mapping[str, Any]) -> Markup:
    """Share of refits that put a patient on the other side of the threshold."""
    described = f"On average {found['mean_classification']:.0%} of refits; most near the threshold {found['threshold']}"
    plot = Plot(Drawing("Changed classification", described), (0, 1), (0, 0.6))
    plot.axes("risk by the served model", f"share of refits across {found['threshold']}", TENTHS, ticks(0, 0.6))
    plot.curve(found["risk"], found["classification"], "series")
    for x, y in zip(found["risk"], found["classification"], strict=True):
        plot.point(x, y, "point", 2.5)
    return plot.drawing.markup()


def benefit_calibration(found: Mapping[str, Any]) -> Markup:
    """Difference of the arms' response rates over the predicted benefit, by groups of predicted benefit."""
    groups = [group for group in found["groups"] if None not in (group["predicted"], *group["observed"])]
    ends = [value for group in groups for value in (group["predicted"], *group["observed"])]
    low, high = min(-0.2, *ends), max(0.2, *ends)
    plot = Plot(
        Drawing(
            "Calibration of the benefit",
            "; ".join(f"predicted {g['predicted']:+.2f}, seen {g['observed'][0]:+.2f}" for g in groups),
        ),
        (low, high),
        (low, high),
    )
    plot.axes("predicted benefit", "difference of response rates", ticks(low, high), ticks(low, high))
    plot.curve([low, high], [low, high], "reference")
    for group in groups:
        value, below, above = group["observed"]
        plot.whisker(group["predicted"], below, above).point(group["predicted"], value, "point", 4.5)
    return plot.drawing.markup()


def qini(found: Mapping[str, Any]) -> Markup:
    """Gain of treating the share with the highest predicted benefit, against the same share picked by lot."""
    curve = found["curve"]
    known = [value for name in ("gain", "low", "high") for value in curve[name] if value is not None]
    low, high = min(0.0, *known), max(0.05, *known)
    value = found["qini"][0]
    described = "Qini " + ("not available" if value is None else f"{value:+.3f}")
    plot = Plot(Drawing("Gain of treating by predicted benefit", described), (0, 1), (1.05 * low, 1.05 * high))
    plot.axes(
        "share treated, highest predicted benefit first", "responders gained per patient", TENTHS, ticks(low, high)
    )
    plot.band(curve["share"], curve["low"], curve["high"])
    plot.curve(curve["share"], curve["at_random"], "reference").curve(curve["share"], curve["gain"], "series")
    return plot.drawing.markup()
