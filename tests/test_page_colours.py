"""What is drawn can be told from its ground: WCAG 2.2, level AA."""

import importlib.resources
import re

import pytest

from simclr.explore import page

ASSETS = importlib.resources.files(page) / "assets"


def luminance(colour):
    channels = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (c / 255 for c in colour)
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels))


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def variables(theme):
    """dict of name -> colour, of the style's `:root` or `:root.dark`."""
    style = (ASSETS / "page.css").read_text()
    block = re.search(rf"^{re.escape(theme)} \{{(.*?)\}}", style, re.M | re.S)
    return {
        name: bytes.fromhex(text)
        for name, text in re.findall(r"--(\w+): #(\w{6})", block.group(1))
    }


@pytest.mark.parametrize("theme", [":root", ":root.dark"])
def test_texts_and_edges(theme):
    found = variables(theme)
    for ground in ("ground", "panel"):
        for text in ("ink", "muted", "accent"):
            assert contrast(found[text], found[ground]) >= 4.5
        # The edge of a field says where it is.
        assert contrast(found["edge"], found[ground]) >= 3


def test_points():
    script = (ASSETS / "colours.js").read_text()
    colours = [
        tuple(map(int, one.split(",")))
        for one in re.findall(r"\[(\d+, \d+, \d+)\]", script)
    ]
    assert len(colours) == 1 + 12 + 4
    for theme in (":root", ":root.dark"):
        ground = variables(theme)["ground"]
        for colour in colours:
            assert contrast(colour, ground) >= 3, colour
