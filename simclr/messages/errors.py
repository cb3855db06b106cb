"""Bad input, told apart from our own faults."""

import errno
import re

# What the system says of a path that the user can mend.
_BAD_PATHS = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ENXIO,  # Of what is no file: a socket, a pipe (storage/regular.py).
    errno.EFBIG,
}
# How Lance, which is Rust, ends what the system said.
_RUST = re.compile(r"\(os error (\d+)\)")
# How the message of an error in a function begins that AutoGraph converted.
_TRACED = "in user code:"


class InputError(ValueError):
    """Bad input: a value, a file or a folder that the user can mend.

    Its message is one line that says what is wrong and what to do. The command
    line shows it as it is, with status 2; any other error is shown with its
    kind and its cause.
    """

    # AutoGraph makes an error of the same kind out of one in a traced function
    # only if its constructor is this very one.
    __init__ = Exception.__init__


class Stopped(KeyboardInterrupt):
    """Work was asked to stop; the same command resumes with what is done.

    Its message is the reason. As Ctrl-C's own it is no Exception: whoever
    goes on after errors does not go on after it.
    """


class ClusterError(Exception):
    """Another process of a training on several machines is not there.

    Nobody here can mend it: its one line is shown as it is, with status 1.
    """


# What their message says is all that there is to say.
PLAIN_FAULTS = (FloatingPointError, ClusterError)


def reason_of(error):
    """Why a file cannot be read, in a few words: the system's, or ours."""
    return getattr(error, "strerror", None) or str(error)


def is_bad_input(error):
    """Whether the user can mend it; a full disk, say, is no bad input."""
    if _inside_tensorflow(error):
        return True
    if isinstance(error, OSError):
        number = error.errno or getattr(error.__cause__, "errno", None)
        if number is None and (found := _RUST.search(str(error))):
            number = int(found[1])
        return number is None or number in _BAD_PATHS
    return isinstance(error, InputError)


def in_one_line(error):
    """What is wrong: the part that a user can act on; of faults, the cause."""
    line = _inside_tensorflow(error) or first_line(error)
    if isinstance(error, OSError) and error.errno is not None:
        names = [n for n in (error.filename, error.filename2) if n is not None]
        why = error.strerror or line
        if isinstance(error, FileExistsError):  # Of os.makedirs, or of a link.
            why = "it exists and is no folder"
        line = joined(": ".join([*map(str, names), why]))
    elif isinstance(error, InputError) and not _is_traced(error):
        line = joined(str(error))
    if is_bad_input(error) or isinstance(error, PLAIN_FAULTS):
        return line
    line = _of_its_kind(error, line)
    if cause := error.__cause__:
        line += f" (caused by {_of_its_kind(cause, first_line(cause))})"
    return line


def _of_its_kind(error, line):
    kind = type(error).__name__
    return kind if line == kind else f"{kind}: {line}"


def joined(text):
    """A message of ours in one line: a name in it may have an end of line."""
    return text.strip().replace("\n", "\\n")


def first_line(error):
    """Of its message, or its kind; AutoGraph puts lines of code before it."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    return lines[-1].strip() if _is_traced(error) else lines[0]


def _inside_tensorflow(error):
    """The InputError that our code raised where TensorFlow called it, or "".

    Where it makes tf.data's batches TensorFlow wraps the error: "...
    UnknownError ... InputError: message\\nTraceback". Others come so, too,
    that of a full disk, say: they are faults, shown with that cause.
    """
    text = str(error)
    wrapped = type(error).__module__.startswith("tensorflow.")
    if not (wrapped or _is_traced(error)):
        return ""
    _, found, rest = text.partition("InputError: ")
    return rest.splitlines()[0] if found else ""


def _is_traced(error):
    return str(error).strip().startswith(_TRACED)
