"""Which machines of a cluster work, and what a worker takes of each."""

import dataclasses

from simclr.messages.counts import counted
from simclr.messages.errors import InputError

_ACCELERATORS = ("GPU", "TPU")


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine, and what its one worker takes.

    Attributes:
        id: str.
        name: str, for people.
        cpus: int.
        accelerators: dict of "GPU" or "TPU" -> how many.
    """

    id: str
    name: str
    cpus: int
    accelerators: dict


def working(machines, *, accelerators):
    """The machines that work, each with one worker.

    A machine keeps one CPU for Ray itself, and the first one for the process
    that reads and writes: a cluster whose workers take every CPU stands still.

    Args:
        machines: list of (id, name, dict of a machine's resources).
        accelerators: bool, the work is for GPUs and TPUs where some machines
            have them; the others then do nothing.

    Returns:
        list of Machine.

    Raises:
        InputError: no machine has two CPUs.
    """
    found = [
        Machine(
            id,
            name,
            int(has.get("CPU", 0)) - 1,
            {
                kind: int(has[kind])
                for kind in _ACCELERATORS
                if accelerators and has.get(kind, 0) >= 1
            },
        )
        for id, name, has in machines
    ]
    able = [machine for machine in found if machine.cpus >= 1]
    if not able:
        cpus = sum(max(0, machine.cpus + 1) for machine in found)
        raise InputError(
            f"Ray has {counted(len(found), 'machine')} with {cpus} CPUs in "
            "all: a machine that works needs two, of which Ray keeps one."
        )
    return [machine for machine in able if machine.accelerators] or able
