"""`simclr day`: what a day's new images are, in one command."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.explore import days, folders
from simclr.messages.counts import counted
from simclr.messages.say import show

Out = Annotated[
    arguments.Path, "Folder of the report; default: days/DAY in the store."
]


@command
def day(
    store: arguments.Store,
    data: arguments.Images,
    *,
    run: arguments.StoreRun = "",
    day: days.Day = "",
    out: Out = "",
    seed: arguments.Seed = 0,
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    quiet: arguments.Quiet = False,
):
    """Embeds new images, assigns them, and says what is new in them.

    The store has been clustered once; its duplicates are looked for if `simclr
    dedup` has run once, and the day gets a page, new.html, if `simclr page`
    has. Writes new.csv and new.png. The same command again changes nothing, or
    completes what was killed.

    Returns:
        A table of pyarrow of the day's images, the most novel first: id, state
        (new or changed), cluster, name, distance, novelty, new, duplicate.

    Raises:
        InputError: bad input, or the store has no clusters yet.
    """
    from simclr.commands.train import train_data
    from simclr.explore import extra

    extra.require()
    from simclr.explore import assigning, daily, space
    from simclr.explore.reports import of_day
    from simclr.explore.store.store import Store, held

    opened = Store(store)
    train_data.require_there(data)
    day = days.checked(day)
    if space.read(opened) is None:
        raise space.no_clusters(store)
    out = folders.report_folder(opened, out, "days", day, data=data)
    devices = take_devices(strategy, replicas, engine)
    from simclr.commands.explore.vectors import into_store

    fingerprint = opened.current.fingerprint
    embedded = into_store.embed(
        run or opened.current.run,
        data,
        store,
        devices,
        day=day,
        only=fingerprint,
    )
    if embedded is None:  # Another worker does the rest.
        return None
    with held(store):
        opened.refresh()
        found = assigning.assign(opened, day=day, seed=seed)
    table = daily.table_of(opened, day)
    of_day.write(out, opened, day, table)
    new = sum(table["new"].to_pylist())
    changed = table["state"].to_pylist().count("changed")
    twins = len(table) - table["duplicate"].null_count
    born = ", ".join(map(str, found.born))
    show(
        f"{day}: {counted(len(table), 'image')}"
        + (f" ({changed:,} changed)" if changed else "")
        + f", {new:,} new, "
        f"{counted(twins, 'duplicate')}"
        + (f"; clusters that were born: {born}" if born else "")
    )
    looks = "new.html" if _page(opened, day, out, len(table)) else "new.png"
    show(f"{out}/new.csv; look at {out}/{looks}")
    return table


def _page(store, day, out, count):
    """Whether a page of the day was written: the store has a map."""
    from simclr.explore import daily
    from simclr.explore.page import layout
    from simclr.explore.page.write import write

    found = layout.read(store)
    if found is None or count < 2:
        return False
    write(
        store,
        found,
        os.path.join(out, "new.html"),
        title=f"New on {day}",
        where=daily.of_day(day),
        colour="novelty",
    )
    return True
