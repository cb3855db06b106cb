"""Shards of vectors, with what is noted of each image: here, or elsewhere."""

import dataclasses
import functools
import socket

import numpy as np

from simclr.commands.devices import take_devices
from simclr.commands.explore.vectors import encoders
from simclr.data.images.reader import Reader
from simclr.data.sources import registry
from simclr.data.sources.subset import Subset
from simclr.explore.looks import Looks
from simclr.inference import shard_writer
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError, in_one_line, is_bad_input
from simclr.runs import weights

DTYPE = "float16"


def make_shard(encoder, looks, rows, *, image_size, seen=lambda count: None):
    """The function of a shard: the same in this process and on any machine.

    Args:
        encoder, rows, image_size, seen: as in shard_writer.make_shard.
        looks: Looks of the source.

    Returns:
        shard_writer.Shard; `beside` is a table of its images (looks.py).
    """
    shard = shard_writer.make_shard(
        encoder, looks, rows, image_size=image_size, dtype=DTYPE, seen=seen
    )
    return dataclasses.replace(shard, beside=looks.take(shard.rows))


@dataclasses.dataclass(frozen=True)
class There:
    """`make_shard` for a machine that has its own images and encoder.

    They are opened there at the first shard, and kept.

    Attributes:
        data: str, images, as for open_source; local paths are absolute.
        images: str, the fingerprint of their source.
        facts: dict of the encoder, as encoders.facts_of.
        day: str, today.
        devices: tuple of take_devices' arguments.
    """

    data: str
    images: str
    facts: dict
    day: str
    devices: tuple

    def __call__(self, rows):
        """Embeds images of the source.

        Args:
            rows: int [n'].

        Returns:
            Shard; its `rows` count those given.

        Raises:
            InputError: the machine has other images or another encoder, or
                as shard_writer.make_shard.
        """
        source, encoder = self._opened
        reader = Reader(Subset(source, rows), cache_bytes=0)
        looks = Looks(reader, registry.root_of(self.data), self.day)
        size = self.facts["image_size"]
        every = np.arange(len(rows))
        return make_shard(encoder, looks, every, image_size=size)

    @functools.cached_property
    def _opened(self):
        """(Source, Infer)."""
        try:
            devices = take_devices(*self.devices)
            source = registry.open_source(self.data)
            if source.fingerprint() != self.images:
                raise InputError(f"{self.data} has other images.")
            trained = weights.load_encoder(self.facts["run"], devices.strategy)
            if encoders.facts_of(self.facts["run"], trained) != self.facts:
                raise InputError(f"{self.facts['run']} has other weights.")
        except (InputError, OSError) as error:
            if not is_bad_input(error):
                raise
            raise InputError(
                f"On {socket.gethostname()}: {in_one_line(error)} All machines "
                "must see the images and the run under the same paths."
            ) from error
        return source, Infer(trained.model, devices.strategy)


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """Machines that embed in place of this process.

    Attributes:
        executor: as executors.open_executor gives.
        devices: tuple of take_devices' arguments, of each machine.
    """

    executor: object
    devices: tuple

    @property
    def words(self):
        """What embeds, for people."""
        return f"workers of Ray: {self.executor.workers}"

    def maker(self, data, source, rows, facts, day):
        """The `make` of shard_writer.write_shards.

        Args:
            data, facts, day: as of There.
            source: Source of `data`.
            rows: int [m], the images of the source that are to embed.
        """
        there = There(
            registry.absolute(data),
            source.fingerprint(),
            facts,
            day,
            self.devices,
        )

        def make(parts, seen):
            tasks = (rows[part] for part in parts)
            for shard in self.executor.map(there, tasks):
                seen(len(shard.ids) + len(shard.unreadable))
                yield shard

        return make
