"""PCA-whitening: the space in which rows are clustered.

Letters: n = rows, f = features, d = dimensions that are kept.
"""

import dataclasses

import numpy as np

from simclr.messages.errors import InputError

_BLOCK = 16_384
# A direction of less than this share of the largest deviation is the rounding
# of float16, which keeps 11 bits, and no feature.
_ROUNDING = 1e-3


@dataclasses.dataclass(frozen=True)
class Whitening:
    """Centres, projects and scales rows to length 1.

    Attributes:
        mean: float32 [f].
        axes: float32 [f, d], principal axes, each divided by its deviation.
    """

    mean: np.ndarray
    axes: np.ndarray

    def apply(self, rows):
        """unit((rows - mean) axes).

        Args:
            rows: float [n, f].

        Returns:
            float32 [n, d] of length 1; a row that is the mean stays 0.

        Raises:
            InputError: rows of another width, or that are not finite.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise InputError(
                f"Rows are {list(rows.shape)}; the whitening is of "
                f"{len(self.mean)} features."
            )
        result = np.empty([len(rows), self.axes.shape[1]], np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            centred = rows[part].astype(np.float32) - self.mean
            result[part] = unit(centred @ self.axes)
        return result


def fit(sample, dims=128, floor=0.5):
    """The whitening of a sample (Jegou and Chum 2012, Section 3).

    Full whitening (a floor of 0) gives the noise of the last axes the weight
    of the first: that finds near-duplicates, and loses clusters, the more of
    them the more axes are kept. So an axis is divided by its deviation or, if
    that is more, by `floor` times that of the first axis; 1 divides all by the
    same, which is PCA alone.

    Args:
        sample: float [n, f].
        dims: d at most; fewer where the sample spans fewer.
        floor: share of the largest deviation, in [0, 1].

    Returns:
        Whitening. The largest entry of each axis is positive: the same sample
        gives the same axes.

    Raises:
        InputError: dims < 1, a floor outside [0, 1], fewer than 2 rows, rows
            that are all alike or not finite.
    """
    if dims < 1:
        raise InputError(f"dims is {dims}; it must be at least 1.")
    if not 0 <= floor <= 1:
        raise InputError(f"floor is {floor}; it must be in [0, 1].")
    if len(sample) < 2:
        raise InputError(f"{len(sample)} row(s): nothing to whiten by.")
    mean, covariance = _moments(sample)
    variances, axes = np.linalg.eigh(covariance)
    deviations = np.sqrt(np.maximum(variances[::-1], 0))
    spanned = np.sum(deviations > _ROUNDING * deviations[0])
    count = min(dims, len(sample) - 1, int(spanned))
    if count == 0:
        raise InputError(f"All {len(sample)} rows are alike.")
    axes, deviations = axes[:, ::-1][:, :count], deviations[:count]
    largest = np.abs(axes).argmax(axis=0)
    signs = np.sign(axes[largest, np.arange(count)])
    axes = axes * signs / np.maximum(deviations, floor * deviations[0])
    return Whitening(mean.astype(np.float32), axes.astype(np.float32))


def unit(rows):
    """Rows scaled to length 1; rows of zeros stay.

    Raises:
        InputError: rows that are not finite.
    """
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.all(np.isfinite(length)):
        count = np.sum(~np.isfinite(length))
        raise InputError(f"{count} row(s) of features are not finite.")
    return rows / np.maximum(length, 1e-12)


def _moments(sample):
    """The mean, float64 [f], and the covariance, float64 [f, f]."""
    parts = range(0, len(sample), _BLOCK)
    total = np.zeros(sample.shape[1])
    for start in parts:
        total += sample[start : start + _BLOCK].sum(axis=0, dtype=np.float64)
    if not np.all(np.isfinite(total)):
        raise InputError("The features of the sample are not all finite.")
    mean = total / len(sample)
    covariance = np.zeros([len(mean), len(mean)])
    for start in parts:
        centred = sample[start : start + _BLOCK] - mean
        covariance += centred.T @ centred
    return mean, covariance / len(sample)
