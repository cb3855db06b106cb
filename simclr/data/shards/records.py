"""Images in shards of records: TFRecord or ArrayRecord, of tf.train.Example."""

import concurrent.futures
import os
import posixpath

from simclr.data.shards import (
    first_record,
    unpacked,
)
from simclr.data.shards import (
    index as shard_index,
)
from simclr.data.shards.record_source import RecordSource
from simclr.executors import cpus
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar
from simclr.storage import files, json_text

# Written by `simclr prepare` beside its shards.
MANIFEST = "dataset.json"
# What else lies beside shards.
_NO_SHARDS = (shard_index.SUFFIX, ".json", ".csv", ".txt", ".md", ".gstmp")
_THREADS = 16  # For stats and walks; they wait for disk or network.


def open_tfrecord(pattern, name, **keys):
    """`open_records` of TFRecord files."""
    return open_records(pattern, name, file_format="tfrecord", **keys)


def open_arrayrecord(pattern, name, **keys):
    """`open_records` of ArrayRecord files."""
    return open_records(pattern, name, file_format="arrayrecord", **keys)


def open_records(pattern, name, *, file_format, image_key="", label_key=""):
    """Opens the shards that match a pattern.

    Args:
        pattern: glob, a file, or a folder of shards; local or remote.
        name: the words of the user.
        file_format: "tfrecord" or "arrayrecord".
        image_key, label_key: str, the features that are image and label; "":
            found in the first record (first_record.py).

    Raises:
        InputError, OSError: nothing matches, or a shard is bad.
    """
    paths = _match(files.absolute(pattern), name)
    found = first_record.find(
        paths[0],
        name,
        file_format=file_format,
        image_key=image_key,
        label_key=label_key,
    )
    source = open_shards(
        paths,
        name,
        file_format=file_format,
        feature_names=found.feature_names(),
        plain=_unpacked(paths) if found.compressed else paths,
    )
    if found.compressed:
        source.notes.append("the shards are compressed: copies are unpacked")
    source.notes += filter(None, [found.note])
    return source


def open_prepared(folder, name):
    """Opens a folder that `simclr prepare` wrote.

    Returns:
        RecordSource, or None if the folder is another one.

    Raises:
        InputError, OSError: it is unfinished or damaged.
    """
    manifest = _read_manifest(files.expand(folder))
    if not manifest:
        return None
    return open_records(folder, name, file_format=manifest["file_format"])


def open_shards(paths, name, *, file_format, feature_names, plain=None):
    """Opens shards in the order given, indexing those that are new.

    Args:
        paths: list of str, local or remote.
        name: the words of the user.
        file_format: "tfrecord" or "arrayrecord".
        feature_names: shard_index.FeatureNames.
        plain: list of str, where the shards lie as they are read; None: there.

    Returns:
        RecordSource.

    Raises:
        InputError, OSError: a shard is bad, or all are empty.
    """

    def index(path, place):
        try:
            return shard_index.index_shard(
                place, file_format=file_format, feature_names=feature_names
            )
        except InputError as error:  # It names the shard, not a copy of it.
            raise InputError(str(error).replace(place, path)) from None

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        indexes = list(
            progress_bar(
                pool.map(index, paths, plain or paths),
                total=len(paths),
                desc="Indexing",
                unit="shard",
                delay=2,
                leave=False,
            )
        )
    if not sum(map(len, indexes)):
        files_read = counted(len(paths), "file")
        raise InputError(f"{name}: {files_read} without a record.")
    whole = shard_index.concatenate(indexes)
    source = RecordSource(
        name,
        paths,
        [len(index) for index in indexes],
        whole,
        file_format=file_format,
        feature_names=feature_names,
        plain=plain or paths,
    )
    names = _class_names(paths, name)
    if source.labels is not None:
        numbers = [str(i) for i in range(int(source.labels.max()) + 1)]
        source.class_names = names or whole.class_names or numbers
    return source


def _unpacked(paths):
    """Unpacked copies of compressed shards, a list of paths."""
    with concurrent.futures.ThreadPoolExecutor(cpus.count()) as pool:
        return list(
            progress_bar(
                pool.map(unpacked.unpacked, paths),
                total=len(paths),
                desc="Unpacking",
                unit="shard",
                delay=2,
                leave=False,
            )
        )


def _match(pattern, name):
    if _is_folder(pattern):
        pattern = posixpath.join(pattern, "*")
    found = [
        path
        for path in files.glob_files(pattern)
        if not path.endswith(_NO_SHARDS)
    ]
    if found:
        return found
    folder = os.path.dirname(pattern)
    names = files.list_folder(folder or ".")
    there = (
        f"{folder or '.'} holds {len(names):,} others, such as {names[0]}"
        if names
        else f"{folder or '.'} is empty or does not exist"
    )
    raise FileNotFoundError(f"{name}: no file matches; {there}.")


def _is_folder(path):
    if files.is_remote(path):
        return bool(files.list_folder(path))
    return os.path.isdir(path)


def _read_manifest(folder):
    """What `simclr prepare` wrote into a folder; {} if it did not.

    Raises:
        InputError: it has not finished.
    """
    try:
        path = posixpath.join(folder, MANIFEST)
        manifest = json_text.parse(files.read_file(path))
        if not manifest.keys() >= {"file_format", "shards", "complete"}:
            return {}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError):  # Somebody else's.
        return {}
    if not manifest["complete"]:
        raise InputError(
            f"{folder} is not finished: run the same `simclr prepare` again, "
            "it goes on from where it was."
        )
    return manifest


def _class_names(paths, name):
    """What the shards' folders call the classes, or None.

    Raises:
        InputError: two folders number them differently.
    """
    folders = sorted({os.path.dirname(path) for path in paths})
    names = [_read_manifest(f).get("class_names") for f in folders]
    for folder, other in zip(folders, names):
        if other != names[0]:
            raise InputError(
                f"{name}: {folders[0]} and {folder} have different classes, "
                "so that a label means two things; open one of them."
            )
    return names[0]
