"""The words that open a source of images, and what opens it."""

import importlib
import os
from urllib.parse import quote, unquote

from simclr.data.labels import spelling
from simclr.data.sources.synthetic import words
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean
from simclr.storage import files

# What stands before the colon: the function in simclr.data that opens it, and
# what stands after the colon. The function gets that and the whole words, and
# returns a Source. A PATH, a GLOB or a LIST may be relative to the current
# folder, and IMAGES are a source themselves; so are synthetic images' digits.
SOURCES = {
    "folder": ("sources.folder:open_folder", "PATH"),
    "tfds": ("sources.tfds.source:open_tfds", "NAME[/SPLIT]"),
    "tfrecord": ("shards.records:open_tfrecord", "GLOB"),
    "arrayrecord": ("shards.records:open_arrayrecord", "GLOB"),
    "zip": ("archives.zip_file:ZipSource", "PATH"),
    "tar": ("archives.tar_file:TarSource", "GLOB"),
    "parquet": ("archives.parquet_file:ParquetSource", "GLOB"),
    "idx": ("sources.idx:open_idx", "PATH"),
    "keys": ("sources.registry:open_keys", "IMAGE,LABEL:IMAGES"),
    "bits": ("sources.bit_depth:open_bits", "BITS:IMAGES"),
    "synthetic": ("sources.synthetic.opening:open_synthetic", "NAME?OPTIONS"),
    "keep": ("sources.kept:take", "LIST:IMAGES"),
}
# Those whose images and labels have names of their own.
_KEYED = ("tfrecord", "arrayrecord", "parquet")
# All of them, for a help text.
SPELLINGS = (
    "a folder of photos, "
    + ", ".join(f"{kind}:{rest}" for kind, (_, rest) in SOURCES.items())
    + " or sample[/train|/test]"
)


def open_source(spec, labels=""):
    """Opens a source of images.

    Args:
        spec: str: a folder's path; one of SOURCES, as in tfrecord:GLOB; or
            sample[/train|/test], the Fashion-MNIST part in this package.
        labels: str, a table that says all the labels there are
            (data/labels/spelling.py); "" for the source's own; "none" for no
            labels.

    Returns:
        Source with at least one image.

    Raises:
        InputError, OSError: no such source, an empty one, or labels that do
            not fit it; one line that says what to do.
    """
    kind, _, rest = spec.partition(":")
    if kind == "keep":
        return _kept(rest, spec, labels)
    source = _open(spec)
    if not len(source):
        raise InputError(f"{spec!r} holds no image.")
    if labels:  # Why there were none of its own is no matter then.
        why = source.why_unlabelled
        source.notes = [note for note in source.notes if note != why]
        source.why_unlabelled = ""
    if labels == spelling.NONE:
        source.labels = source.class_names = None
    elif labels == spelling.FOLDERS:
        from simclr.data.folders import class_folders

        source.labels, source.class_names = class_folders.by_id(source)
    elif labels:
        from simclr.data.labels.read import read_labels

        source.labels, source.class_names = read_labels(
            labels, source, root_of(spec)
        )
    return source


def with_keys(spec, image_key, label_key):
    """The spelling of records whose features, or columns, a user names.

    Args:
        spec: str, as for open_source.
        image_key, label_key: str, or "" for one that is found.
    """
    if not spec or not (image_key or label_key):
        return spec
    names = (quote(key, safe="/ ") for key in (image_key, label_key))
    return f"keys:{','.join(names)}:{spec}"


def open_keys(rest, name):
    """Opens "IMAGE,LABEL:IMAGES".

    Args:
        rest: str, what with_keys gives, without "keys:".
        name: the words of the user.

    Raises:
        InputError: images that have no names for such, or as open_source.
    """
    names, _, images = rest.partition(":")
    kind, _, inner = images.partition(":")
    keys = [unquote(key) for key in names.split(",")]
    if kind not in _KEYED or len(keys) != 2 or not inner:
        raise InputError(
            f"{name!r}: keys are of {', '.join(_KEYED)}, as in "
            "keys:IMAGE,LABEL:tfrecord:GLOB."
        )
    return _opener(kind)(inner, name, image_key=keys[0], label_key=keys[1])


def _kept(rest, spec, labels):
    """Some images of a source; labels are of the whole one."""
    from simclr.data.sources.kept import take

    path, _, images = rest.partition(":")
    if not path or not images:
        raise InputError(
            f"{spec!r} names a list of ids and images: keep:LIST:IMAGES."
        )
    source = take(open_source(images, labels), path, root_of(images))
    source.name = spec
    return source


def root_of(spec):
    """What the ids of a source begin with where several sources meet."""
    folder = local_folder(spec)
    return files.absolute(folder) if folder else absolute(spec)


def absolute(spec):
    """The same source, whatever the current folder will be.

    Args:
        spec: as for open_source.

    Returns:
        str; local paths are absolute in it.
    """
    kind, colon, rest = spec.partition(":")
    if colon and SOURCES.get(kind, ("", ""))[1].endswith(":IMAGES"):
        head, colon, images = rest.partition(":")
        head = files.absolute(head) if kind == "keep" and head else head
        return f"{kind}:{head}{colon}{absolute(images)}"
    if colon and kind == "synthetic":
        made, options = words.split(rest)
        for option in set(options) & set(words.OF_SOURCES):
            options[option] = absolute(options[option])
        return f"{kind}:{words.join(made, options)}"
    if files.is_remote(spec) or not spec or _is_sample(spec):
        return spec
    if not colon or kind not in SOURCES:
        return files.absolute(spec)
    if not rest or SOURCES[kind][1] not in ("PATH", "GLOB"):
        return spec
    return f"{kind}:{files.absolute(rest)}"


def local_folder(spec):
    """The folder that a spec names; "" where it names something else."""
    kind, colon, rest = spec.partition(":")
    if (
        (colon and kind != "folder")
        or _is_sample(spec)
        or files.is_remote(spec)
    ):
        return ""
    return files.expand(rest if colon else spec)


def _is_sample(spec):
    return spec == "sample" or spec.startswith("sample/")


def _open(spec):
    kind, colon, rest = spec.partition(":")
    if colon and kind in SOURCES:
        if not rest:
            raise InputError(f"{spec!r} names nothing after {kind}:.")
        return _opener(kind)(rest, spec)
    if _is_sample(spec):
        from simclr.data.sources.sample import open_sample

        return open_sample(spec)
    if not spec:
        raise InputError("The name of a source is empty: give a folder.")
    if (
        colon
        and not files.is_remote(spec)
        and not os.path.exists(files.expand(spec))
    ):
        hint = did_you_mean(kind, SOURCES, f"{{}}:{rest}")
        raise InputError(
            f"{spec!r} is no source: there is no {kind!r}, only "
            f"{', '.join(SOURCES)}, sample or a path.{hint}"
        )
    return _opener("folder")(spec, spec)


def _opener(kind):
    module, _, function = SOURCES[kind][0].partition(":")
    return getattr(importlib.import_module(f"simclr.data.{module}"), function)
