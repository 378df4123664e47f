"""Small line drawings as inline SVG: colours come from the page, so that they follow light, dark and print."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Self

WIDTH, HEIGHT = 360.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 12.0, 44.0

TENTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)

Numbers = Sequence[float | None]


class Picture(str):
    """A whole `<svg>` element, whose texts are escaped: a template takes it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@dataclass
class Drawing:
    """A picture with its accessible name; shapes are added in the order in which they are painted."""

    title: str
    description: str
    width: float = WIDTH
    height: float = HEIGHT
    shapes: list[str] = field(default_factory=list)

    def add(self, shape: str) -> Self:
        self.shapes.append(shape)
        return self

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> Self:
        return self.add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> Self:
        return self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> Self:
        return self.add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>')

    def picture(self) -> Picture:
        name = escape(f"{self.title}. {self.description}", quote=True)
        parts = "".join(self.shapes)
        return Picture(
            f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" aria-label="{name}">{parts}</svg>'
        )


@dataclass
class Plot:
    """Axes and what is drawn in them. x, y: ranges of the axes, to which everything drawn is cut."""

    drawing: Drawing
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        low, high = self.x
        share = (min(max(value, low), high) - low) / (high - low)
        return LEFT + share * (self.drawing.width - LEFT - RIGHT)

    def up(self, value: float) -> float:
        low, high = self.y
        share = (min(max(value, low), high) - low) / (high - low)
        return self.drawing.height - BOTTOM - share * (self.drawing.height - TOP - BOTTOM)

    def axes(self, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> Self:
        """Both axes with a light grid; a tick shows its number without needless zeros."""
        floor, right = self.drawing.height - BOTTOM, self.drawing.width - RIGHT
        for tick in y_ticks:
            self.drawing.line(LEFT, self.up(tick), right, self.up(tick), "grid")
            self.drawing.text(LEFT - 6, self.up(tick) + 4, f"{tick:.10g}", "tick", "end")
        for tick in x_ticks:
            self.drawing.line(self.across(tick), floor, self.across(tick), floor + 4, "axis")
            self.drawing.text(self.across(tick), floor + 16, f"{tick:.10g}", "tick")
        self.drawing.line(LEFT, floor, right, floor, "axis")
        self.drawing.text((LEFT + right) / 2, self.drawing.height - 8, x_label, "label")
        middle = (TOP + floor) / 2
        self.drawing.add(
            f'<text transform="translate(13 {middle:.1f}) rotate(-90)" text-anchor="middle" class="label">'
            f"{escape(y_label)}</text>"
        )
        return self

    def curve(self, xs: Numbers, ys: Numbers, kind: str) -> Self:
        """A line through the points; interrupted where y is None or leaves the axes."""
        path, pen_down = [], False
        for x, y in zip(xs, ys, strict=True):
            if x is None or y is None or not self.y[0] <= y <= self.y[1]:
                pen_down = False
                continue
            path.append(f"{'L' if pen_down else 'M'}{self.across(x):.1f} {self.up(y):.1f}")
            pen_down = True
        self.drawing.add(f'<path d="{"".join(path)}" class="{kind}"/>')
        return self

    def band(self, xs: Numbers, lows: Numbers, highs: Numbers, kind: str = "band") -> Self:
        """The area between two curves, where both are known."""
        known = [
            (x, low, high)
            for x, low, high in zip(xs, lows, highs, strict=True)
            if x is not None and low is not None and high is not None
        ]
        if known:
            there = [f"{self.across(x):.1f} {self.up(high):.1f}" for x, _, high in known]
            back = [f"{self.across(x):.1f} {self.up(low):.1f}" for x, low, _ in reversed(known)]
            self.drawing.add(f'<path d="M{"L".join(there + back)}Z" class="{kind}"/>')
        return self

    def bars(self, edges: Sequence[float], counts: Sequence[float], kind: str) -> Self:
        """Bars from 0, upwards or downwards, one between each two edges."""
        for (left, right), count in zip(pairwise(edges), counts, strict=True):
            if count:
                top, bottom = sorted((self.up(count), self.up(0)))
                width = self.across(right) - self.across(left) - 1
                self.drawing.box(self.across(left) + 0.5, top, width, bottom - top, kind)
        return self

    def point(self, x: float, y: float, kind: str = "point", radius: float = 3.5) -> Self:
        self.drawing.add(f'<circle cx="{self.across(x):.1f}" cy="{self.up(y):.1f}" r="{radius:.1f}" class="{kind}"/>')
        return self

    def whisker(self, x: float, low: float, high: float) -> Self:
        self.drawing.line(self.across(x), self.up(low), self.across(x), self.up(high), "whisker")
        return self

    def note(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> Self:
        """Words at a place of the axes."""
        self.drawing.text(self.across(x), self.up(y), words, kind, anchor)
        return self


def ticks(low: float, high: float, steps: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1)) -> list[float]:
    """Round numbers from low to high, at most six of them; beyond the steps given, tens, twenties, fifties and so on."""
    tens = [10.0**power * step for power in range(7) for step in (1, 2, 5)]
    step = next(step for step in (*steps, *tens) if (high - low) / step <= 6)
    first, last = -int(-low // step) if low > 0 else int(low / step), int(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]
