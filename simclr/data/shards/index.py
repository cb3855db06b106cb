"""What a shard of records holds: positions, labels, ids.

`simclr prepare` writes it beside each shard it makes (SHARD.index); for other
shards it is made by one walk and cached.
"""

import dataclasses
import json
import zlib

import numpy as np

from simclr.data.labels.numbers import of_names
from simclr.data.shards import arrayrecord, example, tfrecord
from simclr.messages.errors import InputError
from simclr.storage import cache, files, json_text

SUFFIX = ".index"
_VERSION = 3
# Classes are told by their numbers, in lists as long as the largest.
MOST_LABEL = 1_000_000
_HEADER_BYTES = 4096  # Room for what an index of few records needs.
# Of a stored index's arrays, in their order.
_DTYPES = {
    "num_bytes": "<i8",
    "offsets": "<i8",
    "sizes": "<i8",
    "id_ends": "<i8",
    "labels": "<i4",
    "id_bytes": "u1",
    "class_bytes": "u1",
}


@dataclasses.dataclass(frozen=True)
class FeatureNames:
    """Names of an example's features, the first that is there counts."""

    image: tuple = ("image", "image/encoded", "image_bytes", "jpeg", "png")
    label: tuple = ("label", "image/class/label", "class", "cls", "target")
    id: tuple = ("id",)


@dataclasses.dataclass(frozen=True)
class ShardIndex:
    """The records of one shard, or of several after another."""

    offsets: np.ndarray  # int64 [num] in a TFRecord file; [0] in others.
    sizes: np.ndarray  # int64 [num], likewise.
    labels: np.ndarray  # int32 [num], -1 for none.
    id_bytes: np.ndarray  # uint8 [b], the ids one after another, UTF-8.
    id_ends: np.ndarray  # int64 [num], where each ends; [0] without ids.
    num_bytes: np.ndarray  # int64 scalar, of the file: is it still the same?
    # uint8 [c], what labels 0, 1, ... are called, with "\0" between them; [0]
    # where the records have numbers.
    class_bytes: np.ndarray

    def __len__(self):
        return len(self.labels)

    def id(self, index):
        """The id in the record, or "" if it has none."""
        if not len(self.id_ends):
            return ""
        start = self.id_ends[index - 1] if index else 0
        data = self.id_bytes[start : self.id_ends[index]].tobytes()
        return data.decode("utf-8", "backslashreplace")

    @property
    def class_names(self):
        """What the records call the classes, a list; None: by numbers."""
        if not len(self.class_bytes):
            return None
        return self.class_bytes.tobytes().decode().split("\0")

    def to_bytes(self):
        """The arrays' lengths as a line of JSON, then the arrays; zlib.

        Not as NumPy's .npz: that has headers for Python's parser, which in
        CPython 3.11 fails now and then when threads use it at once
        (SystemError: AST constructor recursion depth mismatch).
        """
        arrays = {
            name: np.asarray(getattr(self, name), dtype).ravel()
            for name, dtype in _DTYPES.items()
        }
        lengths = json.dumps({name: len(x) for name, x in arrays.items()})
        parts = [x.tobytes() for x in arrays.values()]
        return zlib.compress(b"".join([lengths.encode(), b"\n", *parts]))


def make_index(*, num_bytes, labels, ids, offsets=(), sizes=(), class_names=()):
    """A ShardIndex from lists; `ids` are bytes, or all empty for none."""
    ends = np.cumsum([len(name) for name in ids], dtype=np.int64)
    has_ids = len(ends) and ends[-1]
    return ShardIndex(
        offsets=np.asarray(offsets, np.int64),
        sizes=np.asarray(sizes, np.int64),
        labels=np.asarray(labels, np.int32),
        id_bytes=np.frombuffer(b"".join(ids), np.uint8),
        id_ends=ends if has_ids else ends[:0],
        num_bytes=np.asarray(num_bytes, np.int64),
        class_bytes=_joined(class_names),
    )


def _joined(names):
    return np.frombuffer("\0".join(names).encode(), np.uint8)


def concatenate(indexes):
    """One ShardIndex of the records of many, shard after shard."""
    counts = [len(index) for index in indexes]
    ids = any(len(index.id_ends) for index in indexes)
    ends, start = [np.zeros([0], np.int64)], 0
    for index, count in zip(indexes, counts):
        own = index.id_ends if len(index.id_ends) else np.zeros(count, np.int64)
        ends.append(own + start)
        start += len(index.id_bytes)
    labels, class_names = _same_classes(indexes)
    return ShardIndex(
        offsets=np.concatenate([index.offsets for index in indexes]),
        sizes=np.concatenate([index.sizes for index in indexes]),
        labels=labels,
        id_bytes=np.concatenate([index.id_bytes for index in indexes]),
        id_ends=np.concatenate(ends) if ids else ends[0],
        num_bytes=np.sum([index.num_bytes for index in indexes]),
        class_bytes=_joined(class_names),
    )


