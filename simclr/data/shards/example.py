"""tf.train.Example as bytes, read and written without TensorFlow.

The wire format is small and frozen (protobuf.dev/programming-guides/encoding;
tensorflow/core/example/{example,feature}.proto). Reading it here starts fast,
copies nothing, and can skip the image when only the label is wanted:

    Example.features = 1; Features.feature = 1, a map (key = 1, value = 2);
    Feature.bytes_list = 1, float_list = 2, int64_list = 3; each list's
    value = 1, ints packed or not.

A `buffer` is anything that gives bytes for buffer[start:stop].
"""

import math
import struct

from simclr.messages.errors import InputError

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def find_features(buffer, stop):
    """Where the features of one example lie.

    Args:
        buffer: holds an example at [0, stop).
        stop: int.

    Returns:
        dict of str -> (start, stop) of that Feature message in the buffer.

    Raises:
        InputError: the bytes are not an example.
    """
    found = {}
    for number, _, start, end in _fields(buffer, 0, stop):
        if number != 1:
            continue
        for _, _, entry_start, entry_end in _fields(buffer, start, end):
            key, value = "", (entry_start, entry_start)
            for part, _, a, b in _fields(buffer, entry_start, entry_end):
                if part == 1:
                    key = bytes(buffer[a:b]).decode("utf-8", "replace")
                elif part == 2:
                    value = a, b
            found[key] = value
    return found


def first_bytes(buffer, span):
    """The first bytes value of a Feature, or None."""
    for kind, _, start, stop in _fields(buffer, *span):
        if kind == _BYTES_LIST:
            for _, _, a, b in _fields(buffer, start, stop):
                return bytes(buffer[a:b])
    return None


def all_values(buffer, span):
    """The values of a Feature, a list of bytes, of float, or of int."""
    found = []
    for kind, _, start, stop in _fields(buffer, *span):
        for _, wire, a, b in _fields(buffer, start, stop):
            if kind == _BYTES_LIST:
                found.append(bytes(buffer[a:b]))
            elif kind == _FLOAT_LIST:  # Packed or not: 4 bytes each.
                data = bytes(buffer[a:b])
                found += struct.unpack(f"<{len(data) // 4}f", data)
            elif kind == _INT64_LIST and wire == _VARINT:
                found.append(_signed(_varint(buffer, a)[0]))
            elif kind == _INT64_LIST:
                while a < b:
                    value, a = _varint(buffer, a)
                    found.append(_signed(value))
    return found


def label_of(buffer, span):
    """The class that a Feature names.

    Returns:
        int, of a whole number or the place of the one in a row of zeros; str,
        of a text; None where there is no value.

    Raises:
        InputError: it is no class, or several.
    """
    values = all_values(buffer, span)
    if not values:
        return None
    if len(values) > 1:
        if sorted(values)[-2:] == [0, 1] and not any(sorted(values)[:-1]):
            return values.index(1)
        raise InputError(
            f"a label of {len(values)} values, which is no class: an image has "
            "one; --label_key names another feature, --labels=none leaves all "
            "out"
        )
    (value,) = values
    if isinstance(value, bytes):
        return _text(value)
    if not math.isfinite(value) or value != int(value):
        raise InputError(f"a label of {value:g}, which is no class")
    return int(value)


def _text(value):
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        raise InputError(
            f"a label of {len(value):,} bytes that are no text"
        ) from None
    return text or None


def serialize(features):
    """Bytes of an example, the same for the same features.

    Args:
        features: dict of str -> bytes or int.
    """
    entries = b""
    for key, value in features.items():
        if isinstance(value, bytes):
            feature = _message(_BYTES_LIST, _message(1, value))
        else:
            packed = _message(1, _to_varint(value % (1 << 64)))
            feature = _message(_INT64_LIST, packed)
        entry = _message(1, key.encode()) + _message(2, feature)
        entries += _message(1, entry)
    return _message(1, entries)


def _fields(buffer, start, stop):
    """Yields (number, wire type, start, stop) of a message's fields."""
    while start < stop:
        tag, start = _varint(buffer, start)
        wire = tag & 7
        if wire == _LENGTH:
            size, start = _varint(buffer, start)
            end = start + size
        elif wire == _VARINT:
            _, end = _varint(buffer, start)
        elif wire in (_FIXED32, _FIXED64):
            end = start + (4 if wire == _FIXED32 else 8)
        else:
            raise InputError("not a tf.train.Example")
        if end > stop:
            raise InputError("not a tf.train.Example, or cut off")
        yield tag >> 3, wire, start, end
        start = end


def _varint(buffer, start):
    """(value, position after it)."""
    data = buffer[start : start + 10]
    if data and data[0] < 0x80:  # Most are one byte.
        return data[0], start + 1
    value = 0
    for i, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, start + i + 1
    raise InputError("not a tf.train.Example")


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def _to_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number, data):
    return _to_varint(number << 3 | _LENGTH) + _to_varint(len(data)) + data
