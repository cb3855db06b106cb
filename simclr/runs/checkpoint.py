"""Checkpoints: one .npz file a step, written whole or not at all.

A checkpoint is NumPy's zip of arrays: one per variable under its path, plus
"step". It is read without pickle, by NumPy alone, and every array carries a
CRC, so that a damaged file is noticed. Writing goes to a temporary name in the
same folder and is renamed at the end: a crash never leaves a half checkpoint
under a finished one's name, and never touches an older one.
"""

import errno
import hashlib
import os
import re
import shutil
import struct
import zipfile

import numpy as np

from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.storage import whole
from simclr.storage.regular import regular

# Of a zip file: its last record's sign, and how many members it has.
_END = struct.Struct("<4s6xH10x")
_SMALL_BYTES = 4 << 20
_NAME = re.compile(r"step_(\d+)\.npz$")


def save(folder, step, variables, keep=3):
    """Writes `variables` as the checkpoint of `step`; keeps the last `keep`.

    Args:
        folder: where checkpoints live; made when missing.
        step: int, steps done.
        variables: dict of name -> variable or array.
        keep: how many of the newest checkpoints stay.

    Returns:
        Path of the file written.

    Raises:
        OSError: it cannot be written, as where the disk is full; the older
            ones stay.
    """
    path = path_of(folder, step)
    arrays = {name: np.asarray(v) for name, v in variables.items()}
    require_room(path, arrays)
    with whole.whole_file(path, "wb") as file:
        np.savez(file, step=np.int64(step), **arrays)
    remove_older(folder, keep)
    return path


def remove_older(folder, keep):
    """Removes all checkpoints but the newest `keep`.

    A process that was killed between writing one and this leaves one too many.
    """
    for old in paths(folder)[:-keep]:
        os.remove(old)


def require_room(path, variables):
    """Stops where a checkpoint does not fit on its disk.

    What killed processes left in its folder is removed first.

    Args:
        path: of the checkpoint; its folder is made when missing.
        variables: dict of name -> variable or array.

    Raises:
        OSError: as the system calls a full disk; says what is needed.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    whole.remove_unfinished(folder)
    free = shutil.disk_usage(folder).free
    needed = sum(np.asarray(v).nbytes for v in variables.values())
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the checkpoint takes {needed / 1e6:,.1f} MB, and its disk has "
            f"{free / 1e6:,.1f} MB left. Free some; the same command then "
            "goes on from the checkpoint before",
            path,
        )


def path_of(folder, step):
    """Path of the checkpoint of a step."""
    return os.path.join(folder, f"step_{step:09d}.npz")


def paths(folder):
    """Paths of the checkpoints in `folder`, oldest first."""
    if not os.path.isdir(folder):
        return []
    names = [name for name in os.listdir(folder) if _NAME.match(name)]
    names.sort(key=step_of)
    return [os.path.join(folder, name) for name in names]


def step_of(path):
    """The step that a checkpoint's name tells, an int."""
    return int(_NAME.search(path).group(1))


def digest(path):
    """What tells a checkpoint's arrays from others, without reading them.

    Args:
        path: of the file.

    Returns:
        bytes, of the names and checksums of all arrays; of its bytes where it
        is no zip, such as weights that others published.
    """
    try:
        with (
            open(path, "rb", opener=regular) as opened,
            zipfile.ZipFile(opened) as file,
        ):
            arrays = sorted((x.filename, x.CRC) for x in file.infolist())
    except OSError:
        raise
    except Exception:  # zipfile raises anything of what is none.
        content = hashlib.sha256()
        with open(path, "rb", opener=regular) as file:
            while block := file.read(1 << 20):
                content.update(block)
        return content.digest()
    return repr(arrays).encode()


def read(path):
    """All arrays of a checkpoint.

    Returns:
        (step, dict of name -> array).

    Raises:
        InputError: the file is damaged or is no checkpoint.
    """
    try:
        with open(path, "rb", opener=regular) as file:
            zipped = np.load(file, allow_pickle=False)
            _require_plain(file, zipped.zip.infolist())
            arrays = {name: zipped[name] for name in zipped.files}
        step = int(arrays.pop("step"))
    except Exception as e:  # zipfile and NumPy raise anything of damaged ones.
        reason = str(e) or type(e).__name__
        raise InputError(f"{path} is not a whole checkpoint ({reason}).") from e
    return step, arrays


def _require_plain(file, members):
    """Stops at an archive that is not as `save` writes it.

    It compresses nothing, so that no array is larger than its file, unless
    somebody compressed a small one; and the record at the end counts the
    arrays, of which a damaged directory may hide some.
    """
    size, most = sum(x.file_size for x in members), os.fstat(file.fileno())
    if size > most.st_size + _SMALL_BYTES:
        raise InputError(
            f"it claims {size / 1e6:,.0f} MB in {most.st_size / 1e6:,.1f}"
        )
    file.seek(-_END.size, os.SEEK_END)
    sign, count = _END.unpack(file.read())
    if sign != b"PK\5\6" or count != min(len(members), 0xFFFF):
        raise InputError(f"{len(members)} of {count} arrays are listed")


def read_newest(folder, warn=say):
    """The newest whole checkpoint: (step, arrays), or None when there is none.

    A damaged one (a full disk, a bad copy) is passed over with a warning.

    Raises:
        InputError: all that there are, are damaged: a run that began again
            would write over what it had.
    """
    found = paths(folder)
    for path in reversed(found):
        try:
            return read(path)
        except ValueError as error:
            warn(f"Passing over a damaged checkpoint: {error}")
    if found:
        raise InputError(
            f"{folder}: no whole checkpoint is left of {len(found)}. Copy one "
            "back, or delete that folder to begin again."
        )
    return None


def assign(variables, arrays):
    """Puts `arrays` into `variables`; every name and shape must agree.

    Args:
        variables: dict of name -> Keras variable.
        arrays: dict of name -> array, as `read` returns.

    Raises:
        InputError: names that are missing, extra or of another shape, listed.
    """
    problems = [
        f"{name} is missing" for name in variables if name not in arrays
    ]
    problems += [f"{name} is extra" for name in arrays if name not in variables]
    problems += [
        f"{name} has shape {arrays[name].shape}, not {tuple(v.shape)}"
        for name, v in variables.items()
        if name in arrays and arrays[name].shape != tuple(v.shape)
    ]
    if problems:
        more = f" and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise InputError(
            f"The checkpoint does not fit: {'; '.join(problems[:8])}{more}."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