def _same_classes(indexes):
    """(labels of all, class names): a word has one number in all shards."""
    if all(index.class_names is None for index in indexes):
        return np.concatenate([index.labels for index in indexes]), ()
    words = []
    for index in indexes:
        names = index.class_names
        words += [
            "" if label < 0 else str(label) if names is None else names[label]
            for label in index.labels.tolist()
        ]
    return of_names(words)


def index_shard(path, *, file_format, feature_names):
    """Reads, or makes and caches, the index of one shard.

    Args:
        path: local or remote.
        file_format: "tfrecord" or "arrayrecord".
        feature_names: FeatureNames.

    Returns:
        ShardIndex.

    Raises:
        InputError: another format, damaged, not examples, or without an image
            in the first record; names the file.
        OSError: it cannot be read.
    """
    num_bytes, changed_ns = files.stat(path)
    key = (_VERSION, path, num_bytes, changed_ns, file_format, feature_names)
    cached = cache.path_for("index", *key)
    index = _from_bytes(cache.read(cached), num_bytes)
    if index is None:
        index = _beside(path, num_bytes)
        if index is None or not _fits(index, path, num_bytes, file_format):
            index = _walk(path, num_bytes, file_format, feature_names)
        cache.write(cached, index.to_bytes())
    return index


def _beside(path, num_bytes):
    try:
        return _from_bytes(files.read_file(path + SUFFIX), num_bytes)
    except OSError:
        return None


def _fits(index, path, num_bytes, file_format):
    """Whether the index that lies beside a shard can be that shard's.

    The records of a TFRecord file, with their frames, fill it; of ArrayRecord
    files the reader knows how many records they have.
    """
    num, ends = len(index), index.id_ends
    if index.num_bytes != num_bytes or len(ends) not in (0, num):
        return False
    if num and not -1 <= index.labels.min() <= index.labels.max() <= MOST_LABEL:
        return False
    ids = np.diff(ends, prepend=0)
    if (ids < 0).any() or ids.sum() != len(index.id_bytes):
        return False
    if file_format == "tfrecord":
        starts, end = tfrecord.places(index.sizes)
        return (
            len(starts) == num
            and end == num_bytes
            and (np.array_equal(starts, index.offsets))
        )
    # To count those of a remote file it would have to be copied here.
    return files.is_remote(path) or arrayrecord.count(path) == num


def _from_bytes(data, num_bytes):
    """The index that to_bytes wrote; None for nothing or damaged bytes.

    Args:
        data: bytes, or None.
        num_bytes: of the shard. What an image's record adds to its index is
            smaller than the record.
    """
    try:
        unpack = zlib.decompressobj()
        content = unpack.decompress(data, num_bytes + _HEADER_BYTES)
        if not unpack.eof:
            return None
        header, _, rest = content.partition(b"\n")
        lengths, arrays, start = json_text.parse(header), {}, 0
        for name, dtype in _DTYPES.items():
            # Those before there were words for classes have none.
            count = lengths.get(name, 0)
            arrays[name] = np.frombuffer(rest, dtype, count, start)
            start += arrays[name].nbytes
        arrays["num_bytes"] = arrays["num_bytes"].reshape([])
        return ShardIndex(**arrays)
    except (ValueError, TypeError, AttributeError, KeyError, zlib.error):
        return None


def _walk(path, num_bytes, file_format, feature_names):
    if file_format == "tfrecord":
        records = tfrecord.walk(path)
    else:
        records = ((0, len(data), data) for data in arrayrecord.walk(path))
    offsets, sizes, labels, ids = [], [], [], []
    for offset, size, buffer in records:
        try:
            features = example.find_features(buffer, size)
            if not labels and first_of(features, feature_names.image) is None:
                raise InputError(no_image(features, feature_names))
            label = first_of(features, feature_names.label)
            label = label and example.label_of(buffer, label)
            if isinstance(label, int) and not -1 <= label <= MOST_LABEL:
                raise InputError(
                    f"its label is {label:,}; classes have numbers from 0 to "
                    f"{MOST_LABEL:,}, and -1 is none"
                )
            name = first_of(features, feature_names.id)
            name = name and example.first_bytes(buffer, name)
        except ValueError as error:
            raise InputError(f"{path}, record {len(labels)}: {error}") from None
        offsets.append(offset)
        sizes.append(size)
        labels.append(-1 if label is None else label)
        ids.append(name or b"")
    if file_format != "tfrecord":
        offsets = sizes = ()
    class_names = ()
    if any(isinstance(label, str) for label in labels):
        words = ["" if label == -1 else str(label) for label in labels]
        labels, class_names = of_names(words)
    return make_index(
        num_bytes=num_bytes,
        labels=labels,
        class_names=class_names,
        ids=ids,
        offsets=offsets,
        sizes=sizes,
    )


def first_of(features, feature_names):
    """The span of the first feature that is there, or None."""
    there = (features[name] for name in feature_names if name in features)
    return next(there, None)


def no_image(features, feature_names):
    """The message for an example without an image."""
    return (
        f"no image under {' or '.join(feature_names.image)}; the record has "
        f"{', '.join(sorted(features)) or 'no features'}"
    )
