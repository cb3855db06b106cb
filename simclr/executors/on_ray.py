"""The executor that is a cluster of Ray: one worker a machine.

Tasks and results go through Ray's object store; a worker sees no file of ours.
The workers are actors and not Ray Data's: tasks are drawn as they are needed,
machines may differ, a lost one is left out, and the start is much faster.

Letters: w = workers.
"""

import collections
import contextlib
import os
import socket
import time
import warnings

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from simclr.executors import machines
from simclr.messages import signals
from simclr.messages.errors import InputError, first_line
from simclr.messages.say import say

_AHEAD = 2  # Tasks of a worker, so that it never waits for us.
_WINDOW = 3  # Of a worker: tasks that are under way or done before their turn.
_TRIES = 4  # A task that kills so many workers is at fault, not the machines.
_ANSWERS_S = 10
_FREED_S = 5  # CPUs of work that has just ended may not be said to be free yet.


class OnRay:
    """Computes on the machines of a cluster. A context manager.

    Args:
        address: HOST:PORT of a cluster; "": one that is started on this
            machine. A process that is joined to one stays with that.
        accelerators: bool, see machines.working.

    Attributes:
        workers: int, w, once it is entered.
    """

    def __init__(self, address="", *, accelerators=False):
        self._address, self._accelerators = address, accelerators
        self._leave = contextlib.ExitStack()
        self._pool = []

    @property
    def workers(self):
        return len(self._pool)

    def __enter__(self):
        """Joins the cluster.

        Raises:
            InputError: none answers, or no machine of it can work.
        """
        with contextlib.ExitStack() as stack:
            if not ray.is_initialized():
                stack.callback(ray.shutdown)
                _join(self._address)
                signals.hear_again()  # Ray would end with status 15.
            working = machines.working(
                [
                    (n["NodeID"], n["NodeManagerHostname"], n["Resources"])
                    for n in _alive()
                ],
                accelerators=self._accelerators,
            )
            _require_free(sum(machine.cpus for machine in working))
            self._pool = [_Worker(machine) for machine in working]
            stack.callback(self._stop)
            self._leave = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._leave.close()

    def _stop(self):
        for worker in self._pool:
            worker.stop()

    def map(self, function, tasks):
        """As Here.map; a lost worker costs the tasks that it had.

        Raises:
            InputError: what the function raised; or no machine is left, or a
                task has killed several workers.
        """
        function = [ray.put(function)]  # In a list it is not fetched for them.
        pool = self._pool
        tasks = enumerate(tasks)
        again = collections.deque()  # Of lost workers.
        running, done, turn, drawn = {}, {}, 0, 0
        try:
            while True:
                while worker := _idle(pool):
                    if again:
                        number, task, tries = again.popleft()
                    elif drawn - turn < _WINDOW * len(pool):
                        number, task = next(tasks, (None, None))
                        if number is None:
                            break
                        drawn, tries = number + 1, 0
                    else:
                        break
                    ref = worker.begin(function, task)
                    running[ref] = worker, worker.actor, number, task, tries
                if not running:
                    return
                [ref], _ = ray.wait(list(running), num_returns=1)
                worker, actor, number, task, tries = running.pop(ref)
                worker.load -= 1
                try:
                    done[number] = ray.get(ref)
                except ray.exceptions.RayTaskError as error:
                    raise _cause(error) from error
                except ray.exceptions.RayError as error:
                    if tries + 1 == _TRIES:
                        raise InputError(
                            f"{_TRIES} workers were lost by the same task; the "
                            f"last of them: {first_line(error)}"
                        ) from error
                    again.append((number, task, tries + 1))
                    if worker.actor is actor:
                        _renew(pool, worker)
                while turn in done:
                    yield done.pop(turn)
                    turn += 1
        finally:
            if running:  # An error, or results that nobody asks for.
                self._stop()


class _Actor:
    """What runs on a machine: a function, unpickled once."""

    def __init__(self):
        self._ref = self._function = None

    def of(self, function, task):
        if self._ref != function[0]:
            self._ref, self._function = function[0], None  # Room first.
            self._function = ray.get(self._ref)
        return self._function(task)


class _Worker:
    """The worker of one machine.

    Attributes:
        actor: handle of Ray; None: not begun yet.
        load: int, tasks that it has.
    """

    def __init__(self, machine):
        self.machine = machine
        self.actor, self.load = None, 0

    def begin(self, function, task):
        """Hands it a task; returns a reference to what comes of it."""
        if self.actor is None:
            others = dict(self.machine.accelerators)
            options = {
                "num_cpus": self.machine.cpus,
                "num_gpus": others.pop("GPU", 0),
                "resources": others,
                "scheduling_strategy": NodeAffinitySchedulingStrategy(
                    self.machine.id, soft=False
                ),
            }
            self.actor = ray.remote(_Actor).options(**options).remote()
        self.load += 1
        return self.actor.of.remote(function, task)

    def stop(self):
        if self.actor is not None:
            ray.kill(self.actor)
            self.actor, self.load = None, 0


def _idle(pool):
    """The worker with the fewest tasks; None: all have enough."""
    worker = min(pool, key=lambda worker: worker.load)
    return worker if worker.load < _AHEAD else None


def _renew(pool, worker):
    """Begins a lost worker anew, or leaves out a machine that is lost."""
    name = worker.machine.name
    worker.actor = None
    if worker.machine.id in {node["NodeID"] for node in _alive()}:
        say(f"A worker on {name} was lost: what it had is done again")
        return
    say(f"{name} was lost: the others go on")
    pool.remove(worker)
    if not pool:
        raise InputError("The last machine of Ray was lost; run this again.")


def _alive():
    return [node for node in ray.nodes() if node["Alive"]]


def _require_free(cpus):
    """Raises InputError where others hold CPUs that are needed."""
    until = time.monotonic() + _FREED_S
    while (free := ray.available_resources().get("CPU", 0)) < cpus:
        if time.monotonic() > until:
            raise InputError(
                f"{free:g} CPUs of Ray are free and {cpus} are needed: other "
                "work holds the rest; wait for it."
            )
        time.sleep(0.2)


def _cause(error):
    """The error of the function, as it was raised."""
    return error.cause if isinstance(error.cause, Exception) else error


def _require_one_there(address):
    """Raises InputError where nothing listens; Ray would ask for a minute."""
    if not address:
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _ANSWERS_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"No Ray answers at {address!r} ({error}): give the HOST:PORT that "
            "`ray start --head` printed."
        ) from None


def _join(address):
    _require_one_there(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        with warnings.catch_warnings():
            # Ray forks only to start programs.
            warnings.filterwarnings("ignore", "lance is not fork-safe")
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = first_line(error)
        raise InputError(
            f"Ray at {address or 'this machine'} cannot be joined: {said}"
        ) from error
