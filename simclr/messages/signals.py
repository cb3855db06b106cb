"""SIGTERM and Ctrl-C: heard in one place, whatever the process is doing.

A signal raises Stopped in the main thread, as Ctrl-C does in any Python
program: what is written is whole or not there, so any place will do. Two kinds
of work are not broken off; they ask for the reason where it suits them:

    what is not saved yet    the steps since the last checkpoint
    what is done together    a pass of several processes, which stop alike

What is raised in a destructor, or in a callback of the garbage collector such
as jax's, reaches nobody: it is raised again after that. Python raises nothing
while the main thread is in C++, and XLA compiles for minutes. So a thread of
the command line hears the signals, too, and ends the process itself when that
takes too long.
"""

import _thread
import contextlib
import os
import select
import signal
import sys
import threading
import time
import types

from simclr.messages.errors import Stopped
from simclr.messages.say import is_silent

# EX_TEMPFAIL: not finished; the same command resumes where this one stopped.
EXIT_STOPPED = 75
EXIT_INTERRUPTED = 130  # As of a shell's command that Ctrl-C ended.
_NUMBERS = (signal.SIGTERM, signal.SIGINT)
# The command is to be gone ten seconds after a signal.
_MOST_S = 8.0
# So long a main thread that can raise is left to say and to end it all.
_GRACE_S = 1.0
# After which a destructor that swallowed a stop is over.
_AGAIN_S = 0.01


# The signal that was heard, and what it must wait for.
_state = types.SimpleNamespace(
    reason="",
    handled=False,  # In the main thread, too: another Ctrl-C is the second one.
    unsaved=False,
    together=False,
    always=False,  # The process is a command's: it ends with it.
)


def listen():
    """Hears signals until the process ends. For a process of one command.

    From here on nothing needs to be caught for a stop in time, and a second
    Ctrl-C ends the process at once.
    """
    _state.always = True
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    _hear()
    sys.unraisablehook = _raised_in_vain(sys.unraisablehook)
    threading.Thread(target=_watch, args=[woken], daemon=True).start()


def hear_again():
    """For a process that listens, after a library has set its own handlers."""
    if _state.always and _in_main_thread():
        _hear()


@contextlib.contextmanager
def listening():
    """Hears signals while open; then they do what they did.

    Handlers can be set in the main thread alone: in another one this does
    nothing.
    """
    old = {}
    if _in_main_thread():
        old = {number: signal.getsignal(number) for number in _NUMBERS}
        _hear()
        old_hook = sys.unraisablehook
        sys.unraisablehook = _raised_in_vain(old_hook)
    try:
        yield
    finally:
        if old:
            sys.unraisablehook = old_hook
        _state.unsaved = False
        if not _state.always:
            _state.reason, _state.handled = "", False
            for number, handler in old.items():
                # None: it was not set from Python, and cannot be from here.
                signal.signal(number, handler or signal.SIG_DFL)


def asked():
    """The signal that was heard, "SIGTERM" or "SIGINT"; or ""."""
    return _state.reason


def stop_together():
    """From here on signals are noted, and raised by who asks all processes."""
    _state.together = True
    hear_again()  # TensorFlow's cluster takes SIGTERM for itself.


def unsaved():
    """There is something to save: a signal is noted until `saved`."""
    _state.unsaved = True


def saved():
    """All is saved."""
    _state.unsaved = False


def raise_noted():
    """What a signal does that was noted while there was something to save.

    Raises:
        Stopped: there was one.
    """
    if _state.reason and not (_state.unsaved or _state.together):
        raise Stopped(_state.reason)


def _in_main_thread():
    return threading.current_thread() is threading.main_thread()


def _hear():
    for number in _NUMBERS:
        signal.signal(number, _on_signal)


def _on_signal(number, frame):
    """In the main thread, as soon as it is in Python."""
    del frame
    # Not where a reason is noted: the thread notes it while this one is in C++.
    if _state.handled and number == signal.SIGINT:
        raise KeyboardInterrupt
    _state.handled = True
    _note(number)
    raise_noted()


def _raised_in_vain(others):
    """Of what Python says when nobody can catch an exception: `others` says it.

    A stop is raised again, as soon as the main thread is somewhere else.
    """

    def hook(unraisable):
        if isinstance(unraisable.exc_value, Stopped):
            threading.Timer(_AGAIN_S, _raise_again).start()
        else:
            others(unraisable)

    return hook


def _raise_again():
    if _state.reason:
        # Not SIGINT, which would be the second one.
        _thread.interrupt_main(signal.SIGTERM)


def _note(number):
    """Keeps the first reason, and says it."""
    if _state.reason:
        return
    _state.reason = signal.Signals(number).name
    # Not print: the signal may have come in the middle of one.
    if not is_silent():
        how = "saving, then stopping" if _state.unsaved else "stopping"
        _write(f"\n{_state.reason}: {how}.\n")


def _watch(woken):
    """A thread that ends the process where the main one does not."""
    first = os.read(woken, 1)[0]
    deadline = time.monotonic() + _MOST_S
    again = _heard(woken, _GRACE_S)
    _note(first)  # Where the main thread could not.
    while again != signal.SIGINT and (
        _state.unsaved or time.monotonic() < deadline
    ):
        again = _heard(woken, _GRACE_S)
    if again == signal.SIGINT:
        time.sleep(_GRACE_S)
        os._exit(EXIT_INTERRUPTED)
    _write(f"simclr: {stopped_by(_state.reason)}\n")
    os._exit(EXIT_STOPPED)


def _write(text):
    """To standard error, where somebody still reads it."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def _heard(woken, seconds):
    """The number of the next signal; 0 where none comes in time."""
    ready, _, _ = select.select([woken], [], [], seconds)
    return os.read(woken, 1)[0] if ready else 0


def stopped_by(reason):
    """The line of a command that a signal ended."""
    return (
        f"stopped by {reason}; what was finished is kept, and the same command "
        "resumes from there."
    )
