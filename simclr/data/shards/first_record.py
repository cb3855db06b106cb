"""Which features of a set's records are the image and the label."""

import itertools
import json
import typing

from simclr.data.images import formats
from simclr.data.shards import arrayrecord, example, tfrecord, unpacked
from simclr.data.shards.index import FeatureNames, first_of
from simclr.messages.errors import InputError
from simclr.storage import cache, files, json_text

_VERSION = 1

_LOOKED_AT = 8  # Records: one image may be damaged.
_FEW_BYTES = 64  # Fewer are no picture of 8 pixels a side.
# How a serialized TensorProto of bytes or numbers begins: dtype, then a shape.
_TENSOR = tuple(bytes([8, kind, 18]) for kind in range(1, 24))


class Found(typing.NamedTuple):
    """What the first records of a set say.

    Attributes:
        compressed: bool, the shards are to be unpacked.
        image, label: str, the features; "" where the usual names hold.
        note: str, what is to be said of them, or "".
    """

    compressed: bool
    image: str
    label: str
    note: str

    def feature_names(self):
        """The FeatureNames that the records are read by."""
        if not self.image:
            return FeatureNames()
        label = (self.label,) if self.label else ()
        return FeatureNames(image=(self.image,), label=label)


def find(path, name, *, file_format, image_key="", label_key=""):
    """Looks at the first records of a shard, once (storage/cache.py).

    Args:
        path: local or remote.
        name: the words of the user.
        file_format: "tfrecord" or "arrayrecord".
        image_key, label_key: str, features that a user names; "": found.

    Returns:
        Found.

    Raises:
        InputError: there is no encoded image, or no feature that was named.
        OSError: the file cannot be read.
    """
    keys = image_key, label_key
    kept = cache.path_for(
        "features", _VERSION, path, files.stat(path), file_format, keys
    )
    try:
        return Found(*json_text.parse(cache.read(kept) or b""))
    except (ValueError, TypeError):
        pass
    compressed = file_format == "tfrecord" and unpacked.is_compressed(path)
    plain = unpacked.unpacked(path) if compressed else path
    try:
        records = [*itertools.islice(_records(plain, file_format), _LOOKED_AT)]
    except InputError as error:  # It names the shard, not a copy of it.
        raise InputError(str(error).replace(plain, path)) from None
    found = Found(compressed, *_features(records, name, *keys))
    cache.write(kept, json.dumps(found).encode())
    return found


def _features(records, name, image_key, label_key):
    """(image, label, note) of the records, as Found has them."""
    if not records:
        return "", "", ""
    features, usual = records[0], FeatureNames()
    for key in (image_key, label_key):
        if key and key not in features:
            raise InputError(
                f"{name}: the records have no feature {key!r}, only "
                f"{', '.join(sorted(features))}."
            )
    image = image_key or _image(records, usual)
    if not image:
        return "", "", ""  # The index says what is there.
    _require_encoded(records, image, name)
    if image in usual.image and not (image_key or label_key):
        return "", "", ""
    label = label_key or next((x for x in usual.label if x in features), "")
    note = f"the records' image is {image!r}"
    note += f", their label {label!r}" if label else ", without a label"
    return image, label, note


def _records(path, file_format):
    """The features of each record: dict of name -> list of values."""
    if file_format == "tfrecord":
        found = ((size, buffer) for _, size, buffer in tfrecord.walk(path))
    else:
        found = ((len(data), data) for data in arrayrecord.walk(path))
    for size, buffer in found:
        try:
            spans = example.find_features(buffer, size)
            yield {k: example.all_values(buffer, v) for k, v in spans.items()}
        except ValueError as error:
            raise InputError(f"{path}, record 0: {error}") from None


def _image(records, usual):
    """The feature that holds images, "" for none."""
    features, *_ = records
    named = first_of({x: x for x in features}, usual.image)
    if named and any(map(_is_image, _values(records, named))):
        return named
    held = [x for x in features if any(map(_is_image, _values(records, x)))]
    return held[0] if held else named or ""


def _values(records, name):
    """The first value of a feature in each record that has one."""
    return [x[name][0] for x in records if x.get(name)]


def _is_image(value):
    return isinstance(value, bytes) and formats.is_certain(value)


def _require_encoded(records, image, name):
    """Refuses pixels that no encoder has packed."""
    values = _values(records, image)
    if any(isinstance(x, bytes) and formats.format_of(x) for x in values):
        return
    if not values:
        raise InputError(f"{name}: the records' {image!r} is empty.")
    value, count = values[0], len(records[0].get(image) or values)
    if not isinstance(value, bytes):
        what = f"{count:,} numbers"
    elif value.startswith(_TENSOR):
        what = f"a serialized tensor, {len(value):,} bytes"
    elif len({len(x) for x in values}) == 1 and len(value) >= _FEW_BYTES:
        what = f"{len(value):,} bytes, raw pixels"
    else:
        return  # A damaged image, or an empty one: found as any bad one.
    raise InputError(
        f"{name}: the records' {image!r} is {what}, no encoded image: their "
        "size is not told. Write them as JPEG or PNG (tf.io.encode_png), or "
        "--image_key names another feature."
    )
