"""How well a model predicts: pictures from parts of its evidence."""

from collections.abc import Mapping
from typing import Any

from acrcast.pictures.drawing import LEFT, RIGHT, TENTHS, WIDTH, Drawing, Picture, Plot, ticks
from acrcast.pictures.words import Say, in_english


def calibration(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Observed share of responders over the predicted risk, with its band."""
    described = say(
        "Smooth curve by %(smoother)s with a 95 %% band against the diagonal; mean distance %(ici)s",
        smoother=found["smoother"],
        ici=f"{found['ici']:.3f}",
    )
    plot = Plot(Drawing(say("Calibration"), described), (0, 1), (0, 1))
    plot.axes(say("predicted risk of response"), say("share that responded"), TENTHS, TENTHS)
    plot.band(found["risk"], found["low"], found["high"])
    plot.curve([0, 1], [0, 1], "reference")
    plot.curve(found["risk"], found["observed"], "series")
    return plot.drawing.picture()


def decision_curve(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Net benefit over the thresholds: corrected, apparent, treating everyone, treating no one."""
    thresholds, lines = found["threshold"], ("corrected", "apparent", "treat_all")
    top = max(0.05, *(value for name in lines for value in found[name] if value is not None))
    high = next(h for h in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if h >= top)
    low = -0.25 * high
    plot = Plot(Drawing(say("Net benefit"), _better_where(found, say)), (0, 1), (low, high))
    plot.axes(say("threshold: lowest risk at which one would treat"), say("net benefit"), TENTHS, ticks(low, high))
    plot.curve([0.1, 0.9], [0, 0], "reference")
    plot.curve(thresholds, found["treat_all"], "second")
    plot.curve(thresholds, found["apparent"], "faint")
    plot.curve(thresholds, found["corrected"], "series")
    return plot.drawing.picture()


def _better_where(found: Mapping[str, Any], say: Say) -> str:
    better = [
        t
        for t, model, everyone in zip(found["threshold"], found["corrected"], found["treat_all"], strict=True)
        if model is not None and model > max(everyone, 0) + 1e-9
    ]
    if not better:
        return say("Corrected for optimism, the model is at no threshold above treating everyone or no one")
    return say(
        "Corrected for optimism, the model lies above treating everyone and no one at thresholds within %(low)s to %(high)s",
        low=f"{min(better):.2f}",
        high=f"{max(better):.2f}",
    )


def distribution(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Risks of responders upwards, of the others downwards."""
    responders, others = found["responders"], found["others"]
    most = max(*responders, *others, 1)
    drawing = Drawing(
        say("Predicted risks by outcome"),
        say(
            "Counts of %(n)s responders upwards and %(m)s non-responders downwards in twentieths of the risk",
            n=sum(responders),
            m=sum(others),
        ),
    )
    plot = Plot(drawing, (0, 1), (-1.15 * most, 1.15 * most))
    plot.axes(say("predicted risk of response"), say("patients"), TENTHS, [])
    for tick in ticks(0, most):
        for side in (-tick, tick):
            drawing.line(LEFT, plot.up(side), WIDTH - RIGHT, plot.up(side), "grid")
            drawing.text(LEFT - 6, plot.up(side) + 4, f"{abs(side):g}", "tick", "end")
    plot.bars(found["edges"], responders, "bar")
    plot.bars(found["edges"], [-count for count in others], "bar second-bar")
    plot.curve([0, 1], [0, 0], "axis")
    plot.note(0.01, 1.03 * most, say("responded"), "tick", "start")
    plot.note(0.01, -1.1 * most, say("did not respond"), "tick", "start")
    return drawing.picture()


def instability(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Range of the risks that refits in resamples give, over the model's own risk."""
    described = say(
        "95 %% range of refitted risks over %(n)s resamples; mean absolute difference %(mape)s",
        n=found["resamples"],
        mape=f"{found['mean_mape']:.3f}",
    )
    plot = Plot(Drawing(say("Instability"), described), (0, 1), (0, 1))
    plot.axes(say("risk by the served model"), say("risk by refitted models"), TENTHS, TENTHS)
    plot.band(found["risk"], found["low"], found["high"])
    plot.curve([0, 1], [0, 1], "reference")
    plot.curve(found["risk"], found["low"], "faint").curve(found["risk"], found["high"], "faint")
    return plot.drawing.picture()


def classification(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Share of refits that put a patient on the other side of the threshold."""
    described = say(
        "On average %(share)s of refits; most near the threshold %(threshold)s",
        share=f"{found['mean_classification']:.0%}",
        threshold=found["threshold"],
    )
    plot = Plot(Drawing(say("Changed classification"), described), (0, 1), (0, 0.6))
    plot.axes(
        say("risk by the served model"),
        say("share of refits across %(threshold)s", threshold=found["threshold"]),
        TENTHS,
        ticks(0, 0.6),
    )
    plot.curve(found["risk"], found["classification"], "series")
    for x, y in zip(found["risk"], found["classification"], strict=True):
        plot.point(x, y, "point", 2.5)
    return plot.drawing.picture()
