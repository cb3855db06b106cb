"""Vectors of duplicates that are made of a store's images.

Letters: p = duplicates, f = features.
"""

import numpy as np

from simclr.commands.explore.vectors import encoders
from simclr.data.images.center_crop import center_view
from simclr.data.images.reader import Reader
from simclr.data.sources import registry
from simclr.explore.duplicates.made import made_duplicates
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError

_IMAGES = 500


def vectors_of_duplicates(store, run, devices, *, seed):
    """Makes duplicates of some images, and embeds them.

    Args:
        store: Store.
        run: run folder of its encoder; "": where that was loaded from.
        devices: Devices.
        seed: int, chooses the images.

    Returns:
        index: int [p], which of the store's live images each is of.
        vectors: float32 [p, f].

    Raises:
        InputError: no such encoder, or not one of the images can be read.
    """
    trained = encoders.load(store, run, devices.strategy)
    rows = store.read(["id", "source"]).to_pylist()
    rng = np.random.default_rng(seed)
    picked = rng.permutation(len(rows))[: 2 * _IMAGES]
    index, images = _opened(rows, picked)
    if not images:
        raise InputError(
            f"Not one of the images that {store.path} is of can be read, such "
            f"as {rows[picked[0]]['id']}: say --threshold."
        )
    made, views = [], []
    for number, _, image in made_duplicates(images, seed=seed):
        made.append(index[number])
        views.append(center_view(image, trained.image_size))
    encoder = Infer(trained.model, devices.strategy)
    return np.array(made), features.in_batches(encoder, np.array(views))


def _opened(rows, picked):
    """(which rows, their images) of those that can be read, both lists."""
    readers, places = {}, {}
    index, images = [], []
    for row in picked:
        if len(images) == _IMAGES:
            break
        source, name = rows[row]["source"], rows[row]["id"]
        if source not in readers:
            readers[source] = _reader(source)
            reader = readers[source]
            count = len(reader.source) if reader else 0
            places[source] = {
                f"{source}/{reader.source.id(i)}": i for i in range(count)
            }
        place = places[source].get(name)
        if place is None:
            continue
        image, replaced = readers[source].load(place)
        if not replaced:
            index.append(int(row))
            images.append(image)
    return index, images


def _reader(source):
    try:
        return Reader(registry.open_source(source), cache_bytes=0)
    except (OSError, ValueError):  # A folder that went.
        return None
