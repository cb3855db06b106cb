"""A program in StableHLO on whatever devices jax has: CPU, GPU, TPU.

Needs jax and NumPy alone. jax is asked for its devices and for what its
runtime, PJRT, does with a ready program; nothing here is written in jax.
"""

import numpy as np


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


def options(num_replicas):
    """Options to compile a program that runs once on each of R devices."""
    from jaxlib import xla_client

    chosen = xla_client.CompileOptions()
    chosen.num_replicas = num_replicas
    chosen.device_assignment = xla_client.DeviceAssignment.create(
        np.arange(num_replicas, dtype=np.int32)[:, None]
    )
    return chosen


class Executable:
    """A program, compiled for devices, a replica on each.

    Args:
        module: bytes, StableHLO.
        devices: list of jax devices, R of them, all of one client.
    """

    def __init__(self, module, devices):
        from jaxlib import xla_client

        self.devices = list(devices)
        chosen = options(len(self.devices))
        chosen.device_assignment = xla_client.DeviceAssignment.create(
            np.array([[d.id] for d in self.devices], np.int32)
        )
        self._loaded = self.devices[0].client.compile_and_load(
            module, xla_client.DeviceList(tuple(self.devices)), chosen
        )

    def put(self, values):
        """Copies one array to each device.

        Args:
            values: list of arrays, R; or one array for all.

        Returns:
            list of jax arrays, R.
        """
        import jax

        if not isinstance(values, list):
            values = [values] * len(self.devices)
        return [jax.device_put(v, d) for v, d in zip(values, self.devices)]

    def __call__(self, arguments):
        """Starts a run; results are there when they are looked at.

        Args:
            arguments: list, a parameter each, of lists of jax arrays, a device
                each. Those that the program updates in place are gone after.

        Returns:
            list, a result each, of lists of jax arrays, a device each.
        """
        results = self._loaded.execute_sharded(arguments)
        return results.disassemble_into_single_device_arrays()
