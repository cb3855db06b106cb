"""`simclr embed`: vectors of very many images, in a store."""

import os
import shlex
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.explore import days, folders
from simclr.executors import open_executor
from simclr.messages.errors import InputError
from simclr.messages.say import say

Out = Annotated[
    arguments.Path,
    "The store: a folder to make, or one that grows; gs://bucket/store, too. "
    "Images that cannot be read are listed in its unreadable.tsv.",
]
Gone = Annotated[
    bool,
    "DATA no longer exists: mark all of its images as gone, and embed nothing.",
]


@command
def embed(
    run: arguments.Run,
    data: arguments.Images,
    *,
    out: Out = "store",
    day: days.Day = "",
    gone: Gone = False,
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    on: arguments.On = "here",
    quiet: arguments.Quiet = False,
):
    """Writes the vectors of images into a store.

    Only images that are new or changed are embedded; those that went are
    marked. After a kill the same command resumes. docs/embedding.md has the
    store's columns.

    Returns:
        into_store.Embedded; None on workers that are not the chief; with
        `gone` how many images were marked.

    Raises:
        InputError: bad input, `out` holds something else, or no machine of
            `on` can work.
    """
    from simclr.commands.train import train_data
    from simclr.explore import extra
    from simclr.runs import folder as run_folder

    extra.require()
    folders.require_no_table(out)
    if gone:
        from simclr.commands.explore.vectors.gone import mark_source

        return mark_source(out, data, day=days.checked(day))
    if not os.path.isfile(run):
        run_folder.read_config(run)  # What is no run stops it here.
    train_data.require_there(data)
    day = days.checked(day)
    if on != "here" and strategy == "multiworker":
        raise InputError(
            f"--strategy=multiworker and --on={on} are two ways to use many "
            "machines: choose one."
        )
    with open_executor(on, accelerators=True) as executor:
        asked = strategy, replicas, engine
        # What reads and writes leaves a GPU to the worker on its machine.
        devices = take_devices(*(asked if on == "here" else ["cpu"]))
        from simclr.commands.explore.vectors import into_store, shards

        elsewhere = None if on == "here" else shards.Elsewhere(executor, asked)
        embedded = into_store.embed(
            run, data, out, devices, day=day, elsewhere=elsewhere
        )
    if embedded:  # Of several workers the chief has it.
        say(f"Next: simclr cluster {shlex.quote(embedded.store)}")
    return embedded
