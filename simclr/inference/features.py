"""Features h of many images, for everything that looks at a trained encoder.

Letters: m = images, b = images in a batch, s = side of a view, f = features.
"""

import collections
import concurrent.futures
import operator
import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from simclr.data.images.center_crop import center_view
from simclr.messages.errors import InputError

# Batches decoded ahead of the encoder.
_AHEAD = 3
# Raw pixels of larger views are averaged down to this side: 3072 numbers.
_RAW_SIDE = 32


def embed(
    encoder,
    reader,
    rows=None,
    *,
    image_size,
    batch_size=256,
    num_threads=0,
    progress=True,
):
    """Features of a source's images, as evaluation sees them (center_view).

    An image that cannot be read has the features of the one that replaces it;
    `embed_part` leaves those out.

    Args:
        encoder: function of float32 [b, s, s, 3] images in [0, 1], b always
            `batch_size`, that returns features [b, f] or a dict of them:
            several encoders then share one pass over the images. It must be
            in inference mode (see inference/forward.py): a row's features
            must not depend on the batch it is in.
        reader: has `load(row) -> (uint8 [h, w, 3], replaced)`, thread-safe.
        rows: int [m], indices into the reader's source; None for all.
        image_size: s, pixels.
        batch_size: b; the last batch is filled up, so that every call has the
            same shape.
        num_threads: threads that read and decode; 0: one a CPU core.
        progress: show a bar.

    Returns:
        float32 [m, f], or a dict of them.

    Raises:
        InputError: no row, or the reader finds no readable image.
    """
    rows = np.arange(len(reader.source)) if rows is None else np.asarray(rows)
    results = None
    for start, parts in batches(
        encoder,
        reader,
        rows,
        image_size=image_size,
        batch_size=batch_size,
        num_threads=num_threads,
        progress=progress,
    ):
        if results is None:
            results = tf.nest.map_structure(
                lambda h: np.zeros([len(rows), *h.shape[1:]], np.float32),
                parts,
            )
        for h, part in zip(tf.nest.flatten(results), tf.nest.flatten(parts)):
            h[start : start + len(part)] = part
    return results


def batches(
    encoder,
    reader,
    rows,
    *,
    image_size,
    batch_size=256,
    num_threads=0,
    progress=True,
    title="Embedding",
):
    """What `embed` gives, batch by batch: a million images need no more memory.

    Args:
        encoder, reader, image_size, batch_size, num_threads: as in `embed`.
        rows: int [m].
        progress: show a bar.
        title: str before the bar.

    Yields:
        start: int, of the batch in `rows`.
        h: [<= b, f] array, or a dict of them, of rows[start:][:b]. What of
            these could not be read is in `reader.bad` by now.

    Raises:
        InputError: as in `embed`.
    """
    if len(rows) == 0:
        raise InputError("There is no image to embed.")
    batch_size = min(batch_size, len(rows))
    with tqdm(
        total=len(rows), desc=title, unit="img", disable=not progress
    ) as bar:
        for start, views in _views(
            reader, rows, image_size, batch_size, num_threads
        ):
            count = len(views)
            filler = np.zeros([batch_size - count, *views.shape[1:]], "float32")
            parts = encoder(np.concatenate([views, filler]))
            first = operator.itemgetter(slice(count))
            yield start, tf.nest.map_structure(first, parts)
            bar.update(count)


def embed_part(encoder, part, *, image_size, progress=True):
    """Features of a split.Part, without the images that cannot be read.

    Args:
        encoder, image_size, progress: as in `embed`.
        part: split.Part.

    Returns:
        part: the Part of the images that were read.
        h: float32 [m, f], or a dict of them.

    Raises:
        InputError: as in `embed`, or not one can be read.
    """
    h = embed(
        encoder,
        part.reader,
        part.rows,
        image_size=image_size,
        progress=progress,
    )
    bad = part.reader.bad
    kept = np.array(
        [part.reader.source.id(row) not in bad for row in part.rows]
    )
    if not kept.any():
        raise InputError(f"None of the {len(kept)} images can be read.")
    return part.take(kept), tf.nest.map_structure(lambda x: x[kept], h)


def raw_pixels(views):
    """The baseline that knows nothing: pixel values as features.

    Args:
        views: float [b, s, s, 3] images in [0, 1].

    Returns:
        float32 [b, r * r * 3], r = min(s, 32); larger views are averaged down.
    """
    views = np.asarray(views, np.float32)
    if views.shape[1] > _RAW_SIDE:
        side = [_RAW_SIDE, _RAW_SIDE]
        views = tf.image.resize(views, side, method="area").numpy()
    return views.reshape(len(views), -1)


def _views(reader, rows, image_size, batch_size, num_threads):
    """Yields (start, float32 [<= b, s, s, 3]), in order of `rows`."""

    def view(row):
        image, _ = reader.load(row)
        return center_view(image, image_size)

    num_threads = num_threads or os.cpu_count()
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        ahead = collections.deque()
        try:
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                ahead.append((start, [pool.submit(view, row) for row in batch]))
                if len(ahead) > _AHEAD:
                    yield _stack(*ahead.popleft())
            while ahead:
                yield _stack(*ahead.popleft())
        finally:  # After an error, what is still queued is not read.
            pool.shutdown(wait=False, cancel_futures=True)


def _stack(start, futures):
    return start, np.stack([future.result() for future in futures])
