"""A program in StableHLO on whatever devices jax has: CPU, GPU, TPU.

Needs jax and NumPy alone. jax is asked for its devices and for what its
runtime, PJRT, does with a ready program; nothing here is written in jax.
"""

import contextlib
import hashlib
import importlib.util
import platform
import re

import numpy as np

from simclr.messages.errors import InputError
from simclr.pjrt import devices as jax_devices
from simclr.storage import cache


def require():
    """Raises InputError, naming the extra, where jax is missing."""
    if importlib.util.find_spec("jax") is None:
        raise InputError(
            "This needs jax (Python 3.11 or newer): pip install jax==0.7.2."
        )


def stablehlo(hlo):
    """A serialized HLO module as StableHLO text.

    Args:
        hlo: bytes.

    Returns:
        bytes, UTF-8.
    """
    # Of jaxlib: jax has no public way in for a program that it did not make.
    from jaxlib import _jax, xla_client

    return _jax.mlir.xla_computation_to_mlir_module(
        xla_client.XlaComputation(hlo)
    ).encode()


def portable(module):
    """A StableHLO module as bytes that other versions of jax can read.

    Args:
        module: bytes, as `stablehlo` gives it.

    Returns:
        bytes; jaxlib compiles them as they are.
    """
    from jaxlib import _jax
    from jaxlib.mlir.dialects import stablehlo as dialect

    # Of no meaning here, and not StableHLO: the results' own copies.
    text = re.sub(
        r"mhlo\.copy (%[\w#]+) : (tensor<[^>]*>)",
        r"stablehlo.reshape \1 : (\2) -> \2",
        module.decode(),
    )
    # Read by every jax of the twelve weeks before this one, and later ones.
    version = dialect.get_version_from_compatibility_requirement(
        dialect.StablehloCompatibilityRequirement.WEEK_12
    )
    return _jax.mlir.serialize_portable_artifact(text.encode(), version)


def options(device_ids):
    """Options to compile a program that runs once on each of R devices.

    Args:
        device_ids: list of int, R.
    """
    from jaxlib import xla_client

    chosen = xla_client.CompileOptions()
    chosen.num_replicas = len(device_ids)
    chosen.device_assignment = xla_client.DeviceAssignment.create(
        np.array(device_ids, np.int32)[:, None]
    )
    return chosen


def _compiled(module, devices):
    """What PJRT makes of a module, or made of it at an earlier start."""
    import jax
    import jaxlib
    from jaxlib import xla_client

    client, ids = devices[0].client, [d.id for d in devices]
    where = xla_client.DeviceList(tuple(devices))
    if len(jax_devices.local(devices)) < len(devices):
        # All processes must make it together, and it is of each its own.
        return client.compile_and_load(module, where, options(ids))
    # Code for one processor may not run on another that shares the folder.
    path = cache.path_for(
        "compiled",
        *(hashlib.sha256(module).hexdigest(), jaxlib.__version__, ids),
        *(devices[0].device_kind, client.platform_version, _processor()),
    )
    data = cache.read(path)
    if data is not None:
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            return client.deserialize_executable(data, where, options(ids))
    loaded = client.compile_and_load(module, where, options(ids))
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        cache.write(path, client.serialize_executable(loaded))
    return loaded


def _processor():
    """What this machine's processor can do, in its own words."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line for line in file if line.startswith("flags"))
    except (OSError, StopIteration):
        return platform.processor()


class Executable:
    """A program, compiled for devices, a replica on each.

    Its parameters and results are jax arrays that lie on all the devices. jax
    takes them for copies of each other; they need not be: each device works
    with its own.

    Args:
        module: bytes, StableHLO, portable or not.
        devices: list of jax devices, R of them; of several processes each has
            its own part of every array, and all call this together.

    Attributes:
        devices: list of jax devices, R.
        local: list of them, L that are this process's.
    """

    def __init__(self, module, devices):
        import jax

        self.devices = list(devices)
        self.local = jax_devices.local(self.devices)
        self._loaded = _compiled(module, self.devices)
        self._everywhere = jax.sharding.NamedSharding(
            jax.sharding.Mesh(np.array(self.devices), "replica"),
            jax.sharding.PartitionSpec(),
        )

    def put(self, values):
        """Copies one array to each device of this process.

        Args:
            values: list of arrays, L; or one array for all.

        Returns:
            jax array.
        """
        import jax

        if not isinstance(values, list):
            values = [values] * len(self.local)
        return self.join(
            [jax.device_put(v, d) for v, d in zip(values, self.local)]
        )

    def join(self, copies):
        """Arrays of this process's devices, a list of L, as one jax array."""
        import jax

        if len(self.devices) == 1:
            return copies[0]
        return jax.make_array_from_single_device_arrays(
            copies[0].shape, self._everywhere, copies
        )

    def __call__(self, arguments):
        """Starts a run; results are there when they are looked at.

        Args:
            arguments: list of jax arrays. Those that the program updates in
                place are gone after.

        Returns:
            list of jax arrays.
        """
        results = self._loaded.execute_sharded(arguments)
        return [
            self.join(copies)
            for copies in results.disassemble_into_single_device_arrays()
        ]
