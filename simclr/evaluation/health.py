"""What features tell about themselves, without labels.

Letters: m = images, f = features; h = features as they are, u = h / |h|.
"""

import numpy as np

from simclr.messages.errors import InputError

# Rows of a block of pairs: 1024 x 1024 distances at a time.
_BLOCK = 1024
# Images whose pairs `health` looks at: 12 million pairs, a second.
_UNIFORMITY_IMAGES = 5000

# Thresholds of `diagnose`. A ResNet-18 with fresh weights, which nobody would
# call trained, gives a feature_std of 0.05 to 0.09 and an effective rank of 2.7
# of 128 or 11 of 512 on CIFAR-10; a run below that is worse than no training.
_CONSTANT_STD = 0.03
# Effective rank: 2 % of the dimensions, but no less than 2 and no more than 10,
# which is low whatever the width.
_LOW_RANK_SHARE, _LOW_RANK = 0.02, (2, 10)
# The rank of a few images is low whatever the encoder.
_MIN_IMAGES = 100
# Fresh ReLU features have about 10 % that are always 0.
_DEAD_STD, _DEAD_SHARE = 1e-4, 0.5


def effective_rank(h):
    """exp(entropy of the normalised singular values) of a feature matrix.

    Roy & Vetterli 2007, Eq. 2-3; used as RankMe by Garrido et al. 2023
    (arxiv.org/abs/2210.02885), there too without centring.

    Args:
        h: [m, f] features. At most min(m, f), so compare equal m only.

    Returns:
        float: 1 for a constant output, f for f equally strong directions;
        0 when all features are zero.

    Raises:
        InputError: features that are not finite, or no row.
    """
    h = _checked(h)
    # Singular values are the roots of the eigenvalues of the smaller product.
    if h.shape[0] >= h.shape[1]:
        product = np.zeros([h.shape[1]] * 2)
        for i in range(0, len(h), _BLOCK):
            block = np.asarray(h[i : i + _BLOCK], np.float64)
            product += block.T @ block
    else:
        product = np.asarray(h, np.float64) @ np.asarray(h, np.float64).T
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(product), 0))
    if values.max() == 0:
        return 0.0
    # The roots of float64's rounding, which a thousand dimensions would sum.
    values = values[values > 1e-7 * values.max()]
    p = values / values.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def alignment(h1, h2):
    """Mean squared distance of the two views of an image, on the sphere.

    Wang & Isola 2020 (arxiv.org/abs/2005.10242), alpha = 2.

    Args:
        h1: [m, f] features of the first views.
        h2: [m, f] features of the second views, rows in the same order.

    Returns:
        float in [0, 4]: 0 when both views always get the same feature, 2 when
        they are as unlike as two random directions.

    Raises:
        InputError: features that are not finite, or no row.
    """
    difference = _unit(_checked(h1)) - _unit(_checked(h2))
    return float(np.sum(np.square(difference), axis=1).mean())


def uniformity(h):
    """log mean exp(-2 |u_i - u_j|^2) over all pairs of different images.

    Wang & Isola 2020, t = 2. Takes m^2 f multiplications; a sample of a few
    thousand images is plenty.

    Args:
        h: [m, f] features.

    Returns:
        float: 0 when all images are alike, about -4 when they are spread
        evenly over a sphere of many dimensions; NaN for fewer than 2 images.

    Raises:
        InputError: features that are not finite, or no row.
    """
    u = _unit(_checked(h)).astype(np.float32)
    m = len(u)
    if m < 2:
        return float("nan")
    total = 0.0
    for i in range(0, m, _BLOCK):
        for j in range(0, i + 1, _BLOCK):
            similarity = u[i : i + _BLOCK] @ u[j : j + _BLOCK].T
            kernel = np.exp(4 * (similarity - 1))  # |u - v|^2 = 2 - 2 u.v
            # A block off the diagonal stands for its mirror image as well.
            total += kernel.sum(dtype=np.float64) * (1 if i == j else 2)
            if i == j:
                total -= np.trace(kernel, dtype=np.float64)
    return float(np.log(total / (m * (m - 1))))


