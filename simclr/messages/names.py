"""Names of images and of recipes, without the folders of one machine."""

import os
import re

# These alone say little, so the folder above comes along.
_SPLITS = frozenset(["train", "test", "val", "validation"])


def last_parts(spec):
    """What a path, or words that open a source, end in.

    Args:
        spec: str, such as "/data/cifar10/train" or "tfrecord:photos/train-*".

    Returns:
        list of str: one, or two such as ["cifar10", "train"]; none where
        there is nothing but dots.
    """
    kind, colon, rest = spec.partition(":")
    parts = [
        part
        for part in re.split(r"[/\\]+", rest if colon else kind)
        if part not in ("", ".", "~")
    ]
    while len(parts) > 1 and re.fullmatch(r"[*?.\-\w]*\*[*?.\-\w]*", parts[-1]):
        parts.pop()  # A pattern: the folder says what it is.
    count = 2 if parts and parts[-1].lower() in _SPLITS else 1
    return parts[-count:]


def short_name(spec):
    """A source's name for people: cifar10/train."""
    return "/".join(last_parts(spec)) or spec


def run_name(spec):
    """A run's name after its recipe or its images.

    Args:
        spec: a recipe's path, or words that open a source.

    Returns:
        str of characters that any disk takes: "train" and "test" alone say
        little, so the folder above comes along.
    """
    path = os.path.splitext(spec)[0] if spec.endswith(".py") else spec
    name = "_".join(last_parts(path))
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.") or "run"
