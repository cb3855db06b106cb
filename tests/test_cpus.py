"""The CPUs that a process may use."""

import os
import pathlib
import re

import pytest

from simclr.executors import cpus


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A tree of control groups; the process's own is there."""
    monkeypatch.setattr(cpus, "_GROUPS", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    words = cpus._words
    own = {"/proc/self/cgroup": ["0::/docker/one"]}
    monkeypatch.setattr(cpus, "_words", lambda x: own.get(x) or words(x))
    (tmp_path / "docker" / "one").mkdir(parents=True)
    return tmp_path


def test_taskset(monkeypatch, groups):
    assert cpus.count() == 64
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert cpus.count() == 2


@pytest.mark.parametrize(
    "text, expected",
    [
        ("max 100000", 64),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("", 64),
        ("9000000 100000", 64),
    ],
)
@pytest.mark.parametrize("folder", ["", "docker", "docker/one"])
def test_a_containers_quota(groups, folder, text, expected):
    (groups / folder / "cpu.max").write_text(text)
    assert cpus.count() == expected


def test_the_older_control_groups(groups):
    (groups / "cpu").mkdir()
    (groups / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    (groups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpus.count() == 3
    (groups / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpus.count() == 64


def test_nobody_else_counts():
    package = pathlib.Path(cpus.__file__).parents[1]
    counts = re.compile(r"\b(cpu_count|sched_getaffinity)\b")
    files = [
        path.name
        for path in package.rglob("*.py")
        if counts.search(path.read_text("utf-8"))
    ]
    assert files == ["cpus.py"]
