"""Who benefits more: pictures from a model's evidence of benefit."""

from collections.abc import Mapping
from typing import Any

from acrcast.pictures.drawing import TENTHS, Drawing, Picture, Plot, ticks
from acrcast.pictures.words import Say, in_english


def benefit_calibration(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Difference of the arms' response rates over the predicted benefit, by groups of predicted benefit."""
    groups = [group for group in found["groups"] if None not in (group["predicted"], *group["observed"])]
    ends = [value for group in groups for value in (group["predicted"], *group["observed"])]
    low, high = min(-0.2, *ends), max(0.2, *ends)
    plot = Plot(
        Drawing(
            say("Calibration of the benefit"),
            "; ".join(
                say("predicted %(x)s, seen %(y)s", x=f"{g['predicted']:+.2f}", y=f"{g['observed'][0]:+.2f}")
                for g in groups
            ),
        ),
        (low, high),
        (low, high),
    )
    plot.axes(say("predicted benefit"), say("difference of response rates"), ticks(low, high), ticks(low, high))
    plot.curve([low, high], [low, high], "reference")
    for group in groups:
        value, below, above = group["observed"]
        plot.whisker(group["predicted"], below, above).point(group["predicted"], value, "point", 4.5)
    return plot.drawing.picture()


def qini(found: Mapping[str, Any], say: Say = in_english) -> Picture:
    """Gain of treating the share with the highest predicted benefit, against the same share picked by lot."""
    curve = found["curve"]
    known = [value for name in ("gain", "low", "high") for value in curve[name] if value is not None]
    low, high = min(0.0, *known), max(0.05, *known)
    value = found["qini"][0]
    described = say("Qini not available") if value is None else say("Qini %(value)s", value=f"{value:+.3f}")
    plot = Plot(Drawing(say("Gain of treating by predicted benefit"), described), (0, 1), (1.05 * low, 1.05 * high))
    plot.axes(
        say("share treated, highest predicted benefit first"),
        say("responders gained per patient"),
        TENTHS,
        ticks(low, high),
    )
    plot.band(curve["share"], curve["low"], curve["high"])
    plot.curve(curve["share"], curve["at_random"], "reference").curve(curve["share"], curve["gain"], "series")
    return plot.drawing.picture()
