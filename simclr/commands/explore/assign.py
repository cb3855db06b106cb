"""`simclr assign`: new images of a store go to its clusters."""

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.explore import days
from simclr.executors import open_executor
from simclr.messages.counts import counted
from simclr.messages.say import show


@command
def assign(
    store: arguments.Store,
    *,
    day: days.Day = "",
    seed: arguments.Seed = 0,
    on: arguments.On = "here",
    quiet: arguments.Quiet = False,
):
    """Gives clusters to the images of a store that have none yet.

    What is beyond its cluster's threshold is new; groups of images that hardly
    any image before is like become clusters of their own. No other image
    changes its cluster.

    Returns:
        A table of pyarrow of these images, the most novel first: id, cluster,
        name, distance, novelty, new.

    Raises:
        InputError: no store, it has no clusters, or no machine of `on` can
            work.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore import assigning
    from simclr.explore.store.store import Store, held

    opened = Store(store)
    day = days.checked(day)
    with open_executor(on) as executor, held(store):
        opened.refresh()
        found = assigning.assign(opened, day=day, seed=seed, executor=executor)
    new = sum(found.table["new"].to_pylist())
    born = ", ".join(map(str, found.born))
    show(
        f"{opened.path}: {counted(len(found.table), 'image')} assigned, "
        f"{new:,} of them new"
        + (f"; clusters that were born: {born}" if born else "")
    )
    return found.table
