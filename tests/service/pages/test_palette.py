"""Colours that can be read in both themes, and told apart by who sees colours differently."""

import re
from itertools import combinations

import numpy as np
import pytest

from acrcast_service.pages.rendering import ASSETS

# Machado, Oliveira & Fernandes 2009, IEEE Trans Vis Comput Graph 15:1291, severity 1.0, on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TEXT = [
    ("ink", "paper"),
    ("ink", "card"),
    ("soft", "paper"),
    ("soft", "card"),
    ("soft", "tint"),
    ("ink", "tint"),
    ("link", "card"),
    ("link", "paper"),
    ("treated", "card"),
    ("control", "card"),
    ("on-primary", "primary"),
    ("on-band", "band"),
    ("warn-ink", "warn"),
    ("bad", "card"),
    ("ink", "bad-soft"),
    ("link", "bad-soft"),
]
# WCAG 2.2, 1.4.11: what has to be seen to understand a picture or to find an entry.
GRAPHICS = [("treated", "card"), ("control", "card"), ("nobody", "card"), ("field", "card"), ("bad", "card")]


def colours(theme):
    style = ASSETS["page.css"].read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found if theme == "light" else found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """WCAG 2.2's definition."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    """CIE L*a*b* of linear sRGB, D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    scaled = xyz / [0.9505, 1.0, 1.089]
    f = np.where(scaled > (6 / 29) ** 3, np.cbrt(scaled), scaled / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_black_on_white_has_the_contrast_of_the_definition():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_of_it(theme):
    found = colours(theme)
    assert {
        pair: contrast(found[pair[0]], found[pair[1]])
        for pair in TEXT
        if contrast(found[pair[0]], found[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_and_entries_have_the_contrast_that_wcag_asks_of_them(theme):
    found = colours(theme)
    assert {
        pair: contrast(found[pair[0]], found[pair[1]])
        for pair in GRAPHICS
        if contrast(found[pair[0]], found[pair[1]]) < 3
    } == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", ["everybody", "protanopia", "deuteranopia", "tritanopia"])
def test_the_arms_are_told_apart_by_all_eyes(theme, eyes):
    """A difference of 20 in CIE 1976 units is plain at a glance; who sees no colour goes by the titles and the places."""
    found = colours(theme)
    seen = {name: lab(np.array(SEEN_BY[eyes]) @ linear(found[name])) for name in ("treated", "control", "card")}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)
