"""Makes the shards of shards.py: a pass over the images that are not there.

Letters: m = images, n = images in a shard, f = features.
"""

import dataclasses
import hashlib
import json
import os

import numpy as np

from simclr.inference import DTYPES
from simclr.inference.features import stream
from simclr.inference.shards import (
    MANIFEST,
    ids_path,
    is_whole,
    read_manifest,
    read_shards,
    vectors_path,
)
from simclr.inference.views import CenterViews
from simclr.messages import signals
from simclr.messages.errors import InputError, Stopped
from simclr.messages.progress import progress_bar
from simclr.storage import array_file, files
from simclr.storage.whole import remove_unfinished, write_whole

_FORMAT = 1
_SHARD = 8192  # n: what a killed run loses at most, on each worker.


@dataclasses.dataclass(frozen=True)
class Shard:
    """What a pass over some images gives.

    Attributes:
        rows: int64 [n], those of the source that could be read.
        vectors: [n, f], float16 or float32.
        ids: list of n str.
        unreadable: dict of id -> reason, of the others.
        beside: what goes with it, for `write_shards(beside=)`.
    """

    rows: np.ndarray
    vectors: np.ndarray
    ids: list
    unreadable: dict
    beside: object = None


def write_shards(
    folder,
    encoder,
    reader,
    *,
    of,
    image_size,
    dtype,
    workers=None,
    images_per_shard=_SHARD,
    progress=True,
    asked=signals.asked,
    make=None,
    makers=1,
    beside=lambda index, shard: None,
):
    """Embeds all images of a source into a folder, as far as it is not done.

    Every worker makes shards of its own; they share the folder's disk.

    Args:
        folder: to make, or to complete.
        encoder: as in features.stream.
        reader: Reader of the source.
        of: dict of what else must be the same for a folder to be completed:
            the encoder's step and weights, say; JSON holds it.
        image_size: side of the views, pixels.
        dtype: one of DTYPES.
        workers: workers.Workers; None: this process is alone.
        images_per_shard: n, of a folder that begins.
        progress: show a bar.
        asked: function, called with every batch, to the reason why this worker
            is to stop, or "".
        make: function of an iterable of int arrays, the images of each shard,
            and of `seen`, told how many images were looked at; gives an
            iterable of Shards in that order. None: `make_shard` of each, here.
        makers: int, how many shards `make` has under way at a time.
        beside: function of a shard's index and the Shard, called before the
            shard is there: to write what goes with it.

    Returns:
        Shards.

    Raises:
        InputError: the folder holds something else; or a vector is too large
            for float16; or not one image can be read; or the workers do not
            share the folder.
        Stopped: one of the workers was asked to; its shard under way is lost.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype={dtype}; choose one of {', '.join(DTYPES)}.")
    folder = files.expand(folder)
    total = len(reader.source)
    if total == 0:
        raise InputError("There is no image to embed.")
    several = workers is not None and workers.several
    count, index = (workers.count, workers.index) if several else (1, 0)
    manifest = {
        "format": _FORMAT,
        **of,
        "image_size": image_size,
        "images": total,
        "fingerprint": reader.source.fingerprint(),
        "dtype": dtype,
    }
    if index == 0:
        size = min(images_per_shard, -(-total // (count * makers)))
        manifest = _begin(folder, manifest, size)
    if several:
        workers.gather([0.0])
    manifest = read_manifest(folder)
    n = manifest["images_per_shard"]
    missing = [
        i
        for i in range(manifest["shards"])
        if i % count == index and not is_whole(folder, i)
    ]
    with progress_bar(
        total=sum(min(n, total - i * n) for i in missing),
        desc="Embedding",
        unit="img",
        shown=progress,
    ) as bar:
        reason = ""

        def seen(count):
            bar.update(count)
            if why := asked():
                raise Stopped(why)

        every = (np.arange(i * n, min(total, (i + 1) * n)) for i in missing)
        options = {"image_size": image_size, "dtype": dtype, "seen": seen}
        made = (
            make(every, seen)
            if make
            else (
                make_shard(encoder, reader, rows, **options) for rows in every
            )
        )
        try:
            for i, shard in zip(missing, made):
                beside(i, shard)
                _write(folder, i, shard)
        except Stopped as stopped:
            reason = str(stopped)
    if several and workers.gather([float(bool(reason))]).any():
        reason = reason or "another worker"
    if reason:
        raise Stopped(reason)
    return read_shards(folder)


def make_shard(
    encoder, reader, rows, *, image_size, dtype, seen=lambda count: None
):
    """Passes the images of one shard through a net; writes nothing.

    Args:
        encoder, seen: as in features.stream.
        reader: Reader of the source.
        rows: int [n'], images of the source.
        image_size: side of the views, pixels.
        dtype: one of DTYPES.

    Returns:
        Shard.

    Raises:
        InputError: as features.stream; or a vector is too large for float16.
    """
    source = reader.source
    read, parts = [], []
    views = CenterViews(reader, image_size)
    for some, h in stream(encoder, views, rows, seen=seen):
        read.append(some)
        with np.errstate(over="ignore"):
            parts.append(h.astype(dtype))
        if np.isinf(parts[-1]).any() and np.isfinite(h).all():
            raise InputError(
                f"A number of a vector, {np.abs(h).max():g}, is too large for "
                "float16: choose float32 where there is a choice, or an "
                "encoder that normalizes its features."
            )
    read = np.concatenate(read) if read else np.zeros([0], np.int64)
    vectors = np.concatenate(parts) if parts else np.zeros([0, 0], dtype)
    left_out = [source.id(int(i)) for i in np.setdiff1d(rows, read)]
    return Shard(
        rows=read,
        vectors=vectors,
        ids=[source.id(int(i)) for i in read],
        unreadable={name: reader.bad[name] for name in left_out},
    )


def digest(model):
    """A fingerprint of a net's weights, 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=8)
    for variable in model.variables:
        found.update(str(tuple(variable.shape)).encode())
        found.update(np.ascontiguousarray(variable))
    return found.hexdigest()


def _begin(folder, manifest, images_per_shard):
    """Writes the manifest, or sees that the folder has this very one."""
    if os.path.exists(os.path.join(folder, MANIFEST)):
        old = read_manifest(folder)
        other = [
            f"{name} {old.get(name)}, not {value}"
            for name, value in manifest.items()
            if old.get(name) != value
        ]
        if other:
            raise InputError(
                f"{folder} holds other vectors ({'; '.join(other)}): choose "
                "another folder, or delete that one."
            )
        return old
    if os.path.isdir(folder):
        remove_unfinished(folder)
    if os.path.exists(folder) and (
        not os.path.isdir(folder) or os.listdir(folder)
    ):
        raise InputError(
            f"{folder} holds something else: choose another folder."
        )
    os.makedirs(folder, exist_ok=True)
    manifest = manifest | {
        "images_per_shard": images_per_shard,
        "shards": -(-manifest["images"] // images_per_shard),
    }
    text = json.dumps(manifest, indent=1) + "\n"
    write_whole(os.path.join(folder, MANIFEST), text)
    return manifest


def _write(folder, index, shard):
    """One shard; its vectors are there last."""
    ids = {"ids": shard.ids, "unreadable": shard.unreadable}
    write_whole(ids_path(folder, index), json.dumps(ids) + "\n")
    array_file.write_whole(vectors_path(folder, index), shard.vectors)
