"""Images in shards of records, a source."""

import hashlib
import posixpath

import numpy as np

from simclr.data.shards import arrayrecord, example, tfrecord
from simclr.data.shards import index as shard_index
from simclr.data.source import Source, labels_or_none
from simclr.messages.errors import InputError
from simclr.storage import files


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
        plain: list of str, where the shards lie as they are read.
    """

    def __init__(
        self, name, paths, counts, index, *, file_format, feature_names, plain
    ):
        super().__init__(name)
        self._index = index
        self._feature_names = feature_names
        self._ends = np.cumsum(counts)
        self._shards = []
        for path, count, end in zip(plain, counts, self._ends):
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
        if file_format == "tfrecord" and any(map(files.is_remote, plain)):
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


def short_names(paths):
    """Distinct names of shards: file names, or paths below what they share."""
    names = [posixpath.basename(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    shared = posixpath.commonpath(paths)
    return [posixpath.relpath(path, shared) for path in paths]
