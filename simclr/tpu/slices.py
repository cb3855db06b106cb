"""TPU slices by the names they are rented under, and what their chips can do.

The numbers are those of Google's pages on each TPU version (docs.cloud.google
.com/tpu/docs/v5e and its siblings, November 2026); v3's network is from Jouppi
et al. 2020, "A domain-specific supercomputer for training deep neural
networks", Communications of the ACM 63(7).
"""

import dataclasses

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Device:
    """What runs one replica: a chip, or one of the two cores of v3's and v4's.

    (On hardware v4's two cores can join to run one replica; the compiler that
    answers for a slice which is not there does not join them.)
    """

    hbm: int  # Bytes of memory.
    flops: float  # Peak, bfloat16, a second.
    bandwidth: float  # Of its memory, bytes a second.
    network: float  # Of all links to other chips, one way, bytes a second.
    per_chip: int = 1


@dataclasses.dataclass(frozen=True)
class Slice:
    """Chips that are rented together.

    Attributes:
        name: as in `gcloud`, such as v5e-8.
        version: v5e.
        grid: chips along each axis, as the compiler spells it: "2x4".
        replicas: devices, each of which runs one.
        device: Device.
    """

    name: str
    version: str
    grid: str
    replicas: int
    device: Device

    @property
    def chips(self):
        """How many chips, which is what is paid for."""
        return self.replicas // self.device.per_chip


DEVICES = {
    "v3": Device(16 * GIB, 61.5e12, 450e9, 164e9, per_chip=2),
    "v4": Device(16 * GIB, 137.5e12, 614e9, 150e9, per_chip=2),
    "v5e": Device(16 * GIB, 197e12, 819e9, 200e9),
    "v5p": Device(95 * GIB, 459e12, 2765e9, 600e9),
    "v6e": Device(32 * GIB, 918e12, 1638e9, 400e9),
}

# The number in a name counts cores, two a chip, up to v5p; chips in v5e, v6e.
_GRIDS = {
    "v3-8": "2x2",
    "v3-32": "4x4",
    "v4-8": "2x2x1",
    "v4-32": "2x2x4",
    "v4-128": "4x4x4",
    "v5e-1": "1x1",
    "v5e-4": "2x2",
    "v5e-8": "2x4",
    "v5e-16": "4x4",
    "v5e-64": "8x8",
    "v5p-8": "2x2x1",
    "v5p-32": "2x2x4",
    "v6e-1": "1x1",
    "v6e-4": "2x2",
    "v6e-8": "2x4",
    "v6e-16": "4x4",
}


def get(name):
    """The slice of a name.

    Raises:
        InputError: there is none of that name here.
    """
    if name not in _GRIDS:
        raise InputError(
            f"--topology={name} is not known; there are {', '.join(_GRIDS)}."
            f"{did_you_mean(name, _GRIDS)}"
        )
    version, grid = name.split("-")[0], _GRIDS[name]
    device, chips = DEVICES[version], 1
    for side in grid.split("x"):
        chips *= int(side)
    return Slice(name, version, grid, chips * device.per_chip, device)


def names():
    """Those that `get` knows."""
    return list(_GRIDS)
