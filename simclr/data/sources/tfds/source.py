"""Data sets that tensorflow-datasets has prepared, read from their shards.

Everything needed lies in the prepared folder (dataset_info.json,
features.json, LABEL.labels.txt, the shards), so neither tensorflow-datasets
nor a network is asked, unless the set is not there (download.py).
"""

import os
import posixpath
import re

import numpy as np

from simclr.data.shards import index as shard_index
from simclr.data.shards import records
from simclr.data.sources.subset import Subset
from simclr.data.sources.tfds import download
from simclr.messages.errors import InputError
from simclr.storage import files, json_text

_FORMATS = {"tfrecord": "tfrecord", "array_record": "arrayrecord"}


def open_tfds(rest, name):
    """Opens a split of a prepared data set.

    Args:
        rest: NAME[/CONFIG][:VERSION][/SPLIT], found in $TFDS_DATA_DIR or
            ~/tensorflow_datasets; the newest version, the split "train", and
            the only config where nothing is said. What is not there is
            downloaded and prepared first. A part of a split is said as
            tfds does: train[:50%], test[100:200], train[-1000:].
        name: the words of the user.

    Returns:
        records.RecordSource; ids as tfds's own `tfds_id`.

    Raises:
        InputError, OSError: not prepared and no network, no such config,
            version or split, or a set without images; says what is there.
    """
    rest, part = _part(rest)
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = files.absolute(root)
    dataset, _, tail = rest.partition("/")
    dataset, _, version = dataset.partition(":")
    folder = posixpath.join(root, dataset)
    parts = tail.split("/") if tail else []
    if not _is_prepared(folder):
        download.download(dataset, parts, root)
    names = files.list_folder(folder)
    configs = [n for n in names if not _is_version(n) and n[0] != "."]
    if parts and (":" in parts[0] or parts[0].partition(":")[0] in configs):
        config, _, version = parts.pop(0).partition(":")
        _require(config, configs, "config", folder)
        folder = posixpath.join(folder, config)
    elif not any(map(_is_version, names)):
        if len(configs) != 1:
            raise InputError(
                f"{name}: say which config: {dataset}/"
                f"{{{','.join(configs)}}}/SPLIT."
            )
        folder = posixpath.join(folder, configs[0])
    versions = [n for n in files.list_folder(folder) if _is_version(n)]
    if not versions:
        raise FileNotFoundError(
            f"{folder} holds no prepared version of {dataset}: prepare it "
            f"again: tfds build {dataset} --file_format=array_record"
        )
    if version:
        _require(version, versions, "version", folder)
    else:
        version = max(versions, key=_version_key)
    split = "/".join(parts) or "train"
    source = _open_split(posixpath.join(folder, version), split, name)
    return _rows(source, part) if part else source


def _part(rest):
    """(what stands before, what stands in) the brackets at the end."""
    found = re.fullmatch(r"(.+?)\[(.*)\]", rest)
    return found.groups() if found else (rest, "")


def _rows(source, part):
    """The part of a split, a Subset.

    Raises:
        InputError: the brackets hold something else, or leave nothing.
    """
    found = re.fullmatch(r"(?:(-?\d+)(%?))?:(?:(-?\d+)(%?))?", part)
    if not found:
        raise InputError(
            f"{source.name}: a part of a split is said as in [:50%] or "
            "[100:200]."
        )
    count = len(source)

    def place(text, percent, default):
        if not text:
            return default
        # As tfds rounds: to the nearest image.
        number = round(count * int(text) / 100) if percent else int(text)
        return min(max(number + count if text[0] == "-" else number, 0), count)

    from_text, from_percent, to_text, to_percent = found.groups()
    first = place(from_text, from_percent, 0)
    last = place(to_text, to_percent, count)
    if first >= last:
        raise InputError(f"{source.name} leaves none of {count:,} images.")
    return Subset(source, np.arange(first, last))


def _is_prepared(folder):
    """Whether any version of any config is whole."""
    return any(
        files.glob_files(posixpath.join(folder, depth, "dataset_info.json"))
        for depth in ("*", "*/*")
    )


def _open_split(folder, split, name):
    info = _read_json(folder, "dataset_info.json")
    splits = {item["name"]: item for item in info.get("splits", [])}
    _require(split, splits, "split", folder)
    kind = info.get("fileFormat", "tfrecord")
    if kind not in _FORMATS:
        raise InputError(
            f"{name} is stored as {kind}; only {' and '.join(_FORMATS)} can "
            "be read."
        )
    lengths = splits[split].get("shardLengths", [])
    template = splits[split].get(
        "filepathTemplate", "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    )
    paths = [
        posixpath.join(
            folder,
            template.format(
                DATASET=info["name"],
                SPLIT=split,
                FILEFORMAT=kind,
                SHARD_INDEX=f"{i:05d}",
                NUM_SHARDS=f"{len(lengths):05d}",
                SHARD_X_OF_Y=f"{i:05d}-of-{len(lengths):05d}",
            ),
        )
        for i in range(len(lengths))
    ]
    if not paths:
        raise InputError(f"{name}: split {split!r} of {folder} is empty.")
    features = _read_json(folder, "features.json")
    features = features.get("featuresDict", {}).get("features", {})
    image = _feature("image", features, ".Image")
    if not image:
        raise InputError(
            f"{name} has no image; its features are {', '.join(features)}."
        )
    label = _feature("label", features, ".ClassLabel")
    feature_names = shard_index.FeatureNames(
        image=(image,), label=(label,) if label else (), id=()
    )
    source = records.open_shards(
        paths, name, file_format=_FORMATS[kind], feature_names=feature_names
    )
    if source.labels is not None:
        names = _class_names(folder, label)
        source.class_names = names or source.class_names
    return source


def _feature(usual, features, kind):
    """The name of the feature of a kind: the usual one, or the only one."""
    names = [
        name
        for name, feature in features.items()
        if feature.get("pythonClassName", "").endswith(kind)
    ]
    if usual in names or len(names) > 1:
        return usual if usual in names else ""
    return names[0] if names else ""


def _class_names(folder, label):
    try:
        data = files.read_file(posixpath.join(folder, f"{label}.labels.txt"))
    except FileNotFoundError:
        return None
    return data.decode().splitlines()


def _read_json(folder, file):
    path = posixpath.join(folder, file)
    try:
        return json_text.parse(files.read_file(path))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} is not a prepared data set: it has no {file}; "
            "prepare it again."
        ) from None
    except ValueError as error:
        raise InputError(
            f"{path} is damaged ({error}): prepare the data set again."
        ) from None


def _require(name, names, what, folder):
    if name not in names:
        raise InputError(
            f"{folder} has no {what} {name!r}, only {', '.join(names)}."
        )


def _is_version(name):
    return re.fullmatch(r"\d+\.\d+\.\d+", name) is not None


def _version_key(version):
    return [int(part) for part in version.split(".")]
