"""Where a command writes its report: never among what it is made of."""

import os

from simclr.messages.errors import InputError
from simclr.storage import files


def report_folder(store, out, *names, data=""):
    """The folder that was asked for, or one in the store.

    Args:
        store: Store.
        out: str, what the user said, or "".
        *names: of the folder in the store.
        data: images that come into the store by this command, as for
            open_source.

    Raises:
        InputError: the store is remote, and the user said nothing; or the
            folder holds something else: a table of Lance, a run, or the
            photos of the store.
    """
    if out:
        require_no_table(out)
        _require_no_run(out)
        _require_no_photos(store, out, data)
        return out
    if files.is_remote(store.path):
        raise InputError(f"{store.path} is remote: say --out=FOLDER.")
    return os.path.join(store.path, *names)


def require_no_table(out):
    """Stops before something is written into a table of Lance.

    Args:
        out: str, a folder or a file to write, that need not be there.

    Raises:
        InputError: it is such a table, or lies in one.
    """
    if files.is_remote(out):
        return
    place = _real(out)
    while place != (above := os.path.dirname(place)):
        if os.path.isdir(os.path.join(place, "_versions")) or (
            place.endswith(".lance") and os.path.isdir(place)
        ):
            raise InputError(
                f"--out={out}: {place} is a table of a store; choose another "
                "folder."
            )
        place = above


def _require_no_run(out):
    from simclr.runs import folder as run_folder

    if run_folder.is_run(out):
        raise InputError(f"--out={out} is a run folder; choose another one.")


def _require_no_photos(store, out, data):
    """What lies among photos would be embedded with them the next time."""
    from simclr.data.sources import registry

    if files.is_remote(out):
        return
    place = _real(out)
    if _is_in(place, _real(store.path)):
        return  # As the default is, wherever the store lies.
    for source in [*_sources(store), data]:
        folder = registry.local_folder(source)
        if folder and _is_in(place, _real(folder)):
            raise InputError(
                f"--out={out} lies among the photos of the store, in {folder}; "
                "choose another folder."
            )


def _sources(store):
    """The sources of a store's images, sorted."""
    import pyarrow.compute

    found = set()
    for batch in store.scan(["source"], where=""):
        names = pyarrow.compute.unique(batch.column("source"))
        found |= set(names.to_pylist())
    return sorted(found - {None})


def _real(path):
    return os.path.realpath(files.absolute(path))


def _is_in(path, folder):
    """Whether a path is a folder, or lies in it."""
    return os.path.commonpath([path, folder]) == folder
