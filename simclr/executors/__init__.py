"""Where a function of a shard is computed: here, or on many machines."""

import importlib.util

from simclr.executors.here import HERE
from simclr.messages.errors import InputError
from simclr.messages.extras import install


def open_executor(on, *, accelerators=False):
    """The executor that the user asked for; a context manager.

    Args:
        on: "here"; "ray", started on this machine; or "ray:HOST:PORT", one
            that runs.
        accelerators: bool, the work is a net's: a machine with GPUs or TPUs
            gives them to its worker.

    Returns:
        Here or OnRay.

    Raises:
        InputError: `on` is something else, or Ray is not installed. Entering
            raises it where no Ray answers, or no machine of it can work.
    """
    kind, colon, address = on.partition(":")
    if on == "here":
        return HERE
    if kind != "ray" or (colon and not address):
        raise InputError(f"--on={on}; choose here, ray or ray:HOST:PORT.")
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"Ray is not installed: {install('ray')}.")
    from simclr.executors.on_ray import OnRay

    return OnRay(address, accelerators=accelerators)
