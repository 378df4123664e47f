"""Drawings are one element that names itself, and hold no markup but their own."""

from acrcast import pictures
from acrcast.pictures.drawing import Drawing, Plot, ticks

FOUND = {
    "risk": [0.2, 0.8],
    "observed": [0.3, 0.7],
    "low": [0.1, 0.6],
    "high": [0.4, 0.9],
    "smoother": "loess",
    "ici": 0.05,
}


def test_a_picture_says_what_it_shows_and_a_template_takes_it_as_it_is():
    picture = pictures.calibration(FOUND)
    assert picture.startswith('<svg viewBox="0 0 360 280" role="img" aria-label="Calibration. Smooth curve by loess ')
    assert picture.endswith("</svg>")
    assert picture.__html__() == picture


def test_what_is_written_into_a_picture_is_no_markup():
    picture = Drawing('A "title"', "<b>").text(1, 1, "<script>").picture()
    assert 'aria-label="A &quot;title&quot;. &lt;b&gt;"' in picture
    assert "<text" in picture
    assert "&lt;script&gt;" in picture
    assert "<script>" not in picture


def test_its_words_are_said_by_whoever_draws_it():
    said = []

    def say(sentence, **values):
        said.append(sentence)
        return sentence.upper() % {name.upper(): value for name, value in values.items()} if not values else "x"

    picture = pictures.calibration(FOUND, say)
    assert "PREDICTED RISK OF RESPONSE" in picture
    assert "predicted risk" not in picture
    assert "predicted risk of response" in said


def test_what_lies_beyond_the_axes_is_drawn_at_their_edge():
    plot = Plot(Drawing("", ""), (0, 1), (0, 1))
    assert plot.across(2) == plot.across(1)
    assert plot.up(-1) == plot.up(0)


def test_ticks_are_round_numbers_and_at_most_seven():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(-0.2, 0.2) == [-0.2, -0.1, 0, 0.1, 0.2]
    assert ticks(0, 300) == [0, 50, 100, 150, 200, 250, 300]
