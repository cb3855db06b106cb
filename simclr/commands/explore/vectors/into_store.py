"""Vectors of images by a run's encoder, into a store."""

import contextlib
import dataclasses
import os
import shutil
import time

import numpy as np

from simclr.commands.explore.vectors import encoders, shards
from simclr.commands.unreadable import list_unreadable
from simclr.data.images.reader import Reader
from simclr.data.sources import registry
from simclr.data.sources.subset import Subset
from simclr.engines.workers import Workers
from simclr.explore import known_images
from simclr.explore.looks import Looks, id_of, stamp_of
from simclr.explore.store import unreadable
from simclr.explore.store.absorb import (
    absorb,
    facts_path,
    known_encoder,
    mark,
    write_facts,
)
from simclr.explore.store.changes import changes
from simclr.explore.store.place import is_store
from simclr.explore.store.store import Store, held
from simclr.inference import shard_writer
from simclr.inference.forward import Infer
from simclr.inference.shards import Shards, is_folder, read_manifest
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.runs import weights
from simclr.storage import array_file, cache, files


@dataclasses.dataclass(frozen=True)
class Embedded:
    """What `embed` did.

    Attributes:
        store: str, its folder.
        new, changed, missing, gone, back: int, how many images were so:
            missing ones had no vector of this encoder.
        unreadable: dict of id -> reason.
        rows: int, images of the store with a vector of this encoder.
    """

    store: str
    new: int
    changed: int
    missing: int
    gone: int
    back: int
    unreadable: dict
    rows: int


def embed(run, data, out, devices, *, day, only="", elsewhere=None):
    """Embeds what is new or changed; goes on with what a killed run began.

    Args:
        run: run folder, or a checkpoint in one.
        data: images, as for open_source.
        out: folder of the store.
        devices: Devices.
        day: str, today.
        elsewhere: Elsewhere, whose machines embed; None: `devices` do.
        only: fingerprint that the encoder must have; "": any.

    Returns:
        Embedded; None on workers that are not the chief.

    Raises:
        InputError: no run, no images, `out` is no store, or the encoder is
            another one.
    """
    started = time.monotonic()
    workers = Workers(devices.strategy)
    source = registry.open_source(data)
    trained = weights.load_encoder(run, devices.strategy)
    facts = encoders.facts_of(run, trained)
    if only:
        encoders.require_same(run, facts, only, out)
    if devices.chief:
        words = elsewhere.words if elsewhere else devices.words
        show(f"{run}, step {trained.step} ({words})")
    pending = os.path.join(_pending(out), facts["fingerprint"])
    root = registry.root_of(data)
    with contextlib.ExitStack() as stack:
        if devices.chief:
            stack.enter_context(held(out))
            for line in source.notes:
                show(f"Note      {line}")
            store = _absorb(out, pending, facts)
            images = _Images(root, source)
            found = _compared(store, facts, images)
            if store:  # Nothing is a duplicate of what a file held before.
                changed = [images.ids[row] for row in found.changed]
                known_images.release(store, changed)
            _hand_out(pending, found.to_embed)
        workers.gather([0.0])
        rows = np.load(f"{pending}.npy", allow_pickle=False)
        bad = {}
        if len(rows):  # Each is decoded once: none is kept.
            looks = Looks(
                Reader(Subset(source, rows), cache_bytes=0), root, day
            )
            encoder = Infer(trained.model, devices.strategy)
            make, makers = _make_here(encoder, looks, facts["image_size"]), 1
            if elsewhere:
                make = elsewhere.maker(data, source, rows, facts, day)
                makers = elsewhere.executor.workers
            bad = shard_writer.write_shards(
                pending,
                encoder,
                looks,
                of={},
                image_size=facts["image_size"],
                dtype=shards.DTYPE,
                workers=workers,
                make=make,
                makers=makers,
                beside=lambda i, shard: write_facts(pending, i, shard.beside),
            ).unreadable()
        workers.gather([0.0])
        if not devices.chief:
            return None
        store = _absorb(out, pending, facts)
        os.unlink(f"{pending}.npy")
        if store is None:
            raise InputError(f"None of the {len(rows)} images can be read.")
        bad = {f"{root}/{name}": reason for name, reason in bad.items()}
        found = found.without(bad, images.ids)
        mark(store, found.gone, day)
        mark(store, found.back, None)
        known_images.release(store)
        bad = unreadable.keep(
            store,
            root,
            dict(zip(images.ids, images.stamps)),
            [images.ids[row] for row in rows],
            bad,
        )
        embedded = _ended(store, facts, found, bad)
    _say(embedded, time.monotonic() - started)
    return embedded


