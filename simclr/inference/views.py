"""What the host makes of images, ahead of the devices: views, in batches.

Letters: m = images, b = images in a batch, s = side of a view.
"""

import collections
import concurrent.futures

import numpy as np

from simclr.data.images.center_crop import center_views
from simclr.executors import cpus

# Batches that are made while the devices work on one.
_AHEAD = 2
# Images that a thread takes at a time: Python's part of an image is short, and
# handing it over from thread to thread would be longer.
_CHUNK = 16


class CenterViews:
    """Views of a source's images, as evaluation sees them (center_crop.py).

    Args:
        reader: Reader of the source.
        size: s, pixels.
    """

    def __init__(self, reader, size):
        self._reader = reader
        self.shape = (size, size, 3 + reader.source.num_planes)

    def __len__(self):
        return len(self._reader.source)

    def fill(self, rows, out):
        """Writes the views of some images; thread-safe.

        Args:
            rows: int [b], indices into the source.
            out: float32 [b, s, s, 3 + p] to write to, p planes of the source's.

        Returns:
            bool [b], which could be read; the views of others mean nothing.
        """
        loaded = [self._reader.load(row) for row in rows]
        center_views([image for image, _ in loaded], out[..., :3])
        if self.shape[-1] > 3:
            for view, row in zip(out, rows):
                view[..., 3:] = self._reader.source.planes(row)
        return np.array([not replaced for _, replaced in loaded], bool)

    def note_unreadable(self, rows):
        """Sees to it that `reader.bad` names images that others could not
        read."""
        for row in rows:
            self._reader.load(row)


class ReadyViews:
    """Views that are there already.

    Args:
        views: float [m, s, s, 3] in [0, 1].
    """

    def __init__(self, views):
        self._views = views
        self.shape = views.shape[1:]

    def __len__(self):
        return len(self._views)

    def fill(self, rows, out):
        """As CenterViews.fill."""
        out[:] = self._views[rows]
        return np.ones([len(rows)], bool)

    def note_unreadable(self, rows):
        """All of them can be read."""


def batches(views, parts, size, num_threads=0):
    """Makes batches in threads of their own, some ahead of their use.

    Args:
        views: CenterViews or ReadyViews.
        parts: iterable of int [<= size] arrays, the rows of each batch.
        size: b.
        num_threads: threads that read and decode; 0: one a CPU core.

    Yields:
        images: float32 [b, s, s, 3], zeros where a batch is not full. It is
            written over once the batch after the next is asked for.
        good: bool [b], which of them are images that could be read.
    """
    spare = collections.deque()  # Memory that is new is dear.

    def begin(rows):
        images = (
            spare.popleft() if spare else np.empty([size, *views.shape], "f")
        )
        images[len(rows) :] = 0
        chunk = max(1, min(_CHUNK, -(-len(rows) // num_threads)))
        real = images[: len(rows)]
        return images, [
            pool.submit(views.fill, rows[i : i + chunk], real[i : i + chunk])
            for i in range(0, len(rows), chunk)
        ]

    def end(images, chunks):
        good = np.zeros([size], bool)
        read = [chunk.result() for chunk in chunks]
        if read:
            good[: sum(map(len, read))] = np.concatenate(read)
        return images, good

    num_threads = num_threads or cpus.count()
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        ahead, used = collections.deque(), collections.deque()
        try:
            for rows in parts:
                ahead.append(begin(rows))
                if len(ahead) > _AHEAD:
                    images, good = end(*ahead.popleft())
                    yield images, good
                    used.append(images)
                if len(used) > 1:
                    spare.append(used.popleft())
            while ahead:
                yield end(*ahead.popleft())
        finally:  # After an error, what is still queued is not read.
            pool.shutdown(wait=False, cancel_futures=True)
