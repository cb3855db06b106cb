"""The processes of a cluster before they work together: who is there.

TensorFlow waits for the others in C++: without a word, an end or an ear for
signals. So they meet here before, at the addresses that they have anyway.
"""

import concurrent.futures
import contextlib
import re
import signal
import socket
import threading
import time

from simclr.messages.errors import ClusterError, InputError, is_bad_input
from simclr.messages.say import say

# Machines that are asked for together seldom come within seconds.
LIMIT_S = 600.0
_QUIET_S = 3.0  # Processes that one command starts need no word.
_EVERY_S = 60.0
_PAUSE_S = 0.2
_ANSWER_S = 2.0
_MOST_ASKED = 32  # At a time.
_STATUS = re.compile(r"[A-Z_]+: ")  # "UNKNOWN: Gloo AllGather failed: ..."
# What TensorFlow says of processes whose ports still answer.
_SILENT = "stopped sending heartbeats"
_TASK = re.compile(r"/job:(\w+)/replica:\d+/task:(\d+)")
_FIRST_IS_SILENT = "CoordinationService/Heartbeat"
_met = []  # The hosts.Cluster, once this process has met the others.
_kept = []  # Sockets that answer for it.


def meet(cluster, *, keep=False, limit_s=LIMIT_S):
    """Waits until all processes are there; says who is waited for.

    Each answers at its own address. What listens there afterwards, as
    TensorFlow's server does, answers those who come later.

    Args:
        cluster: hosts.Cluster of two processes or more.
        keep: bool, go on answering, for nothing else will listen there.
        limit_s: float, seconds; how long to wait.

    Raises:
        InputError: this process's own port is taken.
        ClusterError: one did not come in time.
    """
    listener = _listen(cluster.processes[cluster.index])
    try:
        _wait(cluster.others, limit_s)
    except BaseException:
        listener.close()
        raise
    if keep:
        _kept.append(listener)
    else:
        listener.close()
    _met.append(cluster)


def _listen(process):
    """A socket that answers at a process's port, on all addresses of here."""
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            ("", process.place[1]),
            family=socket.AF_INET6 if both else socket.AF_INET,
            dualstack_ipv6=both,
            backlog=1024,  # Nobody takes them: they only see that it answers.
        )
    except (OSError, OverflowError) as error:
        raise InputError(
            f"TF_CONFIG says that this process is {process}, and that port "
            f"cannot be had here ({error.strerror or error}); does the "
            "command run already?"
        ) from None


def _wait(others, limit_s):
    started = time.monotonic()
    word_at, missing = started + _QUIET_S, others
    # Who was there is asked again at the end: it may be gone.
    while missing := absent(missing) or absent(others):
        now = time.monotonic()
        if now - started > limit_s:
            raise ClusterError(
                f"{_several(missing)} did not come within {_minutes(limit_s)}; "
                "start the same command on all machines."
            )
        if now >= word_at:
            left = _minutes(started + limit_s - now)
            say(
                f"Waiting   for {_several(missing)}, for {left} at most; "
                "Ctrl-C stops."
            )
            word_at = now + _EVERY_S
        time.sleep(_PAUSE_S)


def absent(processes):
    """Those of the processes that do not answer, a list of hosts.Process."""
    with concurrent.futures.ThreadPoolExecutor(_MOST_ASKED) as pool:
        answers = list(pool.map(_answers, processes))
    return [p for p, answer in zip(processes, answers) if not answer]


def _answers(process):
    try:
        socket.create_connection(process.place, _ANSWER_S).close()
    except (OSError, OverflowError):  # Nor is its name known, as yet.
        return False
    return True


def lost(error):
    """Whom an error of the library is about.

    Args:
        error: Exception of TensorFlow or jax, or any other.

    Returns:
        str, one line: which process is gone; "" where the error has another
        reason, or this process has met no others.
    """
    if not _is_of_library(error) or is_bad_input(error):
        return ""
    if found := gone():
        what = "is gone" if len(found) == 1 else "are gone"
    elif found := _silent(str(error)):
        what = "does not answer: it hangs, or the network between is cut"
    else:
        return ""
    return (
        f"{_several(found)} {what}; start the same command on all machines "
        "again."
    )


def _is_of_library(error):
    """jax gives some of its errors Python's own kinds, not one of its own."""
    if type(error) in (ValueError, RuntimeError):
        return bool(_STATUS.match(str(error)))
    return type(error).__module__.startswith(("tensorflow.", "jax"))


def _silent(text):
    """Whose heartbeats TensorFlow misses, a list of hosts.Process."""
    if not _met:
        return []
    if _FIRST_IS_SILENT in text:
        return [_met[-1].processes[0]]
    names = {" ".join(found) for found in _TASK.findall(text)}
    return [p for p in _met[-1].others if _SILENT in text and p.name in names]


def gone():
    """Those whom this process has met and who answer no more."""
    return absent(_met[-1].others) if _met else []


@contextlib.contextmanager
def own_signals():
    """While a library joins the processes, and afterwards.

    It may wait in C++, where Python hears no signal: Ctrl-C ends the process
    there. For SIGTERM it sets a handler that only takes note: afterwards
    signals do again what they did before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in old.items():
            # None: it was not set from Python, and cannot be from here.
            signal.signal(number, handler or signal.SIG_DFL)


def _several(processes):
    return " and ".join(map(str, processes))


def _minutes(seconds):
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min"
