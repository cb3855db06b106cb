"""What a classifier says of the images of a store."""

import pyarrow as pa
import pyarrow.compute

from simclr.explore.looks import id_of
from simclr.explore.store.cells import quoted
from simclr.explore.store.store import Store, held


def note(path, root, source, said):
    """Writes the classes of images into their rows; others stay as they are.

    Args:
        path: folder of a store.
        root: str, begins the images' ids in the store.
        source: Source of the images.
        said: list of (int, which image of the source; str, its class).

    Returns:
        int, how many of these images the store has.

    Raises:
        InputError: there is no store, or another process writes to it.
    """
    ids = pa.array([id_of(root, source, row) for row, _ in said], pa.string())
    names = pa.array([name for _, name in said], pa.string())
    with held(path):
        store = Store(path)
        where = f"{store.live} and starts_with(id, {quoted(root + '/')})"
        rows = store.read(["id", "prediction"], where=where)
        place = pa.compute.index_in(rows["id"], value_set=ids)
        known = place.is_valid()
        cells = pa.compute.if_else(known, names.take(place), rows["prediction"])
        store.fill({"prediction": cells.combine_chunks()}, where)
    return pa.compute.sum(known).as_py() or 0
