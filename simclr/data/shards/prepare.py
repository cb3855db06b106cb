"""`simclr prepare`: packs any source into large shards that read fast.

    OUT/images-00000.arrayrecord        ~100 MB of tf.train.Example:
                                        "image" as it was encoded, or as a
                                        smaller JPEG; "id"; "label" where
                                        there is one
    OUT/images-00000.arrayrecord.index  ids and labels, to open at once
    OUT/dataset.json                    class names, shards, bad images
    OUT/bad.csv                         id,reason of images left out

Where a shard ends depends on the images alone, and dataset.json is rewritten
after each finished shard, so a run that was killed and started again leaves
the same files as one that was not.
"""

import dataclasses
import functools
import hashlib
import json
import os

from simclr.data.images.check import read_all, write_csv
from simclr.data.images.reencode import reencode, require_reencoding
from simclr.data.shards import FORMATS, crop_loss, example
from simclr.data.shards.crop_loss import CropLoss
from simclr.data.shards.records import MANIFEST
from simclr.data.shards.writer import Shard
from simclr.data.views.crop import require_crop
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.extras import require_tensorflow
from simclr.messages.say import show
from simclr.storage import files, json_text, whole
from simclr.storage.lock import locked

# What a run that goes on must have in common with the one that began.
_SAME = (
    *("fingerprint", "file_format", "shard_bytes", "class_names", "labels"),
    *("side", "quality", "image_size"),
)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What was packed."""

    num_examples: int
    num_shards: int
    num_bytes: int
    bad: list  # (id, reason) of the images left out.
    # Of re-encoded images: their bytes before and after, what crops lose.
    source_bytes: int | None = None
    image_bytes: int | None = None
    crop_loss: CropLoss | None = None


def prepare(
    source,
    out_dir,
    *,
    file_format=FORMATS[0],
    shard_bytes=100e6,
    side=0,
    quality=90,
    image_size=224,
    progress=True,
):
    """Packs the readable images of a source into shards.

    The folder can be opened as a source by its path. Running it again goes on
    after the last finished shard.

    Args:
        source: Source.
        out_dir: local folder, new, empty, or begun by the same command.
        file_format: one of FORMATS.
        shard_bytes: size of a shard; only a single larger image exceeds it.
        side: re-encode to JPEGs whose shorter side has at most so many pixels;
            0: images stay as they are.
        quality: of those JPEGs, 1 to 100.
        image_size: side of a view in training, pixels, for what crops lose.
        progress: bool, show a bar and print a line at the end.

    Returns:
        Prepared.

    Raises:
        InputError: bad arguments, a folder with something else in it, no
            readable image at all, or TFRecords without TensorFlow.
        OSError: the folder cannot be written.
    """
    if file_format not in FORMATS:
        raise InputError(
            f"file_format is {file_format!r}; choose one of "
            f"{', '.join(FORMATS)}."
        )
    if not shard_bytes >= 1:
        raise InputError(f"shard_bytes is {shard_bytes:g}; it must be >= 1.")
    if file_format == "tfrecord":
        require_tensorflow()
    if side:
        require_reencoding(side=side, quality=quality)
        require_crop(size=image_size, area=crop_loss.AREA)
    plan = {
        "complete": False,
        "source": source.name,
        "fingerprint": source.fingerprint(),
        "file_format": file_format,
        "shard_bytes": int(shard_bytes),
        "class_names": source.class_names,
        "labels": _digest(source.labels),
        "side": side or None,
        "quality": quality if side else None,
        "image_size": image_size if side else None,
        "num_examples": 0,
        "shards": [],
        "bad": [],
    }
    out_dir = files.expand(out_dir)
    if files.is_remote(out_dir):
        raise InputError(
            f"{out_dir}: shards are written to a local folder; copy them "
            "afterwards (gcloud storage cp -r)."
        )
    os.makedirs(out_dir, exist_ok=True)
    busy = f"Another process prepares {out_dir}; wait for it."
    with locked(out_dir, busy, name=""):
        plan = _begin(out_dir, plan)
        if not plan["complete"]:
            try:
                _pack(source, out_dir, plan, progress)
            except BaseException:  # The next one needs the room on the disk.
                whole.remove_unfinished(out_dir)
                raise
    prepared = Prepared(
        num_examples=plan["num_examples"],
        num_shards=len(plan["shards"]),
        num_bytes=sum(shard["bytes"] for shard in plan["shards"]),
        bad=[tuple(row) for row in plan["bad"]],
        **_reencoded(plan),
    )
    if progress:
        show("\n".join(_summary(prepared, out_dir, image_size)))
    return prepared


def _begin(out_dir, plan):
    """The plan in the folder if it is this one, else this one in it."""
    whole.remove_unfinished(out_dir)
    path = os.path.join(out_dir, MANIFEST)
    if not os.path.exists(path):
        if os.listdir(out_dir):
            raise InputError(
                f"{out_dir} holds other files; give a new or an empty folder."
            )
        _write_plan(out_dir, plan)
        return plan
    try:
        old = json_text.read(path)
    except ValueError as error:
        raise InputError(
            f"{path} is damaged ({error}): delete {out_dir} and prepare again."
        ) from None
    if not isinstance(old, dict):
        old = {}  # Somebody else's.
    for key in _SAME:
        if old.get(key) != plan[key]:
            raise InputError(
                f"{out_dir} was begun with another {key.replace('_', ' ')} "
                f"({_short(old.get(key))}, not {_short(plan[key])}); give a "
                "new or an empty folder."
            )
    return old


def _pack(source, out_dir, plan, progress):
    first = plan["shards"][-1]["stop"] if plan["shards"] else 0
    shard = None
    bad = []  # Of the shard that is being written.
    change = None
    if plan["side"]:
        change = functools.partial(
            reencode, side=plan["side"], quality=plan["quality"]
        )
    for image in read_all(
        source,
        first=first,
        change=change,
        progress=progress,
        title="Preparing",
    ):
        if image.reason:
            bad.append((source.id(image.index), image.reason))
            continue
        features = {"image": image.data, "id": source.id(image.index).encode()}
        label = -1 if source.labels is None else int(source.labels[image.index])
        if label >= 0:
            features["label"] = label
        record = example.serialize(features)
        if shard and shard.data_bytes + len(record) > plan["shard_bytes"]:
            # The bad ones since its last image belong to the next shard's run.
            shard.finish(plan)
            _write_plan(out_dir, plan)
            shard = None
        if shard is None:
            shard = Shard(out_dir, len(plan["shards"]), plan["file_format"])
        shard.write(record, features["id"], label, image, bad)
        bad = []
    if shard:
        shard.finish(plan)
    plan["bad"] += bad
    if not plan["shards"]:
        raise InputError(
            f"{source.name}: not one of {len(source):,} images can be read, "
            f"such as {plan['bad'][0][0]!r}: {plan['bad'][0][1]}."
        )
    if plan["bad"]:
        write_csv(os.path.join(out_dir, "bad.csv"), plan["bad"])
    plan["complete"] = True
    _write_plan(out_dir, plan)


def _write_plan(out_dir, plan):
    text = json.dumps(plan, indent=1) + "\n"
    whole.write_whole(os.path.join(out_dir, MANIFEST), text.encode())


def _reencoded(plan):
    """What Prepared says of re-encoded images, a dict."""
    if not plan["side"]:
        return {}
    shards = plan["shards"]
    losses = (CropLoss(**shard["crop_loss"]) for shard in shards)
    return {
        "source_bytes": sum(shard["source_bytes"] for shard in shards),
        "image_bytes": sum(shard["image_bytes"] for shard in shards),
        "crop_loss": sum(losses, CropLoss()),
    }


def _summary(prepared, out_dir, image_size):
    line = (
        f"{counted(prepared.num_examples, 'image')} in "
        f"{counted(prepared.num_shards, 'shard')}, "
        f"{prepared.num_bytes / 1e6:,.0f} MB, in {out_dir}"
    )
    if prepared.bad:
        line += f"; {counted(len(prepared.bad), 'bad one')} left out (bad.csv)"
    yield line
    if prepared.crop_loss:
        before, after = prepared.source_bytes, prepared.image_bytes
        yield (
            f"  bytes  {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} now: "
            f"{after / before:.0%}"
        )
        yield f"  crops  {prepared.crop_loss.in_words(image_size)}"


def _digest(labels):
    if labels is None:
        return None
    return hashlib.blake2b(labels.tobytes(), digest_size=8).hexdigest()


def _short(value):
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
