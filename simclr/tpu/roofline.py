"""How fast a compiled step can be at best, from what it has to move.

Williams et al. 2009, "Roofline: an insightful visual performance model",
Communications of the ACM 52(4): a step takes at least the time of its
arithmetic and at least the time of its memory traffic. Collectives are added,
as if nothing hid them.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Seconds of a step.

    Attributes:
        compute: of its operations at the device's peak in bfloat16.
        memory: of its traffic with the device's memory.
        network: of its collectives.
    """

    compute: float
    memory: float
    network: float

    @property
    def step(self):
        """At least so long."""
        return max(self.compute, self.memory) + self.network

    @property
    def bound(self):
        """What it waits for: "compute" or "memory"."""
        return "compute" if self.compute > self.memory else "memory"


def estimate(compiled, slice_):
    """Roofline of a step.

    Args:
        compiled: compiler.Compiled.
        slice_: slices.Slice.
    """
    device, replicas = slice_.device, slice_.replicas
    # A ring sends every byte twice past all but one: once to be summed, once
    # to be told.
    moved = sum(total for _, total in compiled.collectives.values())
    moved *= 2 * (replicas - 1) / replicas
    return Roofline(
        compute=compiled.flops / device.flops,
        memory=compiled.bytes_accessed / device.bandwidth,
        network=moved / device.network,
    )
