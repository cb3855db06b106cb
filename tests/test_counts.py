"""Numbers of things in words."""

import pytest

from simclr.messages.counts import counted, first_few


@pytest.mark.parametrize(
    "number, words, expected",
    [
        (1, ("epoch",), "1 epoch"),
        (1.0, ("epoch",), "1 epoch"),
        (0.5, ("epoch",), "0.5 epochs"),
        (0, ("image",), "0 images"),
        (1_281_167, ("image",), "1,281,167 images"),
        (1, ("class", "classes"), "1 class"),
        (10, ("class", "classes"), "10 classes"),
    ],
)
def test_what_is_counted(number, words, expected):
    assert counted(number, *words) == expected


def test_the_first_of_many():
    assert first_few("abc") == "a, b, c"
    assert first_few("abcde") == "a, b, c, ..."
    assert first_few([]) == ""
