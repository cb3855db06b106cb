"""Images that could not be read: a small table beside a store's images.

An image is not tried again as long as its file is the same one.
"""

import pyarrow as pa

_NAME = "unreadable"
_KINDS = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("bytes", pa.int64()),
        ("time", pa.int64()),
        ("reason", pa.string()),
    ]
)


def known(store):
    """dict of id -> (bytes, time) of the images that could not be read."""
    rows = store.get(_NAME)
    if rows is None:
        return {}
    stamps = zip(rows["bytes"].to_pylist(), rows["time"].to_pylist())
    found = dict(zip(rows["id"].to_pylist(), stamps))
    return {name: stamp for name, stamp in found.items() if stamp[0]}


def keep(store, root, stamps, tried, bad):
    """Notes what could not be read of a source, beside what is known.

    Args:
        store: Store.
        root: str, the source as the table has it.
        stamps: dict of id -> (bytes, time), or (None, None), of the images
            that the source has now.
        tried: ids of those that were read, or not, just now.
        bad: dict of id -> reason, of those that could not be.

    Returns:
        dict of id -> reason: all of the source's that cannot be read.
    """
    before = store.get(_NAME)
    rows = before.to_pylist() if before is not None else []
    tried = set(tried)
    reasons = {
        row["id"]: row["reason"]
        for row in rows
        if row["source"] == root
        and row["id"] in stamps
        and row["id"] not in tried
    } | bad
    ours = [
        (name, root, *stamps[name], reason) for name, reason in reasons.items()
    ]
    ours = [dict(zip(_KINDS.names, row)) for row in ours]
    others = [row for row in rows if row["source"] != root]
    if others + ours != rows:
        store.put(_NAME, pa.Table.from_pylist(others + ours, _KINDS))
    return reasons
