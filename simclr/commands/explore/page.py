"""`simclr page`: a store to look at, and to label in, as a page."""

import os
import shlex
from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.explore import days, folders
from simclr.messages.counts import counted
from simclr.messages.say import say, show

WAYS = ("cluster", "label", "prediction", "novelty", "day")

Day = Annotated[
    str, "Only the images that came on this day, such as 2026-11-28."
]
Colour = Annotated[
    Literal[WAYS], "What points are coloured by at first; the page has a menu."
]
NewMap = Annotated[
    bool,
    "Fit a new map: points move. Without it, images keep their places, and "
    "new ones are placed next to similar ones.",
]
Serve = Annotated[
    bool,
    "Serve the page until Ctrl-C, and save labels.csv and names.csv in its "
    "folder after every change.",
]
Host = Annotated[
    arguments.Text,
    "Address to serve at; 127.0.0.1: for this machine only. Whoever has the "
    "page's address may look and label.",
]
Port = Annotated[
    arguments.Count,
    "Port to serve at; 0: one that is free.",
    arguments.AtMost(65_535),
]
Out = Annotated[arguments.Path, "Folder to write; default: page in the store."]


@command
def page(
    store: arguments.Store,
    *,
    day: Day = "",
    colour: Colour = WAYS[0],
    new_map: NewMap = False,
    serve: Serve = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    out: Out = "",
    seed: arguments.Seed = 0,
    quiet: arguments.Quiet = False,
):
    """Writes a page: a map of the images, their clusters, and labelling.

    One file, page.html, of up to 20,000 images; of more a folder of tiles
    beside it. It needs no server and fetches nothing.

    Returns:
        The path of page.html.

    Raises:
        InputError: no store, fewer than two images, or an address that cannot
            be served.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore.page import layout
    from simclr.explore.page import serve as serving
    from simclr.explore.page.write import write
    from simclr.explore.store.cells import quoted
    from simclr.explore.store.store import Store, held

    opened = Store(store)
    out = folders.report_folder(opened, out, "page")
    where = f"day = {quoted(days.checked(day))}" if day else None
    path = os.path.join(out, "page.html")
    found = layout.read(opened)
    if found is None or new_map:
        with held(store):
            opened.refresh()
            found = layout.fit(opened, seed=seed)
            layout.write(opened, found)
    elif layout.is_small(opened, found):
        show(
            f"Map       fitted to {counted(len(found.places), 'image')} of "
            f"{opened.count():,}; --new_map fits one to more"
        )
    server = None
    if serve:  # An address that is taken is said before work begins.
        os.makedirs(out, exist_ok=True)
        serving.saved(out)
        server = serving.Server(path, host, port)
    written = write(
        opened,
        found,
        path,
        title=os.path.basename(opened.path.rstrip("/")),
        where=where,
        colour=colour,
        connect=serve,
    )
    tiles = f" and {counted(written.files, 'tile')}" if written.files else ""
    show(
        f"{counted(written.count, 'image')}, {written.bytes / 1e6:.1f} MB: "
        f"open {path}{tiles}"
    )
    if server:
        show(f"{server.address} (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
        if count := len(serving.saved(out)["labels"]):
            _say_labels(opened, os.path.join(out, "labels.csv"), count)
    return path


def _say_labels(store, labels, count):
    """What was saved, once the server has ended, and what it is for."""
    show(f"{counted(count, 'label')}: {labels}")
    say(
        f"Next: simclr finetune --init={shlex.quote(store.current.run)} "
        f"--labels={shlex.quote(labels)}"
    )
