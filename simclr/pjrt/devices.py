"""jax's devices, where the loop expects a tf.distribute strategy."""

import os

import tensorflow as tf


class PjrtDevices:
    """What trains by PJRT, and what TensorFlow does beside it.

    Batches are made for as many replicas as there are devices. Everything else
    that a strategy is asked for, such as evaluation, is TensorFlow's on one
    replica: this object stands for the default strategy there.

    Args:
        kind: "tpu", "gpu", "cpu", or "auto": the best that jax has.
        replicas: how many devices; 0: all, or one CPU.

    Raises:
        ValueError: jax is missing, or has no such devices.
    """

    def __init__(self, kind="auto", replicas=0):
        if kind == "cpu":
            # Or else jax would start the others, too.
            os.environ["JAX_PLATFORMS"] = "cpu"
        try:
            import jax
        except ImportError:
            raise ValueError(
                "--engine=pjrt needs jax: pip install simclr[aot]."
            ) from None
        # Keras counts steps in int64, which jax would make int32.
        jax.config.update("jax_enable_x64", True)
        if kind == "cpu":
            jax.config.update("jax_num_cpu_devices", max(1, replicas))
        try:
            platform = None if kind == "auto" else kind
            devices = jax.devices(platform)
        except RuntimeError as error:
            raise ValueError(
                f"jax has no {kind} here: {str(error).splitlines()[0]}"
            ) from error
        if len(devices) < replicas:
            raise ValueError(
                f"--replicas={replicas}, but jax has {len(devices)} "
                f"{devices[0].platform} devices."
            )
        self.devices = devices[: replicas or len(devices)]
        self.platform = devices[0].platform
        self._default = tf.distribute.get_strategy()

    @property
    def num_replicas_in_sync(self):
        """R."""
        return len(self.devices)

    @property
    def description(self):
        """Of the devices, in words."""
        kind = self.devices[0].device_kind
        return f"{len(self.devices)} x {kind} by PJRT"

    @property
    def has_fast_bfloat16(self):
        """Whether accelerators multiply bfloat16 faster than float32."""
        # From Ampere on; a T4 has no bfloat16. A TPU does not say, and has.
        capability = getattr(self.devices[0], "compute_capability", "9.0")
        return float(capability) >= 8

    def distribute_datasets_from_function(self, function):
        """A dataset of batches of a replica, in order of step, then replica."""
        return function(
            tf.distribute.InputContext(
                num_input_pipelines=1,
                input_pipeline_id=0,
                num_replicas_in_sync=self.num_replicas_in_sync,
            )
        )

    def __getattr__(self, name):
        return getattr(self._default, name)
