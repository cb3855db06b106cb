"""The processes of a training on several machines, as TF_CONFIG names them.

As for tf.distribute:

    {"cluster": {"worker": ["a:2222", "b:2222"]},
     "task": {"type": "worker", "index": 0}}
"""

import dataclasses
import os
import re

from simclr.messages.errors import InputError
from simclr.storage import json_text

_NAME = "TF_CONFIG"
_JOBS = ("chief", "worker")  # In order of their processes.
_ADDRESS = re.compile(r"\S+:\d{1,5}")


@dataclasses.dataclass(frozen=True)
class Process:
    """One of a cluster.

    Attributes:
        name: str, "worker 1".
        address: str, "host:port".
    """

    name: str
    address: str

    @property
    def place(self):
        """(host, port): str, int."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def __str__(self):
        return f"{self.name} at {self.address}"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
        processes: tuple of Process, the chief first; one, such as a chief
            alone, is one machine.
        index: int, which of them this one is.
    """

    processes: tuple
    index: int

    @property
    def others(self):
        """List of Process."""
        return [p for i, p in enumerate(self.processes) if i != self.index]


def named():
    """The Cluster that TF_CONFIG names.

    Returns:
        Cluster; None where there is no TF_CONFIG, or an empty one.

    Raises:
        InputError: it is no such text.
    """
    text = os.environ.get(_NAME, "").strip()
    try:
        said = json_text.parse(text or "{}")
    except ValueError:
        raise _bad("it is no JSON text") from None
    if not isinstance(said, dict):
        raise _bad("it is no JSON object")
    jobs = said.get("cluster") or {}
    if not isinstance(jobs, dict) or not all(
        isinstance(addresses, list) for addresses in jobs.values()
    ):
        raise _bad("its cluster is no object of lists")
    if others := sorted(set(jobs) - set(_JOBS)):
        raise _bad(f"its cluster has {others[0]!r}, and only chief and worker")
    found = [
        (job, index, address)
        for job in _JOBS
        for index, address in enumerate(jobs.get(job, ()))
    ]
    if not found:
        return None
    for _, _, address in found:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise _bad(f"{address!r} is no address, HOST:PORT")
    if len({address for _, _, address in found}) < len(found):
        raise _bad("two processes have the same address")
    places = [(job, index) for job, index, _ in found]
    return Cluster(
        tuple(Process(f"{job} {i}", address) for job, i, address in found),
        _place(said.get("task"), places) if len(found) > 1 else 0,
    )


def _place(task, places):
    """Which of the (job, index) this process is, an int."""
    try:
        return places.index((task["type"], int(task["index"])))
    except (KeyError, TypeError, ValueError):
        raise _bad(f"its task is {task!r}, none of the cluster's") from None


def _bad(why):
    return InputError(
        f"{_NAME} does not name this process and the others: {why}. It is as "
        '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": '
        '"worker", "index": 0}}, or empty for one machine.'
    )
