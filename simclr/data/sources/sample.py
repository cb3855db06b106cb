"""The embedded sample: a part of Fashion-MNIST, ready without a download."""

import os

from simclr.data.shards.records import open_prepared
from simclr.messages.errors import InputError

# Made by simclr/data/sources/make_sample.py; its MIT licence lies beside it.
_DATA = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(_DATA, "sample")
SPLITS = ("train", "test")


def open_sample(name):
    """Opens 12,000 training or 2,000 test images of ten kinds of clothing.

    Args:
        name: "sample" or "sample/train", or "sample/test".

    Returns:
        records.RecordSource: grey 28 x 28 images with labels.

    Raises:
        InputError: another name.
    """
    split = name.partition("/")[2] or "train"
    if split not in SPLITS:
        raise InputError(
            f"{name!r}: the sample has sample/train and sample/test (for a "
            f"folder of that name say ./{name})."
        )
    source = open_prepared(os.path.join(FOLDER, split), name)
    if os.path.isdir("sample"):
        source.notes.append(
            "these are the images in this package; those of the folder sample "
            "here are ./sample"
        )
    return source
