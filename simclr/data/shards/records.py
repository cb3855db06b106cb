"""Images in shards of records: TFRecord or ArrayRecord, of tf.train.Example."""

import concurrent.futures
import hashlib
import os
import posixpath

import numpy as np

from simclr.data.shards import (
    arrayrecord,
    example,
    tfrecord,
)
from simclr.data.shards import (
    index as shard_index,
)
from simclr.data.source import Source, labels_or_none
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar
from simclr.storage import files, json_text

# Written by `simclr prepare` beside its shards.
MANIFEST = "dataset.json"
# What else lies beside shards.
_NO_SHARDS = (shard_index.SUFFIX, ".json", ".csv", ".txt", ".md", ".gstmp")
_THREADS = 16  # For stats and walks; they wait for disk or network.


class RecordSource(Source):
    """Images in shards.

    An id is the record's own "id", else shard__position as in
    tensorflow-datasets (cifar10-train.tfrecord-00000-of-00001__17).

    Args:
        name: the words it was opened with.
        paths: list of str, shards in order.
        counts: list of int, records in each.
        index: ShardIndex of all records, shard after shard.
        file_format: "tfrecord" or "arrayrecord".
        feature_names: shard_index.FeatureNames.
    """

    def __init__(
        self, name, paths, counts, index, *, file_format, feature_names
    ):
        super().__init__(name)
        self._index = index
        self._feature_names = feature_names
        self._ends = np.cumsum(counts)
        self._shards = []
        for path, count, end in zip(paths, counts, self._ends):
            part = slice(end - count, end)
            self._shards.append(
                tfrecord.TFRecordShard(
                    path, index.offsets[part], index.sizes[part]
                )
                if file_format == "tfrecord"
                else arrayrecord.ArrayRecordShard(path)
            )
        self._shard_names = short_names(paths)
        self._own_ids = self._has_own_ids()
        self.labels = labels_or_none(index.labels)
        # ArrayRecord shards are copied to this machine.
        if file_format == "tfrecord" and any(map(files.is_remote, paths)):
            mean_bytes = index.sizes.mean()
            self.block_size = max(1, int(files.CHUNK_BYTES / mean_bytes))

    def __len__(self):
        return len(self._index)

    def id(self, index):
        if self._own_ids:
            return self._index.id(index)
        shard, position = self._locate(index)
        return f"{self._shard_names[shard]}__{position}"

    def read(self, index):
        shard, position = self._locate(index)
        data = self._shards[shard].read(position)
        features = example.find_features(data, len(data))
        span = shard_index.first_of(features, self._feature_names.image)
        image = span and example.first_bytes(data, span)
        if image is None:
            raise InputError(
                shard_index.no_image(features, self._feature_names)
            )
        return image

    def fingerprint(self):
        digest = hashlib.blake2b(digest_size=8)
        for name, end in zip(self._shard_names, self._ends):
            digest.update(f"{name}\0{end}\0".encode())
        digest.update(self._index.id_bytes.tobytes())
        digest.update(self._index.sizes.tobytes())
        return digest.hexdigest()

    def _locate(self, index):
        """(shard, position in it) of an image."""
        shard = int(np.searchsorted(self._ends, index, side="right"))
        start = self._ends[shard - 1] if shard else 0
        return shard, int(index - start)

    def _has_own_ids(self):
        """Whether every record has an id, each another one."""
        num = len(self._index)
        if not len(self._index.id_ends):
            return False
        names = {self._index.id(i) for i in range(num)}
        if len(names) == num and "" not in names:
            return True
        self.notes.append(
            f"the records' ids are not unique ({len(names):,} for {num:,} "
            "images): shard and position are used instead"
        )
        return False


def open_tfrecord(pattern, name):
    """`open_records` of TFRecord files."""
    return open_records(pattern, name, file_format="tfrecord")


def open_arrayrecord(pattern, name):
    """`open_records` of ArrayRecord files."""
    return open_records(pattern, name, file_format="arrayrecord")


def open_records(pattern, name, *, file_format):
    """Opens the shards that match a pattern.

    Args:
        pattern: glob, a file, or a folder of shards; local or remote.
        name: the words of the user.
        file_format: "tfrecord" or "arrayrecord".

    Raises:
        InputError, OSError: nothing matches, or a shard is bad.
    """
    paths = _match(files.absolute(pattern), name)
    return open_shards(
        paths,
        name,
        file_format=file_format,
        feature_names=shard_index.FeatureNames(),
    )


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


def open_shards(paths, name, *, file_format, feature_names):
    """Opens shards in the order given, indexing those that are new.

    Args:
        paths: list of str, local or remote.
        name: the words of the user.
        file_format: "tfrecord" or "arrayrecord".
        feature_names: shard_index.FeatureNames.

    Returns:
        RecordSource.

    Raises:
        InputError, OSError: a shard is bad, or all are empty.
    """

    def index(path):
        return shard_index.index_shard(
            path, file_format=file_format, feature_names=feature_names
        )

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        indexes = list(
            progress_bar(
                pool.map(index, paths),
                total=len(paths),
                desc="Indexing",
                unit="shard",
                delay=2,
                leave=False,
            )
        )
    if not sum(map(len, indexes)):
        raise InputError(f"{name}: {len(paths)} files without a record.")
    source = RecordSource(
        name,
        paths,
        [len(index) for index in indexes],
        shard_index.concatenate(indexes),
        file_format=file_format,
        feature_names=feature_names,
    )
    names = _class_names(paths, name)
    if source.labels is not None:
        numbers = [str(i) for i in range(int(source.labels.max()) + 1)]
        source.class_names = names or numbers
    return source


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


def short_names(paths):
    """Distinct names of shards: file names, or paths below what they share."""
    names = [posixpath.basename(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    shared = posixpath.commonpath(paths)
    return [posixpath.relpath(path, shared) for path in paths]
