"""`simclr embeddings export`: a store's rows as files for other programs."""

import os
from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.explore import folders
from simclr.commands.written_over import NUMPY, PARQUET, require_ours
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import show

FORMATS = ("parquet", "npy", "atlas")

To = Annotated[
    Literal[FORMATS],
    "parquet: all columns, for pandas and others. atlas: the same, for "
    "Embedding Atlas. npy: the vectors alone, float16, and a CSV of the rows.",
]
Out = Annotated[
    arguments.Path,
    "The file to write; default: embeddings.parquet or .npy in the store.",
]


@command
def export_embeddings(
    store: arguments.Store,
    *,
    to: To = FORMATS[0],
    out: Out = "",
    quiet: arguments.Quiet = False,
):
    """Writes the vectors of a store, and what is known of each image.

    Returns:
        list of the files' paths.

    Raises:
        InputError: there is no store, no image in it, or no folder for `out`.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore.store import exported
    from simclr.explore.store.store import Store
    from simclr.storage import files

    opened = Store(store)
    if not opened.count():
        raise InputError(f"{store} holds no image.")
    if not out:
        if files.is_remote(store):
            raise InputError(f"{store} is remote: say --out=FILE.")
        ending = "npy" if to == "npy" else "parquet"
        out = os.path.join(opened.path, f"embeddings.{ending}")
    folders.require_no_table(out)
    require_ours(out, NUMPY if to == "npy" else PARQUET, f"file of {to}")
    if to == "npy":
        header = ",".join(f'"{name}"' for name in exported.COLUMNS)
        require_ours(exported.beside(out), [header], "table of these rows")
    written = exported.export(opened, out, to)
    show(f"{counted(opened.count(), 'image')}: {' and '.join(written)}")
    if to == "atlas":
        show(f"embedding-atlas {out} --vector vector --image image")
    return written
