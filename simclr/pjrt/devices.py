"""The devices that jax has; needs jax alone."""

import contextlib

from simclr.messages.errors import InputError, first_line


def devices(kind="auto", count=0, *, everywhere=False):
    """Some of jax's devices.

    Args:
        kind: "tpu", "gpu", "cpu", or "auto": the best that jax has.
        count: how many; 0: all, or one CPU.
        everywhere: bool, all of all processes of a cluster.

    Returns:
        list of jax devices of one kind, process after process.

    Raises:
        InputError: jax is missing, or has not so many of that kind.
    """
    try:
        import jax
    except ImportError:
        raise InputError("jax is not installed: pip install jax.") from None
    # Keras counts steps in int64, which jax would make int32.
    jax.config.update("jax_enable_x64", True)
    if kind == "cpu":
        # Or else jax would start the others, too.
        jax.config.update("jax_platforms", "cpu")
        most = max(1, count, jax.config.jax_num_cpu_devices)
        with contextlib.suppress(RuntimeError):  # It runs: with what it has.
            jax.config.update("jax_num_cpu_devices", most)
    try:
        found = jax.devices(None if kind == "auto" else kind)
    except RuntimeError as error:
        raise InputError(
            f"jax has no {kind} here: {first_line(error)}"
        ) from error
    found = sorted(found, key=lambda d: (d.process_index, d.id))
    if everywhere:
        return found
    found = local(found)
    if len(found) < count:
        raise InputError(
            f"{count} replicas need {count} devices, and jax has {len(found)} "
            f"({found[0].platform}) in this process; another number: "
            "--replicas."
        )
    every = 1 if found[0].platform == "cpu" else len(found)
    return found[: count or every]


def local(devices):
    """Those of jax's devices that are this process's."""
    return [d for d in devices if d.process_index == d.client.process_index()]


def memory(device):
    """Bytes that a jax device has for arrays; None where it does not say."""
    return (device.memory_stats() or {}).get("bytes_limit")
