"""The TPU's own compiler, which needs no TPU.

libtpu compiles for a slice that is described to it. It is called through jax,
whose client for compiling alone takes any program in StableHLO.
"""

import contextlib
import dataclasses
import importlib
import os
import re

from simclr.messages.errors import InputError, first_line
from simclr.messages.extras import install
from simclr.pjrt import executable
from simclr.tpu import hlo_text

# Asked of a machine that is no Cloud TPU VM, libtpu waits for its metadata
# server, complains of its host's name and refuses to be loaded twice.
_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_MIN_LOG_LEVEL": "3",
    "TPU_STDERR_LOG_LEVEL": "3",
}


class DoesNotFit(Exception):
    """The program needs more memory than a device has.

    Attributes:
        needed: bytes, as the compiler says.
    """

    def __init__(self, needed):
        super().__init__(f"needs {needed / 2**30:.2f} GiB a device")
        self.needed = needed


class Refused(Exception):
    """The compiler does not take the program; the message is its own."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What the compiler says of a program, on each device.

    Attributes:
        flops: floating-point operations.
        bytes_accessed: bytes between the device and its memory.
        state: bytes of arguments, which the results take the place of.
        temporary: bytes while it runs, beside those.
        code: bytes of the program; 0: not generated.
        collectives: dict of kind -> (how many, bytes in them).
    """

    flops: float
    bytes_accessed: float
    state: int
    temporary: int
    code: int
    collectives: dict

    @property
    def memory(self):
        """Bytes of memory, in all."""
        return self.state + self.temporary + self.code


def require():
    """Raises InputError, naming the extra, where jax or libtpu is missing."""
    for name in ("jax", "libtpu"):
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"The TPU compiler needs {name}, which is not installed: "
                f"{install('aot')} (Python 3.11 or newer)."
            )


@contextlib.contextmanager
def _environment():
    """Variables that libtpu asks for, unless they are set, for a while."""
    missing = _ENVIRONMENT.keys() - os.environ.keys()
    os.environ.update({name: _ENVIRONMENT[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@_environment()
def compile_for(slice_, hlo):
    """Compiles a program for every device of a slice.

    Args:
        slice_: slices.Slice.
        hlo: bytes, a serialized HLO module for so many replicas
            (simclr/lowering/xla.py).

    Returns:
        Compiled.

    Raises:
        DoesNotFit: a device's memory is too small.
        Refused: there is something in it that a TPU does not run.
        InputError: jax or libtpu is missing, or does not know the slice.
    """
    require()
    from jaxlib import xla_client

    devices = _devices(slice_)
    try:
        compiled = devices[0].client.compile(
            executable.stablehlo(hlo),
            xla_client.DeviceList(tuple(devices)),
            executable.options(range(len(devices))),
        )
    except xla_client.XlaRuntimeError as error:
        raise _meaning(str(error)) from error
    memory = compiled.get_compiled_memory_stats()
    cost = compiled.cost_analysis()
    text = compiled.hlo_modules()[0].to_string()
    more_flops, more_traffic = hlo_text.loop_factors(text)
    return Compiled(
        flops=cost["flops"] * more_flops,
        bytes_accessed=cost["bytes accessed"] * more_traffic,
        state=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes,
        temporary=memory.temp_size_in_bytes,
        code=memory.generated_code_size_in_bytes,
        collectives=hlo_text.collective_traffic(text),
    )


@_environment()
def _devices(slice_):
    from jax.experimental import topologies

    # A host's chips, where there are fewer than libtpu takes for granted.
    small = {"chips_per_host_bounds": [1, 1, 1]} if slice_.chips == 1 else {}
    try:
        description = topologies.get_topology_desc(
            platform="tpu",
            topology_name=f"{slice_.version}:{slice_.grid}",
            **small,
        )
    except Exception as error:  # jaxlib has several kinds.
        raise InputError(
            f"The installed libtpu does not know {slice_.name}: "
            f"{first_line(error)}"
        ) from error
    return description.devices


def _meaning(text):
    """A compiler's error as one of ours."""
    used = re.search(r"Used ([\d.]+)([KMGT]?) of [\d.]+[KMGT]? hbm", text)
    if used:
        unit = 2 ** (10 * " KMGT".index(used[2] or " "))
        return DoesNotFit(int(float(used[1]) * unit))
    # One tensor alone is larger than the memory.
    alone = re.search(r"Allocation \(size=(\d+)\) would exceed memory", text)
    if alone:
        return DoesNotFit(int(alone[1]))
    return Refused(text)
