"""The vectors at each place of photos, in clusters.

Letters: n photos, s side of a photo as a net sees it, h w places of a part's
output, c channels.
"""

import os

import numpy as np
from scipy.cluster import vq

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.inference.views import CenterViews
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.models.backbones import build_encoder
from simclr.runs import weights

UNTRAINED = "untrained"


def maps(runs, images, *, clusters, count, image_size, seed):
    """Clusters of each part of each net.

    Args:
        runs: list of run folders.
        images: words of the photos.
        clusters: how many.
        count: n at most, the first photos that can be read.
        image_size: s; 0: the first run's.
        seed: int, of k-means.

    Returns:
        photos: float32 [n, s, s, 3] in [0, 1].
        maps: dict of (a net's name, part) -> int [n, h, w], below `clusters`;
            parts are the net's groups of blocks.

    Raises:
        InputError: as study_local_features.
    """
    trained = {}
    for run in runs:
        name = os.path.basename(run)
        if name in trained:
            raise InputError(f"Two of the runs are called {name}.")
        trained[name] = weights.load_encoder(run)
    first = next(iter(trained.values()))
    photos = _photos(images, count, image_size or first.image_size)
    nets = {name: net.models["encoder"] for name, net in trained.items()}
    nets[UNTRAINED] = build_encoder(
        first.config.model, first.config.data.image_size
    )
    parts = _parts(first.config.model)
    found = {}
    for name, net in nets.items():
        ends = net(photos, training=False)
        for part in parts:
            if part in ends:
                local = np.asarray(ends[part], np.float32)
                found[name, part] = _clustered(local, clusters, seed)
    return photos, found


def _parts(model):
    """The groups of blocks of a config.Model's net."""
    parts = [p for p in backbones.parts(model) if p.startswith("group")]
    if not parts:
        raise InputError(
            f"{backbones.describe(model)} has no groups of blocks with places; "
            "ResNets and the other convolutional nets have."
        )
    return parts


def _photos(images, count, size):
    """float32 [n, s, s, 3] of the first photos that can be read."""
    views = CenterViews(Reader(open_source(images)), size)
    rows = np.arange(min(count, len(views)))
    photos = np.empty([len(rows), *views.shape], np.float32)
    good = views.fill(rows, photos)
    if not good.any() or photos.shape[-1] != 3:
        raise InputError(f"{images} has no photo among its first {count}.")
    return photos[good]


def _clustered(local, clusters, seed):
    """The cluster of each place, int [n, h, w], of unit vectors [n, h, w, c].

    Fewer clusters where there are fewer different vectors.
    """
    rows = local.reshape(-1, local.shape[-1])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.maximum(lengths, 1e-12)
    clusters = min(clusters, len(np.unique(rows, axis=0)))
    # SciPy's: that of the clusters of a store is in the extra [explore].
    _, labels = vq.kmeans2(rows, clusters, minit="++", seed=seed)
    return labels.reshape(local.shape[:3])