def _pending(out):
    """Where vectors lie until they are in the store: a local folder."""
    if files.is_remote(out):
        return cache.path_for("pending", out)
    return os.path.join(files.absolute(out), "pending")


def _absorb(out, pending, facts):
    """Takes whole shards into the store; their folder goes."""
    if not is_folder(pending):
        return Store(out) if is_store(out) else None
    found = Shards(pending, read_manifest(pending))
    store = absorb(
        out,
        (
            (found.vectors(i), facts_path(pending, i))
            for i in found.whole()
            if os.path.exists(facts_path(pending, i))
        ),
        facts,
    )
    shutil.rmtree(pending)
    return store


class _Images:
    """What a store's table calls the images of a source, and their stamps.

    Attributes:
        root: str.
        ids: list of str.
        stamps: list of (bytes, time in us), or of (None, None).
    """

    def __init__(self, root, source):
        every = range(len(source))
        self.root = root
        self.ids = [id_of(root, source, row) for row in every]
        self.stamps = [stamp_of(source, row) for row in every]


def _compared(store, facts, images):
    """Changes of the source against the store."""
    encoder = store and known_encoder(store, facts["fingerprint"])
    known = unreadable.known(store) if store else {}
    return changes(
        store, encoder, images.root, images.ids, images.stamps, known
    )


def _hand_out(pending, rows):
    """Tells all workers what is to embed."""
    os.makedirs(os.path.dirname(pending), exist_ok=True)
    array_file.write_whole(f"{pending}.npy", rows)


def _make_here(encoder, looks, image_size):
    """The `make` of shard_writer.write_shards in this process."""

    def make(parts, seen):
        for rows in parts:
            yield shards.make_shard(
                encoder, looks, rows, image_size=image_size, seen=seen
            )

    return make


def _ended(store, facts, found, bad):
    """Turns to an encoder that has seen all; Embedded."""
    encoder = known_encoder(store, facts["fingerprint"])
    left = 0
    if encoder.number != store.current.number:
        model = encoder.column("model")
        left = store.count(f"{model} is null and gone is null")
        if not left:
            store.turn_to(encoder)
            show(
                f"Encoder   {encoder.run}: the store's from now on; simclr "
                "cluster fits clusters to its vectors"
            )
        else:
            show(
                f"Encoder   {encoder.run}: {counted(left, 'image')} of other "
                "sources to embed before its columns are the store's"
            )
    model = encoder.column("model")
    return Embedded(
        store=store.path,
        new=len(found.new),
        changed=len(found.changed),
        missing=len(found.missing),
        gone=len(found.gone),
        back=len(found.back),
        unreadable=bad,
        rows=store.count(f"{model} is not null and gone is null"),
    )


def _say(embedded, seconds):
    """What there is, and the list of what could not be read."""
    if not files.is_remote(embedded.store):
        path = os.path.join(embedded.store, "unreadable.tsv")
        list_unreadable(path, embedded.unreadable)
    parts = {
        "new": embedded.new,
        "changed": embedded.changed,
        "new to this encoder": embedded.missing,
        "gone": embedded.gone,
        "back": embedded.back,
    }
    words = ", ".join(f"{n:,} {name}" for name, n in parts.items() if n)
    seen = embedded.new + embedded.changed + embedded.missing
    rate = f", {seen / seconds:,.0f} images/s" if seen else ""
    show(
        f"{embedded.store}: {counted(embedded.rows, 'image')}; "
        f"{words or 'nothing new'}; {seconds:.0f} s{rate}"
    )
