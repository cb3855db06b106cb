"""A profiler's trace of some steps: how it is written, what devices did."""

import contextlib
import glob
import os

from simclr.messages.errors import InputError

# Lines of a device's plane on which it works; others tell the same by layer,
# gaps included. A GPU has a line a stream, a TPU one of operations.
_STREAM, _OPERATIONS = "Stream", "XLA Ops"


@contextlib.contextmanager
def tensorflow(folder):
    """Traces what TensorFlow runs inside, into a folder."""
    import tensorflow as tf

    tf.profiler.experimental.start(folder)
    try:
        yield
    finally:
        tf.profiler.experimental.stop()


@contextlib.contextmanager
def jax(folder):
    """Traces what jax's runtime runs inside, into a folder.

    Raises:
        InputError: this jax has no profiler.
    """
    import jax
    from tensorflow.python.profiler import trace as tensorflow_trace

    if not hasattr(jax.profiler, "start_trace"):
        raise InputError("This jax has no profiler: leave out --profile.")
    # jax's profiler puts a bool where TensorFlow has a function.
    enabled = tensorflow_trace.enabled
    jax.profiler.start_trace(folder)
    tensorflow_trace.enabled = enabled
    try:
        yield
    finally:
        jax.profiler.stop_trace()
        tensorflow_trace.enabled = enabled


def busy_s(folder):
    """How long the accelerators worked in the newest trace of a folder.

    Returns:
        Seconds, a mean over the devices; None: the trace has none.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    pattern = os.path.join(folder, "plugins", "profile", "*", "*.xplane.pb")
    newest = max(glob.glob(pattern), key=os.path.getmtime, default=None)
    if newest is None:
        return None
    space = xplane_pb2.XSpace()
    with open(newest, "rb") as file:
        space.ParseFromString(file.read())
    return busy_of(space)


def busy_of(space):
    """`busy_s` of a trace, an XSpace."""
    busy = [
        _covered(_spans(plane))
        for plane in space.planes
        if plane.name.startswith(("/device:GPU:", "/device:TPU:"))
    ]
    return sum(busy) / len(busy) / 1e12 if busy else None


def _spans(plane):
    """(start, stop) of each thing that a device did, picoseconds."""
    for line in plane.lines:
        if line.name.startswith(_STREAM) or line.name == _OPERATIONS:
            for event in line.events:
                start = 1000 * line.timestamp_ns + event.offset_ps
                yield start, start + event.duration_ps


def _covered(spans):
    """How much of a line intervals cover together, each part once."""
    total, end = 0, 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total
