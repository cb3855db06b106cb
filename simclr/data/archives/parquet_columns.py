"""Which columns of a Parquet file are the images and their labels.

What Hugging Face's datasets says of them stands in the schema's metadata.
"""

import pyarrow as pa

from simclr.data.images.formats import is_certain
from simclr.messages.errors import InputError
from simclr.storage import json_text

_IMAGES = ("image", "img", "jpg", "png", "image_bytes", "photo", "picture")
_LABELS = ("label", "labels", "class", "cls", "fine_label", "category")
_FIRST = 16  # Rows that are looked at.


def _features(schema):
    """What Hugging Face's datasets says of the columns, a dict."""
    try:
        told = json_text.parse(schema.metadata[b"huggingface"])
        features = told["info"]["features"]
        return features if isinstance(features, dict) else {}
    except (KeyError, TypeError, ValueError):
        return {}


def _told(schema, kind):
    """The columns that are of a kind by Hugging Face's words, a list."""
    return [
        name
        for name, feature in _features(schema).items()
        if name in schema.names
        and isinstance(feature, dict)
        and feature.get("_type") == kind
    ]


def image_column(file, schema, name, given):
    """The name of the column of the images.

    Raises:
        InputError: there is none, or it has paths alone.
    """
    if given and given not in schema.names:
        raise InputError(
            f"{name} has no column {given!r}, only {', '.join(schema.names)}."
        )
    found = [
        *_told(schema, "Image"),
        *(n for n in _IMAGES if n in schema.names),
        *schema.names,
    ]
    for column in [given] if given else dict.fromkeys(found):
        kind = schema.field(column).type
        if pa.types.is_struct(kind) and "bytes" in [f.name for f in kind]:
            _require_bytes(file, column, name)
            return column
        plain = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if plain and (given or _begins_images(file, column)):
            return column
    raise InputError(
        f"{name} has no column of images, bytes or a struct of bytes and path: "
        f"its columns are {', '.join(schema.names)}."
    )


def _require_bytes(file, column, name):
    """Raises InputError where the first images have no bytes, but paths."""
    rows = next(file.iter_batches(batch_size=_FIRST, columns=[column]), [])
    if len(rows) and not any(x and x["bytes"] for x in rows[0].to_pylist()):
        raise InputError(
            f"{name} has paths of images in column {column!r}, and no bytes: "
            "the images lie elsewhere."
        )


def _begins_images(file, column):
    """Whether the first row of a column holds an image."""
    rows = next(file.iter_batches(batch_size=1, columns=[column]), None)
    value = rows and rows.column(0)[0].as_py()
    return bool(value) and is_certain(value)


def label_column(schema, name, given, image):
    """The name of the column of the labels, or "".

    Args:
        schema: of pyarrow.
        name: the words of the user.
        given: str, the column that a user names, or "".
        image: str, the column of the images.

    Returns:
        column: str, or "".
        note: str, why a column that is called so is not taken, or "".

    Raises:
        InputError: the one that a user names is not there, or holds no labels.
    """
    if given and given not in schema.names:
        raise InputError(
            f"{name} has no column {given!r}, only {', '.join(schema.names)}."
        )
    told = _told(schema, "ClassLabel")
    usual = [n for n in _LABELS if n in schema.names and n != image]
    both = [n for n in usual if n in told]
    for column in [given] if given else [*both, *told, *usual]:
        if not pa.types.is_nested(schema.field(column).type):
            return column, ""
        note = f"column {column!r} holds several labels an image: none is taken"
        if given:
            raise InputError(f"{name}: {note}.")
        return "", note
    return "", ""


def class_names(schema, column):
    """What the schema calls the classes of a column, a list of str; or None."""
    feature = _features(schema).get(column)
    names = feature.get("names") if isinstance(feature, dict) else None
    return list(map(str, names)) if isinstance(names, list) and names else None
