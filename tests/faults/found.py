"""What a command left in a folder, for comparison with what it should be."""

import hashlib
import json
import os
import re

import numpy as np

# They tell of the clock.
_TIMES = re.compile(
    r"second|minute|hour|date|time|images_per_s|created|started|finished_at"
)
# Pictures, programs and TensorFlow's and Keras's archives hold the clock, or
# numbers of a process's functions. Exports are compared with the run by
# `simclr export` itself.
_NAMES_ONLY = (
    *(".png", ".html", ".pyz", ".keras", ".pb", ".md", ".stablehlo"),
    *("variables.index", "variables.data-00000-of-00001"),
)


def read(folder, store=""):
    """dict of a file's path in a folder -> digest of what counts in it.

    Args:
        folder: str.
        store: name of a Lance store in it: its rows count, not its files.
    """
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            short = os.path.relpath(path, folder)
            if store and short.startswith(f"{store}/"):
                continue
            if "tfevents" in name:  # TensorBoard's: one a start.
                continue
            text = repr(_content(path)).replace(folder, "FOLDER")
            found[short] = hashlib.sha256(text.encode()).hexdigest()[:12]
    if store:
        found[store] = _rows(os.path.join(folder, store))
    return found


def left_over(folder):
    """Files and folders that no finished command leaves, a list."""
    return [
        os.path.relpath(os.path.join(root, name), folder)
        for root, folders, names in os.walk(folder)
        for name in (*folders, *names)
        if name.startswith(".writing-")
        or {"pending", "teacher_probabilities"} & {*root.split(os.sep)}
    ]


def _content(path):
    if path.endswith(_NAMES_ONLY):
        return ""
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as arrays:
            names = sorted(arrays.files)
            return {k: _array(arrays[k]) for k in names}
    if path.endswith(".jsonl"):
        with open(path) as file:
            return [_timeless(json.loads(line)) for line in file]
    if path.endswith(".json"):
        with open(path) as file:
            return _timeless(json.load(file))
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _array(array):
    return array.shape, array.dtype.str, hashlib.sha256(array).hexdigest()


def _timeless(value):
    if isinstance(value, dict):
        return {
            k: _timeless(v)
            for k, v in sorted(value.items())
            if not _TIMES.search(k)
        }
    if isinstance(value, list):
        return [_timeless(v) for v in value]
    return value


def _rows(path):
    from simclr.explore.store.store import Store

    rows = Store(path).table.to_table().to_pylist()
    rows = sorted(rows, key=lambda row: row["id"])
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
