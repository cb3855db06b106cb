"""Vectors of images by a run's encoder, into a folder of shards."""

import os
import time

from simclr.commands.unreadable import list_unreadable
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.inference import shards
from simclr.inference.forward import Infer
from simclr.messages.counts import counted
from simclr.messages.say import show
from simclr.runs import weights


def write(run, data, out, devices, *, dtype):
    """Embeds images into a folder, or completes what a killed run began.

    Args:
        run: run folder, or a checkpoint in one.
        data: images, as for open_source.
        out: folder for the shards.
        devices: Devices.
        dtype: one of inference.DTYPES.

    Returns:
        shards.Shards.

    Raises:
        InputError: no run, no images, or `out` holds other vectors.
    """
    source = open_source(data)
    trained = weights.load_encoder(run, devices.strategy)
    if devices.chief:
        show(f"{run}, step {trained.step} ({devices.words})")
    started = time.monotonic()
    found = shards.write_shards(
        out,
        Infer(trained.model, devices.strategy),
        Reader(source),
        of={"step": trained.step, "encoder": shards.digest(trained.model)},
        image_size=trained.image_size,
        dtype=dtype,
        workers=Workers(devices.strategy),
    )
    if devices.chief:
        _say(out, found, time.monotonic() - started)
    return found


def _say(out, found, seconds):
    """What there is, and the list of what could not be read."""
    bad = found.unreadable()
    list_unreadable(os.path.join(out, "unreadable.tsv"), bad)
    facts = found.manifest
    show(
        f"{out}: {counted(facts['images'] - len(bad), 'vector')} in "
        f"{counted(facts['shards'], 'shard')}, {facts['dtype']}, "
        f"{seconds:.0f} s"
    )
