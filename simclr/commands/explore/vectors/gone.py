"""A source that is not there any more: all of its images are gone."""

from simclr.data.sources import registry
from simclr.explore import known_images
from simclr.explore.store.absorb import mark
from simclr.explore.store.cells import quoted
from simclr.explore.store.store import Store, held
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import show


def mark_source(out, data, *, day):
    """Marks the images of a source as gone; they keep what they had.

    Args:
        out: folder of the store.
        data: images, as for open_source; they need not be there.
        day: str, today.

    Returns:
        int, how many images were not gone before.

    Raises:
        InputError: no store, another process writes to it, or it has no image
            of this source.
    """
    Store(out)  # What is no store is not made one.
    with held(out):
        store = Store(out)
        root = registry.root_of(data)
        where = f"source = {quoted(root)}"
        rows = store.table.to_table(columns=["id", "gone"], filter=where)
        if not len(rows):
            known = store.table.to_table(columns=["source"])["source"]
            first = ", ".join(sorted(known.unique().to_pylist())[:5])
            raise InputError(
                f"{out} has no image of {root}; it has images of {first}."
            )
        ids = rows.filter(rows["gone"].is_null())["id"].to_pylist()
        mark(store, ids, day)
        known_images.release(store)
    show(f"{store.path}: {counted(len(ids), 'image')} of {root} marked as gone")
    return len(ids)