def feature_std(h):
    """Standard deviation of each dimension of u, times sqrt(f).

    The collapse check of SimSiam (Chen & He 2021, arxiv.org/abs/2011.10566,
    Section 4.1), scaled so that it does not depend on f.

    Args:
        h: [m, f] features.

    Returns:
        float64 [f]: all 0 for a constant output, about 1 each when the
        features are spread evenly over the sphere.

    Raises:
        InputError: features that are not finite, or no row.
    """
    u = _unit(_checked(h))
    return u.std(axis=0, dtype=np.float64) * np.sqrt(u.shape[1])


def health(h, h1=None, h2=None):
    """All figures of this module, as values for a row of metrics.jsonl.

    Args:
        h: [m, f] features of different images.
        h1: [n, f] features of first views, or None.
        h2: [n, f] features of the same images' second views, or None.

    Returns:
        dict of floats: "effective_rank", "uniformity" (of 5000 evenly chosen
        images where there are more), "feature_std" (the mean over dimensions),
        "dead_features" (share of dimensions that are the same for all images)
        and, with both views, "alignment". All are NaN when a feature is not
        finite; `diagnose` then says so.

    Raises:
        InputError: no row.
    """
    views = [] if h1 is None or h2 is None else [h1, h2]
    names = ["effective_rank", "uniformity", "feature_std", "dead_features"]
    names += ["alignment"] if views else []
    if not all(np.all(np.isfinite(x)) for x in [h, *views]):
        return dict.fromkeys(names, float("nan"))
    std = feature_std(h)
    count = min(len(h), _UNIFORMITY_IMAGES)
    rows = np.linspace(0, len(h) - 1, count).astype(int)
    values = [
        effective_rank(h),
        uniformity(h[rows]),
        float(std.mean()),
        float(np.mean(std < _DEAD_STD)),
    ]
    values += [alignment(*views)] if views else []
    return dict(zip(names, values))


def diagnose(figures, num_features, num_images, alike):
    """Warnings on collapse, the first that applies; none for a healthy encoder.

    Args:
        figures: what `health` returned; other keys are ignored.
        num_features: f.
        num_images: m, images that the figures are of; below 100 they tell
            nothing but that features are not finite, or all the same.
        alike: function, whether the images themselves are all the same; it is
            asked where their features are.

    Returns:
        list of sentences.
    """
    std = figures["feature_std"]
    rank = figures["effective_rank"]
    dead = figures["dead_features"]
    if not np.isfinite(std):
        return ["Some features are not finite: the weights are broken."]
    few = num_images < _MIN_IMAGES
    if num_images > 1 and std < (_DEAD_STD if few else _CONSTANT_STD):
        if alike():
            return [
                "All images that were looked at are the same picture: there "
                "is nothing to learn from them, nor to tell apart."
            ]
        return [
            "The encoder gives nearly the same features for every image "
            f"(feature_std {std:.2g}; 0 is a constant output, 1 an even "
            "spread): it has collapsed."
        ]
    if few:
        return []
    if rank < np.clip(_LOW_RANK_SHARE * num_features, *_LOW_RANK):
        return [
            f"The features use about {rank:.1f} of their {num_features} "
            "dimensions (effective rank): dimensional collapse."
        ]
    if dead > _DEAD_SHARE:
        return [
            f"{dead:.0%} of the {num_features} features are the same for "
            "every image: most of the encoder's output is dead."
        ]
    return []


def _checked(h):
    h = np.asarray(h)
    if h.ndim != 2 or h.size == 0:
        raise InputError(f"Features have shape {h.shape}; expected [m, f].")
    if not np.all(np.isfinite(h)):
        raise InputError("The features are not finite.")
    return h


def _unit(h):
    """Rows of length 1, in float64; rows of zeros stay."""
    h = np.asarray(h, np.float64)
    return h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12)
