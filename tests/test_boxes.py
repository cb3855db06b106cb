"""Boxes: TensorFlow's, bit for bit, and of the published distribution."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.views.boxes import ASPECT, MIN_COVERED, crop_boxes
from tests.test_crop import GOLDEN

COUNT = 4000


@pytest.fixture(scope="module")
def cases():
    """Shapes and seeds, [COUNT, 2] each: small, square, large and long."""
    rng = np.random.default_rng(0)
    quarter = COUNT // 4
    shapes = [
        rng.integers(1, 60, [quarter, 2]),
        np.full([quarter, 2], 32),
        rng.integers(100, 3000, [quarter, 2]),
        rng.integers([1, 1], [20, 3000], [quarter, 2]),
    ]
    seeds = rng.integers(-(2**31), 2**31, [COUNT, 2])
    return np.concatenate(shapes).astype("int32"), seeds.astype("int32")


def tensorflows(shapes, seeds, area):
    """The operation's boxes, int32 [m, 4]."""

    def box(shape, seed):
        begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.concat([shape, [3]], axis=0),
            bounding_boxes=tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
            seed=seed,
            min_object_covered=MIN_COVERED,
            aspect_ratio_range=ASPECT,
            area_range=area,
            max_attempts=100,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], extent[:2]], axis=0)

    data = tf.data.Dataset.from_tensor_slices((shapes, seeds)).map(box)
    return next(data.batch(len(shapes)).as_numpy_iterator())


@pytest.mark.parametrize(
    "area",
    [
        (0.08, 1.0),
        (0.28, 1.0),
        (0.9, 0.95),
        (1.0, 1.0),
        (0.01, 0.05),
        (0.1, 0.1),
    ],
)
def test_every_box_is_tensorflows(cases, area):
    np.testing.assert_array_equal(
        crop_boxes(*cases, area), tensorflows(*cases, area)
    )


def test_a_box_does_not_depend_on_the_others(cases):
    shapes, seeds = (x[:300] for x in cases)
    alone = [
        crop_boxes(shapes[i : i + 1], seeds[i : i + 1]) for i in range(300)
    ]
    np.testing.assert_array_equal(
        crop_boxes(shapes, seeds), np.concatenate(alone)
    )


@pytest.mark.parametrize("size", ["300x400", "32x32", "500x333"])
def test_golden_boxes(size):
    height, width = map(int, size.split("x"))
    seeds = np.stack([np.arange(COUNT), np.full([COUNT], 7)], axis=1)
    boxes = crop_boxes([[height, width]] * COUNT, seeds)
    begin, extent = boxes[:, :2], boxes[:, 2:]
    assert (begin >= 0).all()
    assert (begin + extent <= [height, width]).all()
    quantiles = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    shares = np.quantile(
        extent[:, 0] * extent[:, 1] / (height * width), quantiles
    )
    aspects = np.quantile(extent[:, 1] / extent[:, 0], quantiles)
    np.testing.assert_allclose(shares, GOLDEN[f"crop_{size}_area_q"], atol=0.03)
    np.testing.assert_allclose(
        aspects, GOLDEN[f"crop_{size}_aspect_q"], atol=0.02
    )
    np.testing.assert_allclose(
        begin.mean(0), GOLDEN[f"crop_{size}_meanoffset"], rtol=0.07
    )
