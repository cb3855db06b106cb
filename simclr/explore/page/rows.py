"""What a page says of each image, as columns.

Letters: n = images of the page, f = features, d = dimensions, k = neighbours,
t = texts that differ.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.explore.page import pacmap
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

_NEIGHBOURS = 12
_TEXTS = ("source", "label", "prediction", "day")


@dataclasses.dataclass(frozen=True)
class Texts:
    """A column of texts.

    Attributes:
        code: int32 [n], which of `texts`; -1: none.
        texts: list of t str, in their order.
    """

    code: np.ndarray
    texts: list


@dataclasses.dataclass(frozen=True)
class Rows:
    """One row an image.

    Attributes:
        number: int64 [n], which row of the store's table.
        name: pa.StringArray [n], the id without its source.
        place: float32 [n, 2], on the map, each in [0, 1].
        near: int32 [n, k], the most similar other rows, the nearest first.
        cluster: int32 [n], -1: none.
        distance, novelty: float32 [n], NaN where there is none.
        source, label, prediction, day: Texts.
    """

    number: np.ndarray
    name: pa.StringArray
    place: np.ndarray
    near: np.ndarray
    cluster: np.ndarray
    distance: np.ndarray
    novelty: np.ndarray
    source: Texts
    label: Texts
    prediction: Texts
    day: Texts

    def __len__(self):
        return len(self.number)

    def ordered(self, order):
        """The same rows in another order, an int [n]."""
        place_of = np.empty(len(order), np.int32)
        place_of[order] = np.arange(len(order), dtype=np.int32)

        def taken(value):
            if isinstance(value, Texts):
                return Texts(value.code[order], value.texts)
            if isinstance(value, pa.Array):
                return value.take(pa.array(order))
            return value[order]

        fields = dataclasses.fields(self)
        new = {one.name: taken(getattr(self, one.name)) for one in fields}
        return Rows(**new | {"near": place_of[new["near"]]})


def read(store, layout, where=None):
    """The rows of live images, in the store's order.

    Args:
        store: Store.
        layout: layout.Layout of its current encoder.
        where: a filter in SQL beside being live; None: all.

    Returns:
        Rows. Neighbours are of the map's whitened space, among these rows.

    Raises:
        InputError: there are fewer than two images.
    """
    where = f"{store.live} and {where}" if where else store.live
    names = ["id", *_TEXTS, "cluster", "distance", "novelty"]
    table = store.read(names, where=where)
    if len(table) < 2:
        images = counted(len(table), "image")
        raise InputError(f"{store.path} has {images} to show.")
    x = np.empty([len(table), layout.landmarks.shape[1]], np.float16)
    start = 0
    for block in store.blocks(where):
        x[start : start + len(block)] = layout.whitening.apply(block)
        start += len(block)
    k = min(_NEIGHBOURS, len(x) - 1)
    return Rows(
        number=store.numbers(where),
        name=_without_source(table),
        place=layout.place(x),
        near=pacmap.neighbours(x, k).astype(np.int32),
        cluster=_filled(table["cluster"], -1).astype(np.int32),
        distance=_filled(table["distance"], np.nan).astype(np.float32),
        novelty=_filled(table["novelty"], np.nan).astype(np.float32),
        **{name: _texts(table[name]) for name in _TEXTS},
    )


def _filled(column, value):
    return column.fill_null(value).to_numpy()


def _texts(column):
    found = column.combine_chunks().dictionary_encode()
    texts = found.dictionary.to_pylist()
    code = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    order = sorted(range(len(texts)), key=lambda i: texts[i])
    rank = np.empty(len(texts) + 1, np.int32)
    rank[order] = np.arange(len(texts))
    rank[-1] = -1
    return Texts(rank[code], [texts[i] for i in order])


def _without_source(table):
    """A pa.StringArray: ids as SOURCE/NAME without SOURCE and the slash."""
    pairs = zip(table["id"].to_pylist(), table["source"].to_pylist())
    names = [name[len(source) + 1 :] for name, source in pairs]
    return pa.array(names, pa.string())
