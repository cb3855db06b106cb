"""What a day brought to a store, as a table."""

import numpy as np
import pyarrow as pa

from simclr.explore.space import read
from simclr.explore.store.cells import quoted

_COLUMNS = ["id", "cluster", "distance", "novelty", "duplicate"]


def of_day(day):
    """A filter: images that came, or changed, on a day, a str."""
    return f"(day = {quoted(day)} or changed = {quoted(day)})"


def table_of(store, day):
    """The images that came on a day, or changed, the most novel first.

    Args:
        store: Store.
        day: str.

    Returns:
        pa.Table: id, state ("new" or "changed"), cluster, name, distance,
        novelty, new (bool: beyond its cluster's threshold, or of a cluster
        that was born on that day), duplicate.
    """
    where = f"{store.live} and {of_day(day)}"
    rows = store.read([*_COLUMNS, "day"], where=where)
    state = np.where(rows["day"].to_numpy() == day, "new", "changed")
    rows = rows.drop_columns("day")
    clusters = read(store).clusters
    cluster = rows["cluster"].fill_null(-1).to_numpy().astype(np.int32)
    place = clusters.rows_of(cluster)
    names = np.array([*clusters.names, ""], object)[place]
    born = np.array([one == day for one in clusters.born] + [False])[place]
    # On the day of the first clusters all of them were born.
    born &= any(one < day for one in clusters.born)
    novelty = rows["novelty"].fill_null(0).to_numpy()
    rows = rows.add_column(2, "name", pa.array(names, pa.string()))
    rows = rows.add_column(5, "new", pa.array((novelty > 1) | born))
    rows = rows.add_column(1, "state", pa.array(state, pa.string()))
    return rows.sort_by([("novelty", "descending"), ("id", "ascending")])
