"""The table of normalizations: against the formulas that their makers give."""

import numpy as np
import pytest

from simclr.models.normalizations import NORMALIZATIONS

BYTES = np.array([[0, 128, 255], [10, 20, 30]], np.uint8)


def test_none_is_the_pixels():
    pixels = BYTES / np.float32(255)
    np.testing.assert_array_equal(NORMALIZATIONS["none"].of(pixels), pixels)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("lite", (BYTES.astype(float) - 127) / 128),
        ("inception", BYTES / 127.5 - 1),
        (
            "imagenet",
            (BYTES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        ),
        ("caffe", BYTES[:, ::-1] - [103.939, 116.779, 123.68]),
        (
            "clip",
            (BYTES / 255 - [0.48145466, 0.4578275, 0.40821073])
            / [0.26862954, 0.26130258, 0.27577711],
        ),
    ],
)
def test_formula(name, expected):
    found = NORMALIZATIONS[name].of(BYTES / 255)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
