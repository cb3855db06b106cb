"""What hosts must bring to keep their chips at work, by arithmetic."""

import dataclasses
import math

# Well-fed ResNets have reached so much of such a roofline as roofline.py's (v3:
# flax 2,022 images/s a chip, MLPerf 1,953), published SimCLR codes so much.
# Both were read, not measured here.
WELL_FED = (0.93, 0.96)
PUBLISHED = (0.35, 0.52)

MEGABYTE = 1e6
_BYTES_A_GIGABIT = 1e9 / 8


@dataclasses.dataclass(frozen=True)
class HostPath:
    """What one vCPU does for images of a kind.

    Attributes:
        words: str, the kind.
        per_vcpu: images a second from files to uint8 views.
        image_bytes: mean size of a file; 0: decoded images stay in memory.
    """

    words: str
    per_vcpu: float
    image_bytes: float


# Measured: benchmarks/host_path.py, decode and two crops of the photos of
# 400 pixels, at commit fb42a71 on one core of a loaded Xeon at 2.5 GHz
# (docs/data_path.md). The files are those photos'.
PHOTOS = HostPath("photos of 400 pixels", per_vcpu=381.0, image_bytes=28_600.0)
# The same, `--size=32 --kept`: two crops of CIFAR's images.
SMALL = HostPath("small images in memory", per_vcpu=4_090.0, image_bytes=0.0)
_SMALL_SIDE = 64  # Up to this, pixels.


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a machine's hosts have, all together.

    Attributes:
        vcpus: int.
        gigabits: a second, of their network; None: unknown.
    """

    vcpus: int
    gigabits: float | None = None


@dataclasses.dataclass(frozen=True)
class Feeding:
    """What a machine takes in, at a speed.

    Attributes:
        images_per_second: of two views each, all hosts together.
        vcpus: that the host path needs for it.
        has: vCPUs that the hosts have.
        megabytes_per_second: of files, from disk or network.
        network_share: that much of what the hosts' network carries; None:
            unknown.
    """

    images_per_second: float
    vcpus: int
    has: int
    megabytes_per_second: float
    network_share: float | None

    @property
    def enough(self):
        """Whether the hosts keep up."""
        return self.vcpus <= self.has and (self.network_share or 0) <= 1


# vCPUs and network of a host, and how many chips hang on it (Google's pages on
# each version, docs.cloud.google.com/tpu/docs/v5e and its siblings, November
# 2026). A smaller virtual machine has its chips' share.
_HOSTS = {
    "v3": (Machine(96), 4),
    "v4": (Machine(240), 4),
    "v5e": (Machine(224, 2 * 100), 8),
    "v5p": (Machine(208), 4),
    "v6e": (Machine(180, 4 * 200), 8),
}


def host_path(image_size):
    """The HostPath of images whose views have this side, pixels."""
    return SMALL if image_size <= _SMALL_SIDE else PHOTOS


def machine(slice_):
    """The Machine of a slices.Slice."""
    host, chips = _HOSTS[slice_.version]
    share = slice_.chips / chips
    return Machine(
        round(host.vcpus * share),
        None if host.gigabits is None else host.gigabits * share,
    )


def estimate(machine, images_per_second, path):
    """What a speed asks of a machine's hosts.

    Args:
        machine: Machine.
        images_per_second: float.
        path: HostPath.

    Returns:
        Feeding.
    """
    num_bytes = images_per_second * path.image_bytes
    share = None
    if machine.gigabits is not None:
        share = num_bytes / (machine.gigabits * _BYTES_A_GIGABIT)
    return Feeding(
        images_per_second=images_per_second,
        vcpus=math.ceil(images_per_second / path.per_vcpu),
        has=machine.vcpus,
        megabytes_per_second=num_bytes / MEGABYTE,
        network_share=share,
    )
