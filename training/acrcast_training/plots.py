"""Pictures of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.figure import Figure

from acrcast_training.select import Comparison


@contextmanager
def comparison(found: Comparison) -> Iterator[Figure]:
    """Each candidate's gain over quoting the arm's response rate, with its interval; the chosen one is filled."""
    figure = Figure(figsize=(7, 0.55 * len(found.results) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(found.results):
        colour = "#0b5394" if result.name == found.chosen else "#8a8a8a"
        axes.plot([result.gain.low, result.gain.high], [row, row], color=colour, linewidth=2)
        axes.plot(
            result.gain.value,
            row,
            "o",
            color=colour,
            markerfacecolor=colour if result.name == found.chosen else "white",
        )
    axes.axvline(0, color="#444444", linewidth=1, linestyle=":")
    axes.set_yticks(range(len(found.results)), [result.name for result in found.results])
    axes.invert_yaxis()
    axes.set_xlabel("Log loss gained over quoting the arm's response rate (cross-validated, 95 % interval)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    yield figure
