"""Where images come from: one class and the words that open it.

Every source reads at random, by index, and names every image with an id that
stays the same as long as the source holds the same images.
"""

import difflib
import hashlib
import os

import numpy as np

from simclr.data import storage


class Source:
    """Encoded images by index.

    Attributes:
        name: str, the words it was opened with.
        labels: int32 [num], -1 where an image has no label; None when no
            image has one.
        class_names: list of str, the names of labels 0, 1, ...; or None.
        block_size: int, how many neighbours come with one request, about,
            where reads at random are dear, as from gs://; else 1.
        notes: list of str, what a user should know about it, a line each.
    """

    def __init__(self, name):
        self.name = name
        self.labels = None
        self.class_names = None
        self.block_size = 1
        self.notes = []

    def __len__(self):
        """Number of images."""
        raise NotImplementedError

    def id(self, index):
        """The stable, unique name of an image, a str."""
        raise NotImplementedError

    def read(self, index):
        """The encoded bytes of an image; may be called from many threads.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        raise NotImplementedError

    def fingerprint(self):
        """Digest of the ids, 16 hexadecimal digits: what the source holds."""
        digest = hashlib.blake2b(digest_size=8)
        for index in range(len(self)):
            digest.update(self.id(index).encode() + b"\0")
        return digest.hexdigest()


def open_source(spec, labels=""):
    """Opens a source of images.

    Args:
        spec: str, one of
            PATH or folder:PATH   images in a folder, at any depth
            tfds:NAME[/SPLIT]     a prepared TensorFlow data set
            tfrecord:GLOB         TFRecord files, local or gs://
            arrayrecord:GLOB      ArrayRecord files, local or gs://
            sample[/train|/test]  the Fashion-MNIST part in this package
        labels: str, a CSV file with columns id and label that says all the
            labels there are; "" for the source's own; "none" for no labels.

    Returns:
        Source with at least one image.

    Raises:
        ValueError, OSError: no such source, an empty one, or labels that do
            not fit it; one line that says what to do.
    """
    source = _open(spec)
    if labels == "none":
        source.labels = source.class_names = None
    elif labels:
        from simclr.data.labels import read_labels

        source.labels, source.class_names = read_labels(labels, source)
    return source


def absolute(spec):
    """The same source, whatever the current folder will be.

    Args:
        spec: as for open_source.

    Returns:
        str; local paths are absolute in it.
    """
    kind, colon, rest = spec.partition(":")
    if storage.is_remote(spec) or kind == "tfds" or _is_sample(spec):
        return spec
    if not spec or (colon and kind in _KINDS and not rest):
        return spec
    if colon and kind in _KINDS:
        return f"{kind}:{os.path.abspath(storage.expand(rest))}"
    return os.path.abspath(storage.expand(spec))


def _is_sample(spec):
    return spec == "sample" or spec.startswith("sample/")


def _open(spec):
    kind, colon, rest = spec.partition(":")
    if colon and kind in _KINDS:
        if not rest:
            raise ValueError(f"{spec!r} names nothing after {kind}:.")
        return _KINDS[kind](rest, spec)
    if _is_sample(spec):
        return _sample(spec)
    if not spec:
        raise ValueError("The name of a source is empty: give a folder.")
    if (
        colon
        and not storage.is_remote(spec)
        and not os.path.exists(storage.expand(spec))
    ):
        near = difflib.get_close_matches(kind, _KINDS, n=1)
        hint = f" Did you mean {near[0]}:{rest}?" if near else ""
        raise ValueError(
            f"{spec!r} is no source: there is no {kind!r}, only "
            f"{', '.join(_KINDS)}, sample or a path.{hint}"
        )
    return _folder(spec, spec)


def _folder(path, spec):
    from simclr.data.folder import FolderSource
    from simclr.data.records import open_prepared

    if storage.is_remote(path):
        raise ValueError(
            f"{path!r}: remote images are read from shards. Pack them with "
            f"`simclr prepare`, then say tfrecord:{path.rstrip('/')}."
        )
    prepared = open_prepared(path, spec)
    return FolderSource(path, spec) if prepared is None else prepared


def _tfds(rest, spec):
    from simclr.data.tfds import open_tfds

    return open_tfds(rest, spec)


def _tfrecord(pattern, spec):
    from simclr.data.records import open_records

    return open_records(pattern, spec, file_format="tfrecord")


def _arrayrecord(pattern, spec):
    from simclr.data.records import open_records

    return open_records(pattern, spec, file_format="arrayrecord")


def _sample(spec):
    from simclr.data.sample import open_sample

    return open_sample(spec)


_KINDS = {
    "folder": _folder,
    "tfds": _tfds,
    "tfrecord": _tfrecord,
    "arrayrecord": _arrayrecord,
}


def labels_or_none(labels):
    """int32 labels, or None when not one image has any (all -1)."""
    labels = np.asarray(labels, np.int32)
    return labels if (labels >= 0).any() else None
