"""One pass over many images, for everything that looks at them with a net.

A pass streams: the host decodes and cuts views some batches ahead of the
devices, every worker of a cluster makes a share of each batch, every replica a
share of that, and what comes out is handed on batch by batch.

Letters: m = images, b = images in a batch, s = side of a view, f = features.
"""

import collections
import math

import numpy as np
import tensorflow as tf

from simclr.inference import views as host
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar

# Of a batch on a replica: so many images, and so many numbers, at most.
_MOST_IMAGES, _MOST_NUMBERS = 256, 1 << 24
# Raw pixels of larger views are averaged down to this side: 3072 numbers.
_RAW_SIDE = 32


def embed(encoder, reader, rows=None, *, image_size, **options):
    """Features of a source's images, as evaluation sees them (center_view).

    Args:
        encoder, reader, rows, image_size, **options: as in `batches`.

    Returns:
        rows: int [m'], those of the images that could be read, in their order;
            `reader.bad` names the others.
        h: float32 [m', f], or a dict of them.

    Raises:
        InputError: as `batches`; or not one image can be read.
    """
    rows = np.arange(len(reader.source)) if rows is None else np.asarray(rows)
    found, results, count = np.empty(len(rows), np.int64), None, 0
    for part, h in batches(
        encoder, reader, rows, image_size=image_size, **options
    ):
        if results is None:
            results = tf.nest.map_structure(lambda x: room(rows, x), h)
        place = slice(count, count + len(part))
        found[place] = part
        for whole, some in zip(tf.nest.flatten(results), tf.nest.flatten(h)):
            whole[place] = some
        count += len(part)
    require_one(count, rows)
    return found[:count], tf.nest.map_structure(lambda x: x[:count], results)


def batches(
    encoder,
    reader,
    rows,
    *,
    image_size,
    progress=True,
    title="Embedding",
    **options,
):
    """What `embed` gives, batch by batch: a million images need no more memory.

    Args:
        encoder, **options: as in `stream`.
        reader: has `load(row) -> (uint8 [h, w, 3], replaced)`, thread-safe.
        rows: int [m], indices into the reader's source.
        image_size: s, pixels.
        progress: show a bar.
        title: str before the bar.

    Yields:
        As `stream`.

    Raises:
        InputError: no row, or a hundred images in a row cannot be read.
    """
    if len(rows) == 0:
        raise InputError("There is no image to embed.")
    views = host.CenterViews(reader, image_size)
    with progress_bar(
        total=len(rows), desc=title, unit="img", shown=progress
    ) as bar:
        yield from stream(encoder, views, rows, seen=bar.update, **options)


def in_batches(encoder, images, workers=None):
    """Features of ready views: float32 [m, f].

    Args:
        encoder, workers: as in `stream`.
        images: float [m, s, s, 3] in [0, 1].
    """
    views = host.ReadyViews(images)
    found = stream(encoder, views, range(len(images)), workers=workers)
    return np.concatenate([h for _, h in found])


def stream(
    encoder,
    views,
    rows,
    *,
    workers=None,
    batch_size=0,
    num_threads=0,
    seen=lambda count: None,
):
    """Passes images through nets, a batch at a time.

    All workers go through a pass together and get the same.

    Args:
        encoder: Infer; or any function of float32 [n, s, s, 3] images in
            [0, 1] to an array of n rows or a dict of them; or a dict of such,
            which then share the pass. A row's features must not depend on the
            batch that it is in.
        views: views.CenterViews or ReadyViews.
        rows: int [m], which of them.
        workers: workers.Workers; None: this process is alone.
        batch_size: b, over all replicas of all workers; 0: what is fast. The
            last batch is filled up, so that all have the same shape.
        num_threads: threads that read and decode; 0: one a CPU core.
        seen: told how many images were looked at, after each batch.

    Yields:
        rows: int [<= b], those of a batch that could be read, in order.
        h: array [<= b, f], or a dict of them.

    Raises:
        InputError: a hundred images in a row cannot be read, or a net takes
            images of another number of channels.
        Stopped: one of several workers has heard a signal.
    """
    rows = np.asarray(rows)
    nets = [x for x in tf.nest.flatten(encoder) if isinstance(x, Infer)]
    for net in nets:
        if net.channels not in (None, views.shape[-1]):
            raise InputError(
                f"The images have {views.shape[-1]} channels and the net takes "
                f"{net.channels}: it was trained with another number of planes "
                "beside the colours (model.extra_planes)."
            )
        net.refresh()
    several = workers is not None and workers.several
    count, index = (workers.count, workers.index) if several else (1, 0)
    replicas = max([1, *(net.replicas for net in nets)])
    share = _share(len(rows), views.shape, replicas, count, batch_size)
    size = share * count  # b

    def ends(start, good, h):
        """What a batch gives, once the devices have done it."""
        h = tf.nest.map_structure(np.asarray, h)
        if several:
            workers.raise_noted()
            h = tf.nest.map_structure(workers.together, h)
            good = workers.together(good.astype(np.int32)) > 0
        part = rows[start : start + size]
        good = good[: len(part)]
        if several and not good.all():
            views.note_unreadable(part[~good])
        seen(len(part))
        if good.any():
            kept = np.flatnonzero(good)  # Copied: the rest is used again.
            yield part[kept], tf.nest.map_structure(lambda x: x[kept], h)

    starts = range(0, len(rows), size)
    mine = (rows[i + index * share :][:share] for i in starts)
    begun = collections.deque()
    for start, (images, good) in zip(
        starts, host.batches(views, mine, share, num_threads)
    ):
        # The next batch begins before what this one gives is fetched.
        begun.append((start, good, _begin(encoder, images)))
        if len(begun) > 1:
            yield from ends(*begun.popleft())
    while begun:
        yield from ends(*begun.popleft())


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


def room(rows, like):
    """Memory for the features of rows, as those of some are."""
    return np.empty([len(rows), *like.shape[1:]], like.dtype)


def require_one(count, rows):
    """Stops where not one image could be read.

    Args:
        count: int, images that could be.
        rows: those that were asked for.

    Raises:
        InputError: count is 0.
    """
    if not count:
        raise InputError(f"None of the {len(rows)} images can be read.")


def _begin(encoder, images):
    """What nets give for a batch, there when it is looked at."""
    return tf.nest.map_structure(lambda net: net(images), encoder)


def _share(images, shape, replicas, workers, batch_size):
    """How many images of a batch one worker takes: a multiple of its replicas.

    Args:
        images: m.
        shape: (s, s, 3).
        replicas: of this worker.
        workers: how many there are.
        batch_size: b, or 0.
    """
    fitting = max(1, _MOST_NUMBERS // math.prod(shape))
    fast = replicas * min(_MOST_IMAGES, 1 << (fitting.bit_length() - 1))
    share = -(-batch_size // workers) or fast
    share = min(share, -(-images // workers))
    return -(-share // replicas) * replicas
