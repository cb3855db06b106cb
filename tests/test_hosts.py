"""Several machines: who TF_CONFIG names, waiting for them, losing one."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from simclr.commands.session import session
from simclr.executors import hosts, meeting
from simclr.messages.errors import ClusterError, InputError, in_one_line


@pytest.fixture(autouse=True)
def nobody_met(monkeypatch):
    monkeypatch.setattr(meeting, "_met", [])
    monkeypatch.setattr(meeting, "_kept", [])


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def cluster(count=2, index=0):
    """Of processes on this machine."""
    return hosts.Cluster(
        tuple(
            hosts.Process(f"worker {i}", f"localhost:{free_port()}")
            for i in range(count)
        ),
        index,
    )


def tf_config(cluster, task):
    return json.dumps({"cluster": cluster, "task": task})


@pytest.mark.parametrize(
    "jobs, task, place, names",
    [
        ({"worker": ["a:1", "b:2"]}, ("worker", 1), 1, "worker 0, worker 1"),
        ({"worker": ["a:1", "b:2"]}, ("worker", "1"), 1, "worker 0, worker 1"),
        ({"worker": ["b:2"], "chief": ["c:1"]}, ("chief", 0), 0, "chief 0, w"),
        ({"worker": ["b:2"], "chief": ["c:1"]}, ("worker", 0), 1, "chief 0, w"),
        ({"chief": ["c:1"]}, ("chief", 0), 0, "chief 0"),
        ({"worker": ["[::1]:7"]}, ("worker", 0), 0, "worker 0"),
    ],
)
def test_tf_config_names_them(monkeypatch, jobs, task, place, names):
    """A chief comes before the workers, as for tf.distribute."""
    task = {"type": task[0], "index": task[1]}
    monkeypatch.setenv("TF_CONFIG", tf_config(jobs, task))
    found = hosts.named()
    assert found.index == place
    assert ", ".join(p.name for p in found.processes).startswith(names)
    assert len(found.others) == sum(map(len, jobs.values())) - 1


@pytest.mark.parametrize("text", [None, "", " ", "{}", '{"cluster": {}}'])
def test_an_empty_tf_config_is_none(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert hosts.named() is None


TWO = {"worker": ["a:1", "b:2"]}
FIRST = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    "text, why",
    [
        ("{", "no JSON text"),
        ("[" * 100_000, "no JSON text"),
        ("[]", "no JSON object"),
        (tf_config(["a:1"], FIRST), "no object of lists"),
        (tf_config({"worker": "a:1"}, FIRST), "no object of lists"),
        (tf_config({"worker": ["a:1", "b"]}, FIRST), "'b' is no address"),
        (tf_config({"worker": ["a:1", 2]}, FIRST), "2 is no address"),
        (tf_config({"worker": ["a:1", "a:1"]}, FIRST), "the same address"),
        (tf_config(TWO | {"ps": ["c:3"]}, FIRST), "its cluster has 'ps'"),
        (tf_config(TWO, {"type": "worker", "index": 2}), "its task is"),
        (tf_config(TWO, {"type": "worker", "index": -1}), "its task is"),
        (tf_config(TWO, {"type": "chief", "index": 0}), "its task is"),
        (tf_config(TWO, {"type": "worker"}), "its task is"),
        (tf_config(TWO, None), "its task is None"),
        (json.dumps({"cluster": TWO}), "its task is None"),
    ],
)
def test_a_bad_tf_config_is_one_line(monkeypatch, text, why):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match="TF_CONFIG does not name") as caught:
        hosts.named()
    assert why in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [False, True])
def test_they_meet(keep):
    """A library's server answers then, or else the process goes on to."""
    of, servers = cluster(3), []

    def start(index):
        own = hosts.Cluster(of.processes, index)
        meeting.meet(own, keep=keep, limit_s=60.0)
        if not keep:
            place = ("", of.processes[index].place[1])
            servers.append(socket.create_server(place))

    threads = [threading.Thread(target=start, args=[i]) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert len(meeting._met) == 3
    assert meeting.absent(of.processes) == []
    for server in servers:
        server.close()
    assert len(meeting.absent(of.processes)) == (0 if keep else 3)


def test_who_is_waited_for_is_said_and_not_for_ever(monkeypatch, capsys):
    monkeypatch.setattr(meeting, "_QUIET_S", 0.0)
    of = cluster(3)
    names = f"{of.processes[1]} and {of.processes[2]}"
    with pytest.raises(ClusterError) as caught:
        meeting.meet(of, limit_s=0.5)
    assert str(caught.value).startswith(f"{names} did not come within ")
    said = capsys.readouterr().err
    assert said.count("Waiting") == 1
    assert f"for {names}, for " in said and "at most" in said
    assert meeting.gone() == []
    # Its own port is free again.
    socket.create_server(("localhost", of.processes[0].place[1])).close()


def test_a_port_that_is_taken():
    of = cluster()
    with (
        socket.create_server(("", of.processes[0].place[1])),
        pytest.raises(InputError, match="that port cannot be had") as caught,
    ):
        meeting.meet(of)
    assert str(of.processes[0]) in str(caught.value)


_MEET = """
import signal
from simclr.executors import hosts, meeting
# A shell starts what runs in the background without it.
signal.signal(signal.SIGINT, signal.default_int_handler)
meeting._QUIET_S = 0.0
meeting.meet(hosts.named())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_at_once(number):
    addresses = [p.address for p in cluster().processes]
    process = subprocess.Popen(
        [sys.executable, "-c", _MEET],
        env={
            **os.environ,
            "PYTHONPATH": os.getcwd(),
            "TF_CONFIG": tf_config({"worker": addresses}, FIRST),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "Waiting   for worker 1 at" in process.stderr.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number


def test_signals_are_ours_again_after_a_library_joined():
    """TensorFlow and jax take SIGTERM for themselves, and only note it."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with meeting.own_signals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    after = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert after == before


class UnavailableError(Exception):
    """As TensorFlow's."""

    __module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("Graph execution error"),
        type("XlaRuntimeError", (RuntimeError,), {"__module__": "jaxlib._jax"})(
            "INTERNAL: Gloo all-reduce failed"
        ),
        ValueError("UNKNOWN: Gloo AllGather failed: Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_worker_is_named(error):
    of = cluster(3)
    with socket.create_server(("localhost", of.processes[1].place[1])):
        meeting._met.append(of)
        with pytest.raises(ClusterError) as caught, session():
            raise error
        assert str(caught.value) == (
            f"{of.processes[2]} is gone; start the same command on all "
            "machines again."
        )
        assert caught.value.__cause__ is error
        assert in_one_line(caught.value) == str(caught.value)
    assert "are gone; start" in meeting.lost(error)


@pytest.mark.parametrize(
    "text, name",
    [
        (
            "Collective ops is aborted by: Error reported from /job:worker/"
            "task:0: The following tasks are unhealthy (stopped sending "
            "heartbeats):\n/job:worker/replica:0/task:1\nThe tasks have",
            "worker 1 at",
        ),
        (
            "Collective ops is aborted by: Deadline Exceeded\n\nRPC: "
            "/tensorflow.CoordinationService/Heartbeat\nThe error could be",
            "worker 0 at",
        ),
        ("Collective ops is aborted by: shapes differ", None),
    ],
)
def test_a_worker_that_hangs_is_named(text, name):
    """Its port answers on; the words are TensorFlow 2.21's."""
    of = cluster(3, index=2)
    meeting._met.append(of)
    with contextlib.ExitStack() as stack:
        for process in of.others:
            place = ("localhost", process.place[1])
            stack.enter_context(socket.create_server(place))
        said = meeting.lost(UnavailableError(text))
    assert said == "" if name is None else said.startswith(name)
    assert name is None or "does not answer" in said


def test_other_errors_are_what_they_are():
    error = UnavailableError("Graph execution error")
    assert meeting.lost(error) == "", "it has met nobody"
    meeting._met.append(cluster())
    assert meeting.lost(error)
    ours = "Unknown: InputError: 3 images cannot be read\nTraceback"
    assert meeting.lost(UnavailableError(ours)) == ""
    assert meeting.lost(OSError("disk")) == meeting.lost(ValueError("x")) == ""
    with pytest.raises(OSError), session():
        raise OSError("disk")
