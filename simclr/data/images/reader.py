"""Pixels for training: an unreadable image never stops a run."""

import math
import shlex
import threading
import time

import numpy as np

from simclr.data.images.decode import Decoded, OrdinaryJpeg, open_image
from simclr.messages.errors import InputError, reason_of

# Decoded images are kept up to this many bytes: small ones (CIFAR-10's 50,000
# take 150 MB) are then decoded once, not once an epoch. A JPEG is decoded again
# where a part of its size is enough.
_CACHE_BYTES = 1 << 30
# A hundred unreadable neighbours are no accident: a disk or a mount is gone.
_MAX_TRIES = 100
# Pauses before an image whose bytes did not come is asked for again.
_RETRIES_S = (0.1, 0.5)


class Reader:
    """Decodes a source's images; replaces unreadable ones by the next ones.

    Which image replaces which depends on the source alone, so a run that is
    resumed, or spread over other machines, sees the same pixels.

    Args:
        source: Source.
        cache_bytes: how much of what is decoded is kept.

    Attributes:
        source: Source.
        bad: dict of id -> reason of the unreadable images met so far.
    """

    def __init__(self, source, *, cache_bytes=_CACHE_BYTES):
        self.source = source
        self.bad = {}
        self._bad_indices = set()
        self._sound = np.zeros(len(source), np.int64)  # Bytes of those.
        self._cache = {}
        self._cache_left = cache_bytes
        self._lock = threading.Lock()

    def load(self, index):
        """Loads an image, or the next readable one; thread-safe.

        Args:
            index: int in [0, num).

        Returns:
            image: uint8 [h, w, 3].
            replaced: bool, it is another image's.

        Raises:
            InputError: a hundred images in a row are unreadable.
        """
        image, found = self._load(int(index))
        return image, found != int(index)

    def load_labelled(self, index):
        """Loads an image, with the label and the index of what was loaded.

        Returns:
            image: uint8 [h, w, 3].
            label: int32, -1 for none.
            found: int64, the index of the image that was loaded.

        Raises:
            InputError: as for load.
        """
        image, found = self._load(int(index))
        labels = self.source.labels
        label = np.int32(-1 if labels is None else labels[found])
        return image, label, np.int64(found)

    def in_memory(self, index):
        """What of an image lies in memory: Decoded, or None."""
        return self._cache.get(int(index))

    def open(self, index):
        """Reads an image as far as its size, or the next that has one.

        Args:
            index: int in [0, num).

        Returns:
            picture: decode.OrdinaryJpeg or Decoded, for `pixels`.
            found: int, the index of the image that was opened.

        Raises:
            InputError: as for load.
        """
        index, num = int(index), len(self.source)
        tries = min(num, _MAX_TRIES)
        for offset in range(tries):
            candidate = (index + offset) % num
            if candidate in self._bad_indices:
                continue
            if candidate in self._cache:
                return self._cache[candidate], candidate
            try:
                return self._open(candidate), candidate
            except (ValueError, OSError) as error:
                self._note_bad(candidate, error)
        raise InputError(
            f"{tries} images in a row cannot be read, from "
            f"{self.source.id(index)!r} on: "
            f"{self.bad[self.source.id(index)]}. Run simclr check "
            f"{shlex.quote(self.source.name)}."
        )

    def pixels(self, picture, found, *, divisor=1, room=None, rows=None):
        """Decodes what was opened.

        An image is decoded whole when it is met first, or has another length:
        so whether it can be read never depends on the rows that matter. What
        it is does not depend on what is kept, which a resumed run has not.

        Args:
            picture, found: what `open` gave.
            divisor, room, rows: as in decode.OrdinaryJpeg.pixels.

        Returns:
            uint8 [h, w, 3]; None where it is unreadable after all: `open`
            then gives another.
        """
        kept = divisor == 1 and 3 * math.prod(picture.shape) <= self._cache_left
        try:
            if divisor > 1 and picture.was_jpeg:
                picture = self._open(found)
            if kept or self._sound[found] != picture.num_bytes:
                rows = None
            image = picture.pixels(divisor, None if kept else room, rows)
        except (ValueError, OSError) as error:
            self._note_bad(found, error)
            return None
        if picture.is_sound:
            self._sound[found] = picture.num_bytes
        if kept:
            self._keep(found, image, isinstance(picture, OrdinaryJpeg))
        return image

    def _open(self, index):
        return open_image(self._read(index), self.source.bit_depth)

    def _load(self, index):
        image = None
        while image is None:
            picture, found = self.open(index)
            image = self.pixels(picture, found)
        return np.ascontiguousarray(image), found

    def _note_bad(self, index, error):
        with self._lock:
            self.bad[self.source.id(index)] = reason_of(error)
            self._bad_indices.add(index)  # Last: others ask without the lock.

    def _read(self, index):
        """The bytes of an image; a hiccup of a disk or network is no fault."""
        for pause_s in _RETRIES_S:
            try:
                return self.source.read(index)
            except (FileNotFoundError, PermissionError):
                raise
            except OSError as error:
                # Without a number it is what we say of a damaged archive.
                if error.errno is None and "://" not in self.source.name:
                    raise
                time.sleep(pause_s)
        return self.source.read(index)

    def _keep(self, index, image, was_jpeg):
        """Into the cache, as long as there is room."""
        with self._lock:
            if index not in self._cache and image.nbytes <= self._cache_left:
                self._cache_left -= image.nbytes
                self._cache[index] = Decoded(image, was_jpeg)
