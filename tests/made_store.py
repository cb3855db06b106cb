"""A store of made vectors, without images behind them."""

import cv2
import numpy as np
import pyarrow as pa

from simclr.explore.store import schema, store


def mixture(count, parts, dims, *, spread=0.3, seed=0, of=0):
    """(float16 [count, dims], int [count] which part): a Gaussian mixture.

    `of` seeds the rows, `seed` the parts.
    """
    centres = np.random.default_rng(seed).normal(size=[parts, dims])
    rng = np.random.default_rng([seed, of])
    label = rng.integers(parts, size=count)
    rows = centres[label] + spread * rng.normal(size=[count, dims])
    return rows.astype(np.float16), label


def rows_of(vectors, encoder, *, source="/s", first=0, day="2026-01-01"):
    """A pa.Table of live rows; image i is a plain square of its own colour."""
    count = len(vectors)
    names = [f"{source}/{i:05d}" for i in range(first, first + count)]
    squares = [
        cv2.imencode(".jpg", np.full([8, 8, 3], i % 256, np.uint8))[1].tobytes()
        for i in range(first, first + count)
    ]
    images = schema.images_table(
        {
            "id": names,
            "source": [source] * count,
            "width": [100 + i % 7 for i in range(count)],
            "height": [100] * count,
            "sharpness": [float(i % 5) for i in range(count)],
            "thumbnail": squares,
            "day": [day] * count,
        }
    )
    flat = pa.array(np.asarray(vectors, np.float16).reshape(-1))
    cells = {
        "vector": pa.FixedSizeListArray.from_arrays(flat, encoder.dims),
        "model": pa.array([encoder.fingerprint] * count),
    }
    for name, cell in cells.items():
        images = images.append_column(encoder.column(name), cell)
    return images


def encoder(dims, number=1):
    return schema.Encoder(number, f"f{number}", "run", 1, 8, dims)


def begin(path, vectors):
    """A store of these vectors, image i with row i."""
    own = encoder(vectors.shape[1])
    with store.held(str(path)):
        return store.begin(str(path), own, rows_of(vectors, own).to_batches())
