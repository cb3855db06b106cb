"""`simclr neighbours`: the images of a store most like some images."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.explore import folders
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import show

Query = Annotated[
    arguments.Path,
    "An image file, a folder or other images, or the id of an image that is in "
    "the store, or its end.",
]
Count = Annotated[int, "Neighbours of each image.", arguments.AtLeast(1)]
Out = Annotated[
    arguments.Path,
    "Folder of neighbours.csv and neighbours.png; default: neighbours in the "
    "store.",
]


@command
def neighbours(
    store: arguments.Store,
    query: Query,
    *,
    count: Count = 10,
    run: arguments.StoreRun = "",
    out: Out = "",
    seed: arguments.Seed = 0,
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    quiet: arguments.Quiet = False,
):
    """Finds the images of a store that are most like some images.

    Exactly up to a million images; above, an index is made first, and its
    recall against an exact search is printed.

    Returns:
        A table of pyarrow: query, id, similarity (cosine), rank, cluster,
        label.

    Raises:
        InputError: no store, no such images, an encoder that is not the
            store's, or the neighbours.csv to write has labels in it that the
            store does not have.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore import looking_up
    from simclr.explore.reports import of_neighbours
    from simclr.explore.store.store import Store, held
    from simclr.storage import files

    opened = Store(store)
    out = folders.report_folder(opened, out, "neighbours")
    of_neighbours.require_unlabelled(out, opened)
    if looking_up.needs_index(opened):
        with held(store):
            opened.refresh()
            recall = looking_up.make_index(opened, seed=seed)
        if recall is not None:
            show(f"Index     recall@10 against an exact search: {recall:.3f}")
    images, own = {}, None
    is_file = os.path.isfile(query)
    names = [files.absolute(query)] if is_file else [query]
    known = not os.path.isdir(query) and opened.named(
        names[0], by_end=not is_file
    )
    if known:
        names = [known]
        vectors, own = looking_up.vectors_of(opened, names)
    else:
        _require_there(opened, query)
        devices = take_devices(strategy, replicas, engine)
        from simclr.commands.explore.vectors.queries import embedded

        names, vectors, images = embedded(opened, run, query, devices)
    found = looking_up.look_up(opened, names, vectors, count=count, own=own)
    of_neighbours.write(out, opened, found.table, images)
    show(found.why)
    show(f"{counted(len(names), 'query', 'queries')}; look at {out}")
    return found.table


def _require_there(store, query):
    """Stops where a query is nothing, before TensorFlow is waited for."""
    from simclr.data.sources.registry import local_folder
    from simclr.storage import missing

    path = local_folder(query)
    if path and not os.path.exists(path):
        first = next(store.scan(["id"], batch_size=1), None)
        ids = f", whose ids are such as {first['id'][0]}" if first else ""
        raise InputError(
            f"{query!r} is no file, no folder and no single id of "
            f"{store.path}{ids}. {missing.hint(path)}"
        )
