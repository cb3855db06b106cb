"""The words that open a source of images, and what opens it."""

import os

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean
from simclr.storage import files


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
        InputError, OSError: no such source, an empty one, or labels that do
            not fit it; one line that says what to do.
    """
    source = _open(spec)
    if labels == "none":
        source.labels = source.class_names = None
    elif labels:
        from simclr.data.sources.labels import read_labels

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
    if files.is_remote(spec) or kind == "tfds" or _is_sample(spec):
        return spec
    if not spec or (colon and kind in _KINDS and not rest):
        return spec
    if colon and kind in _KINDS:
        return f"{kind}:{os.path.abspath(files.expand(rest))}"
    return os.path.abspath(files.expand(spec))


def _is_sample(spec):
    return spec == "sample" or spec.startswith("sample/")


def _open(spec):
    kind, colon, rest = spec.partition(":")
    if colon and kind in _KINDS:
        if not rest:
            raise InputError(f"{spec!r} names nothing after {kind}:.")
        return _KINDS[kind](rest, spec)
    if _is_sample(spec):
        return _sample(spec)
    if not spec:
        raise InputError("The name of a source is empty: give a folder.")
    if (
        colon
        and not files.is_remote(spec)
        and not os.path.exists(files.expand(spec))
    ):
        hint = did_you_mean(kind, _KINDS, f"{{}}:{rest}")
        raise InputError(
            f"{spec!r} is no source: there is no {kind!r}, only "
            f"{', '.join(_KINDS)}, sample or a path.{hint}"
        )
    return _folder(spec, spec)


def _folder(path, spec):
    from simclr.data.shards.records import open_prepared
    from simclr.data.sources.folder import FolderSource

    if files.is_remote(path):
        raise InputError(
            f"{path!r}: remote images are read from shards. Pack them with "
            f"`simclr prepare`, then say tfrecord:{path.rstrip('/')}."
        )
    prepared = open_prepared(path, spec)
    return FolderSource(path, spec) if prepared is None else prepared


def _tfds(rest, spec):
    from simclr.data.sources.tfds import open_tfds

    return open_tfds(rest, spec)


def _tfrecord(pattern, spec):
    from simclr.data.shards.records import open_records

    return open_records(pattern, spec, file_format="tfrecord")


def _arrayrecord(pattern, spec):
    from simclr.data.shards.records import open_records

    return open_records(pattern, spec, file_format="arrayrecord")


def _sample(spec):
    from simclr.data.sources.sample import open_sample

    return open_sample(spec)


_KINDS = {
    "folder": _folder,
    "tfds": _tfds,
    "tfrecord": _tfrecord,
    "arrayrecord": _arrayrecord,
}
