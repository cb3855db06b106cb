"""Images that are asked for, embedded as a store's are.

Letters: q = queries, f = features.
"""

import os

import numpy as np

from simclr.commands.explore.vectors import encoders
from simclr.data.images.center_crop import center_view
from simclr.data.images.decode import open_image
from simclr.data.images.reader import Reader
from simclr.data.sources import registry
from simclr.explore.looks import fitted, id_of
from simclr.explore.reports.of_neighbours import QUERIES
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.storage import files

_SIDE = 256  # Pixels, of an image that is drawn.


def embedded(store, run, query, devices):
    """Embeds images by the encoder of a store.

    Args:
        store: Store.
        run: run folder of its encoder; "": where that was loaded from.
        query: an image file, or images as for open_source.
        devices: Devices.

    Returns:
        names: list of str [q].
        vectors: float32 [q, f].
        images: dict of name -> uint8 [h, w, 3], small, of the first ones.

    Raises:
        InputError: no such image or images, or another encoder.
    """
    trained = encoders.load(store, run, devices.strategy)
    encoder = Infer(trained.model, devices.strategy)
    if os.path.isfile(query):
        image = _read(query)
        view = center_view(image, trained.image_size)[None]
        name = files.absolute(query)
        small = {name: fitted(image, _SIDE)}
        return [name], features.in_batches(encoder, view), small
    reader = Reader(registry.open_source(query), cache_bytes=0)
    rows, vectors = features.embed(
        encoder, reader, image_size=trained.image_size
    )
    if reader.bad:
        show(f"{len(reader.bad)} unreadable images left out")
    root = registry.root_of(query)
    names = [id_of(root, reader.source, row) for row in rows]
    small = {
        name: fitted(reader.load(row)[0], _SIDE)
        for name, row in zip(names[:QUERIES], rows)
    }
    return names, vectors, small


def _read(path):
    """The pixels of a file."""
    try:
        data = files.read_file(path)
        return np.ascontiguousarray(open_image(data).pixels(1, None))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
