import numpy as np
import pytest

from simclr.explore.duplicates import made


def images(count=3, seed=0):
    """Smooth pictures of several sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        small = rng.integers(256, size=[6, 8, 3], dtype=np.uint8)
        found.append(np.kron(small, np.ones([10 + number, 12, 1], np.uint8)))
    return found


def test_each_kind_of_each_image():
    found = list(made.made_duplicates(images()))
    assert [(n, k) for n, k, _ in found] == [
        (n, k) for n in range(3) for k in ("reencoded", "cropped", "resized")
    ]
    assert all(x.dtype == np.uint8 and x.ndim == 3 for _, _, x in found)


def test_reencoded_is_nearly_the_same():
    image = images()[0]
    [(_, _, copy)] = made.made_duplicates([image], ["reencoded"])
    assert copy.shape == image.shape and np.any(copy != image)
    assert np.abs(copy.astype(int) - image).mean() < 12
    red = np.zeros([16, 16, 3], np.uint8) + np.uint8([200, 0, 0])
    [(_, _, copy)] = made.made_duplicates([red], ["reencoded"])
    np.testing.assert_allclose(copy, red, atol=8)  # RGB stays RGB.


def test_cropped_is_a_window_of_95_percent():
    image = images()[1]
    [(_, _, copy)] = made.made_duplicates([image], ["cropped"])
    height, width = copy.shape[:2]
    assert (height, width) == (round(66 * 0.95), round(96 * 0.95))
    windows = np.lib.stride_tricks.sliding_window_view(
        image, [height, width, 3]
    )
    same = (windows == copy).all(axis=(-3, -2, -1))
    assert same.any()


def test_resized_is_smaller_and_keeps_its_shape():
    image = images()[0]
    [(_, _, copy)] = made.made_duplicates([image], ["resized"])
    height, width = copy.shape[:2]
    assert 0.39 < height / image.shape[0] < 0.91
    assert width / height == pytest.approx(96 / 60, rel=0.05)
    np.testing.assert_allclose(
        copy.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=2
    )


def test_seeds():
    def copies(seed, kinds=None):
        found = made.made_duplicates(images(), kinds, seed)
        return {(n, k): image for n, k, image in found}

    one, again, other = copies(0), copies(0), copies(1)
    for key, image in one.items():
        np.testing.assert_array_equal(again[key], image)
    assert any(
        other[key].shape != image.shape or np.any(other[key] != image)
        for key, image in one.items()
    )
    # What else is made does not matter.
    for key, image in copies(0, ["resized"]).items():
        np.testing.assert_array_equal(one[key], image)


def test_one_pixel():
    image = np.full([1, 1, 3], 77, np.uint8)
    for _, _, copy in made.made_duplicates([image]):
        assert copy.shape == (1, 1, 3)


def test_bad_input():
    with pytest.raises(ValueError, match="'mirrored' is not one of reenc"):
        list(made.made_duplicates(images(), ["mirrored"]))
    with pytest.raises(ValueError, match=r"Image 1 is float64 \[4, 4, 3\]"):
        list(made.made_duplicates([images()[0], np.zeros([4, 4, 3])]))
    with pytest.raises(ValueError, match=r"Image 0 is uint8 \[4, 4\]"):
        list(made.made_duplicates([np.zeros([4, 4], np.uint8)]))
