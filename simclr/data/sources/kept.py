"""Some images of a source, by a list of their ids."""

import numpy as np

from simclr.data.sources.subset import Subset
from simclr.messages.counts import counted, first_few
from simclr.messages.errors import InputError
from simclr.storage.text_table import read_table

_NOT = ("", "false", "0", "no")  # What a column of truth says for no.


def take(source, path, root):
    """The images of a source that a list names.

    Args:
        source: Source.
        path: a table (storage/text_table.py) whose header has `id`; other
            columns are left alone, and so are rows whose column `kept`, if
            there is one, is false or empty. An id is an image's in the source,
            or in a store of it: ROOT/ID. A store's ids of other sources are
            none of this one.
        root: str, what ids of the source begin with in a store.

    Returns:
        Subset, in the order of the source; a note says how many images it is.

    Raises:
        InputError, OSError: no such list, or an id that the source lacks, or
            not one id of this source.
    """
    names = _names(path)
    begin = f"{root}/"
    ours = {name.removeprefix(begin) for name in names}
    every = [source.id(row) for row in range(len(source))]
    rows = np.array([i for i, name in enumerate(every) if name in ours])
    unknown = ours - set(every)
    # A store's ids begin with a root; what still does is another source's.
    lost = sorted(n for n in unknown if not n.startswith("/") and ":" not in n)
    if lost or not len(rows):
        raise InputError(
            f"{path}: {counted(len(lost or unknown), 'id')} of {len(names):,} "
            f"not in {source.name}, such as "
            f"{first_few(lost or sorted(unknown))}; it has ids such as "
            f"{every[0]!r}."
        )
    found = Subset(source, rows)
    found.notes.append(
        f"{len(rows):,} of {len(source):,} images are kept, by {path}"
    )
    return found


def _names(path):
    """The ids of a list, a list of str."""
    header, *rows = read_table(path).rows or [[]]
    header = [name.strip() for name in header]
    if "id" not in header:
        raise InputError(
            f"{path} begins with {','.join(header)!r}; its first line must "
            "name a column id."
        )
    rows = [dict(zip(header, row)) for row in rows]
    if "kept" in header:
        rows = [r for r in rows if r.get("kept", "").lower() not in _NOT]
    names = [row["id"] for row in rows if row.get("id")]
    if not names:
        raise InputError(f"{path} names no image.")
    return names
