"""SIGTERM and Ctrl-C, in whatever the process is doing. No TensorFlow."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from simclr.messages import signals
from simclr.messages.errors import Stopped


def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0.001)  # Python looks for signals between two instructions.


def handlers():
    return [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_once_where_nothing_is_lost(number):
    before = handlers()
    with (
        pytest.raises(Stopped, match=f"^{number.name}$"),
        signals.listening(),
    ):
        send(number)
    assert handlers() == before and signals.asked() == ""


def test_what_is_not_saved_is_saved_first():
    with signals.listening():
        signals.unsaved()
        send()
        assert signals.asked() == "SIGTERM"
        signals.raise_noted()  # Not yet.
        signals.saved()
        with pytest.raises(Stopped):
            signals.raise_noted()


def test_a_second_ctrl_c_does_not_wait():
    with signals.listening():
        signals.unsaved()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as caught:
            send(signal.SIGINT)
        assert not isinstance(caught.value, Stopped)


def test_a_stop_in_a_destructor_comes_after_it(capfd):
    """Python says "Exception ignored in", and the command would go on."""

    class Last:
        def __del__(self):
            send()
            self.here = True  # Raised before, and lost.

    with pytest.raises(Stopped, match=r"^SIGTERM$"), signals.listening():
        last = Last()
        del last
        time.sleep(5)
    assert "ignored" not in capfd.readouterr().err


def test_what_else_a_destructor_raises_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)

    class Last:
        def __del__(self):
            raise ValueError("x")

    with signals.listening():
        last = Last()
        del last
    assert [str(one.exc_value) for one in said] == ["x"]


def test_several_processes_are_asked(monkeypatch):
    """One that went alone would leave the others waiting."""
    monkeypatch.setattr(signals._state, "together", True)
    with signals.listening():
        send()
        signals.raise_noted()
        assert signals.asked() == "SIGTERM"


def test_no_handlers_are_set_in_another_thread():
    before, seen = handlers(), []

    def listen():
        with signals.listening():
            seen.append(handlers())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [before] == [handlers()]


COMMAND = """
import os, sys, time, hashlib
from simclr import __main__
from simclr.messages import signals
from simclr.runs.stopping import Stopper
signals._MOST_S, signals._GRACE_S = float(sys.argv[2]), 0.1

def in_python():
    print("here", flush=True)
    time.sleep(60)

def in_c():  # Without Python's lock, as XLA's compiler.
    print("here", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)

def unsaved_in_c():
    signals.unsaved()
    in_c()

def long_step():  # Longer than the thread waits before it notes a signal.
    signals.unsaved()
    print("here", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 22)
    print("saving", file=sys.stderr)
    signals.saved()
    signals.raise_noted()

def swallowed():  # As an error in a destructor is.
    try:
        in_python()
    except BaseException:
        time.sleep(60)

def stages():
    with Stopper(None) as stopper:
        pass
    in_python()

__main__.main = lambda argv: globals()[argv[0]]()
__main__.run()
"""


def started(phase, limit, stderr):
    """A command's process, in a phase; `limit` s are left it after a signal."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, phase, limit],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    process.stdout.readline()
    if phase.endswith("in_c"):
        time.sleep(0.5)  # Between the line and C it would still be in Python.
    return process


@pytest.mark.parametrize("phase", ["in_python", "in_c", "swallowed"])
def test_a_command_whose_lines_nobody_reads_is_gone_too(phase):
    read, write = os.pipe()
    os.close(read)
    process = started(phase, "0.5", write)
    os.close(write)
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=20) == 75
    finally:
        process.kill()


@pytest.mark.parametrize(
    "phase, sent, status",
    [
        ("in_python", ["SIGTERM"], 75),
        ("in_python", ["SIGINT"], 75),
        ("in_c", ["SIGTERM"], 75),
        ("in_c", ["SIGINT"], 75),
        ("in_c", ["SIGINT", "SIGINT"], 130),
        ("unsaved_in_c", ["SIGTERM", "SIGINT"], 130),
        ("swallowed", ["SIGTERM"], 75),
        ("stages", ["SIGTERM"], 75),
    ],
)
def test_a_command_is_gone_with_its_status(phase, sent, status):
    # A second signal is to come before the limit, on a slow machine, too.
    limit = "0.5" if status == 75 else "60"
    process = started(phase, limit, subprocess.PIPE)
    for name in sent:
        process.send_signal(signal.Signals[name])
        time.sleep(0.3)
    try:
        _, said = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode == status, said
    assert "Traceback" not in said
    if status == 75:
        lines = said.strip().splitlines()
        assert lines == [
            f"{sent[0]}: stopping.",
            f"simclr: stopped by {sent[0]}; what was finished is kept, and the "
            "same command resumes from there.",
        ]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_one_signal_in_a_long_step_is_no_second_one(name):
    """The thread had noted it; the step's end took it for another Ctrl-C."""
    process = started("long_step", "60", subprocess.PIPE)
    time.sleep(0.3)  # Into C.
    process.send_signal(signal.Signals[name])
    try:
        _, said = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode == 75, said
    assert "saving\n" in said and "stopped by" in said


def test_what_is_not_saved_is_waited_for():
    """The limit is for those who have nothing to save."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "unsaved_in_c", "0.5"],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.5)
    finally:
        process.kill()
        process.communicate()


def test_a_command_without_standard_output_is_done_all_the_same():
    command = [sys.executable, "-m", "simclr", "--help"]
    closed = ["sh", "-c", '"$@" >&- 2>&-', "sh", *command]
    assert subprocess.run(closed, timeout=50).returncode == 0
