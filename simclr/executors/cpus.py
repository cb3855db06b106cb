"""How many CPUs this process may use (a machine can have more), and what they
can do."""

import functools
import math
import os

_GROUPS = "/sys/fs/cgroup"


def count():
    """CPUs that taskset and a container's quota leave, an int of 1 or more."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # Linux alone has it.
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _quota())))


@functools.cache
def flags():
    """What this machine's CPUs can do, a frozenset of Linux's words for it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = (line for line in file if line.startswith("flags"))
            return frozenset(next(lines, "").split())
    except OSError:  # Linux alone has it.
        return frozenset()


def _quota():
    """CPUs' time of the process's control group, in CPUs; inf: no limit."""
    quota = math.inf
    for folder in _folders():
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                words = [
                    word
                    for name in names
                    for word in _words(os.path.join(folder, name))
                ]
                limit, period = map(float, words)
            except (OSError, ValueError):  # No such file, or "max".
                continue
            if limit > 0 and period > 0:
                quota = min(quota, limit / period)
    return quota


def _folders():
    """The folders of the process's group and of those that it is part of."""
    folders = [_GROUPS, os.path.join(_GROUPS, "cpu")]
    try:
        groups = _words("/proc/self/cgroup")
    except OSError:
        return folders
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            folder = os.path.join(_GROUPS, controllers, path.strip("/"))
            while len(folder) > len(_GROUPS):
                folders.append(folder.rstrip("/"))
                folder = os.path.dirname(folder)
    return folders


def _words(path):
    with open(path) as file:
        return file.read().split()
