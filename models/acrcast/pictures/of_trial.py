"""Who was in the trial, and which candidate was chosen: pictures from parts of a model's card."""

from collections.abc import Mapping, Sequence
from typing import Any

from acrcast.pictures.drawing import RIGHT, WIDTH, Drawing, Picture, ticks
from acrcast.pictures.words import Say, in_english


def flow(arms: Sequence[Mapping[str, Any]], titles: Mapping[str, str], say: Say = in_english) -> Picture:
    """Who was randomised (or enrolled, with one arm), assessed, and responded, arm by arm."""
    total = sum(arm["randomised"] for arm in arms)

    def patients(n: int) -> str:
        return say("Randomised: %(n)s", n=n) if len(arms) > 1 else say("Enrolled: %(n)s", n=n)

    described = "; ".join(
        say(
            "%(arm)s: %(patients)s patients, %(assessed)s assessed, %(responders)s responded",
            arm=titles[arm["arm"]],
            patients=arm["randomised"],
            assessed=arm["assessed"],
            responders=arm["responders"],
        )
        for arm in arms
    )
    drawing = Drawing(say("Flow of patients"), f"{patients(total)}. {described}", WIDTH, 286)
    middle, columns = drawing.width / 2, [drawing.width * (2 * k + 1) / (2 * len(arms)) for k in range(len(arms))]
    half = 84.0 if len(arms) > 1 else 110.0
    _flow_box(drawing, middle, 4, half, [patients(total)])
    for centre, arm in zip(columns, arms, strict=True):
        lost = arm["randomised"] - arm["assessed"]
        boxes = (
            (56.0, [*_wrapped(titles[arm["arm"]]), patients(arm["randomised"])]),
            (140.0, [say("assessed: %(n)s", n=arm["assessed"]), say("not assessed: %(n)s", n=lost)]),
            (
                216.0,
                [
                    say("responded: %(n)s of %(m)s", n=arm["responders"], m=arm["randomised"]),
                    say("(not assessed = no response)"),
                    say("per protocol: %(n)s of %(m)s", n=arm["responders_per_protocol"], m=arm["assessed"]),
                ],
            ),
        )
        drawing.line(middle, 32, middle, 44, "axis").line(middle, 44, centre, 44, "axis")
        drawing.line(centre, 44, centre, 56, "axis")
        for number, (top, lines) in enumerate(boxes):
            _flow_box(drawing, centre, top, half, lines)
            if number + 1 < len(boxes):
                drawing.line(centre, top + 12 + 17 * len(lines), centre, boxes[number + 1][0], "axis")
    return drawing.picture()


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


def candidates(figures: Mapping[str, Any], served: str, say: Say = in_english) -> Picture:
    """Each candidate's gain over quoting the response rate, with its interval."""
    drawing = Drawing(
        say("Gain over quoting the response rate, by candidate"),
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
    drawing.text(180, bottom + 26, say("gain in log loss (95 %% interval); right of 0 is better"), "label")
    return drawing.picture()
