"""Where a run's images lie: on the host, or all of them on the devices."""

import tensorflow as tf

from simclr import config as config_lib
from simclr.data.images import image_array
from simclr.data.views import colour
from simclr.engines import memory
from simclr.engines.strategies import is_accelerator
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder

# In run.json, of a run whose images lie on the devices.
_FACT = "stored_side"


def stored_side(config, reader, strategy, workdir):
    """The side of the images on the devices; see config.Data.place.

    A run that goes on keeps what it began with, whatever "auto" would choose
    on the devices of today: the two places cut other crops.

    Args:
        config: Config.
        reader: Reader of the training images.
        strategy: tf.distribute strategy, or PjrtDevices.
        workdir: run folder.

    Returns:
        int, pixels; 0: they stay on the host.

    Raises:
        InputError: they are to lie on the devices, and cannot.
    """
    if checkpoint.paths(run_folder.checkpoints(workdir)):
        return run_folder.read_facts(workdir).get(_FACT, 0)
    place, side = config.data.place, config.data.stored_size
    if place == "host" or (place == "auto" and not _can(config, strategy)):
        return 0
    room = memory.of_device(strategy)
    if place == "auto":
        return _fitting(config, reader, config.data.device_share * room)
    _require(config, strategy)
    if not side:
        side, _ = image_array.side_for(reader, config.data.image_size)
    num_bytes = _num_bytes(reader, side)
    if num_bytes > room:
        raise InputError(
            f"data.place=device: {len(reader.source):,} images of {side} "
            f"pixels are {_gigabytes(num_bytes)}, and a device has "
            f"{_gigabytes(room)}: say data.place=host, or a smaller "
            "data.stored_size."
        )
    return side


def facts(side):
    """What run.json says of it, a dict."""
    return {_FACT: side} if side else {}


def load(config, reader, side, say):
    """Decodes all images.

    Args:
        config: Config.
        reader: Reader of the training images.
        side: pixels, of `stored_side`.
        say: function of a line of text.

    Returns:
        images: uint8 [m, side, side, 3].
        rows: image_array.Rows.

    Raises:
        InputError: a hundred images in a row are unreadable.
    """
    view = config_lib.eval_image_size(config)
    images, rows = image_array.load(reader, side=side, view=view)
    reduced = int(rows.reduced.sum())
    say(
        f"Stored    {counted(len(images), 'image')} of {side} pixels on each "
        f"device, {_gigabytes(images.nbytes)}: the step cuts the views "
        f"(data.place={config.data.place})"
        + (f"; {reduced:,} were larger and are reduced" if reduced else "")
    )
    return images, rows


def _can(config, strategy):
    """Whether "auto" may choose the devices, if the images fit."""
    return (
        is_accelerator(strategy)
        and not isinstance(strategy, tf.distribute.TPUStrategy)
        and colour.on_device(config.augment, accelerator=True)
    )


def _require(config, strategy):
    """Stops where images cannot lie on these devices."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        raise InputError(
            "data.place=device: TensorFlow's TPUs take their views from the "
            "host; say --engine=pjrt, or data.place=host."
        )
    colour.require_compiled(config.augment, instead="data.place=host")


def _fitting(config, reader, room):
    """The side, where images fit and none is reduced unasked; else 0."""
    side, size = config.data.stored_size, config.data.image_size
    if _num_bytes(reader, side or size) > room:
        return 0  # Without a look at images that may come from far.
    whole = True
    if not side:
        side, whole = image_array.side_for(reader, size)
    return side if whole and _num_bytes(reader, side) <= room else 0


def _num_bytes(reader, side):
    return 3 * side * side * len(reader.source)


def _gigabytes(num_bytes):
    return f"{num_bytes / 1e9:.3g} GB"
