"""The angle between kernels before and after a step."""

import numpy as np
import pytest

from simclr.training.angle import mean_angle


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-4, 0.0046, 0.3, 1.5, np.pi])
def test_a_kernel_that_is_turned(angle):
    """In float32, whatever its length: by the exact turn in a plane."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(300, 2)))[0].T  # Two at right angles.
    before = 7.0 * basis[0]
    after = 3.0 * (np.cos(angle) * basis[0] + np.sin(angle) * basis[1])
    found = mean_angle(
        [before.astype(np.float32).reshape(10, 30)],
        [after.astype(np.float32).reshape(10, 30)],
    )
    np.testing.assert_allclose(found, angle, rtol=1e-3, atol=2e-7)


def test_the_mean_over_kernels_and_zeros():
    a, b = np.float32([1, 0]), np.float32([0, 2])
    zero = np.zeros(3, np.float32)
    found = mean_angle([a, a, zero], [b, a, zero])
    np.testing.assert_allclose(found, np.pi / 6, rtol=1e-6)
