"""What a page is told, as plain values for JSON.

Letters: n = images, k = neighbours.
"""

import base64

import numpy as np

from simclr.explore import space
from simclr.explore.page import sprites

_EXAMPLES = 30  # Of a cluster: its most central images, and its oddest.


def overview(store, rows, tiles, *, title, colour):
    """What belongs to the whole page.

    Args:
        store: Store.
        rows: rows.Rows, tile by tile.
        tiles: list of tiles.Tile.
        title: str.
        colour: str, what points are coloured by at first.

    Returns:
        dict.
    """
    texts = {key: getattr(rows, key) for key in ("label", "prediction", "day")}
    return {
        "title": title,
        # Labels that a browser keeps belong to this store alone.
        "key": f"{store.path}:{store.current.fingerprint}",
        "colour": colour,
        "count": len(rows),
        "k": rows.near.shape[1],
        "side": sprites.SIDE,
        "columns": sprites.COLUMNS,
        "sources": rows.source.texts,
        "clusters": _clusters(store, rows),
        "odd": _oddest(rows),
        **{
            key: [
                {"text": text, "count": int(count)}
                for text, count in zip(one.texts, _counts(one))
            ]
            for key, one in texts.items()
        },
        "tiles": [
            {
                "start": tile.start,
                "count": tile.count,
                "box": list(tile.box),
                "children": tile.children,
            }
            for tile in tiles
        ],
    }


def tile(rows, one, clusters, sizes):
    """What belongs to the images of one tile.

    Args:
        rows: rows.Rows, tile by tile.
        one: tiles.Tile.
        clusters: list of the overview.
        sizes: uint8 [n, 2] of its thumbnails.

    Returns:
        dict of base64 texts, little-endian, and the list of names.
    """
    part = slice(one.start, one.start + one.count)
    place_of = {cluster["id"]: i for i, cluster in enumerate(clusters)}
    ids, which = np.unique(rows.cluster[part], return_inverse=True)
    cluster = np.array([place_of.get(int(one), -1) for one in ids])[which]
    novelty = np.where(
        np.isnan(rows.novelty[part]),
        255,
        np.minimum(np.nan_to_num(rows.novelty[part]) * 100, 254),
    )
    return {
        "place": packed(np.rint(rows.place[part] * 65535), "<u2"),
        "cluster": packed(cluster, "<i4"),
        "label": packed(rows.label.code[part], "<i4"),
        "prediction": packed(rows.prediction.code[part], "<i4"),
        "day": packed(rows.day.code[part], "<i4"),
        "novelty": packed(novelty, "u1"),
        "near": packed(rows.near[part], "<i4"),
        "size": packed(sizes, "u1"),
        "source": packed(rows.source.code[part], "<i4"),
        "names": rows.name[part].to_pylist(),
    }


def packed(values, kind):
    """Numbers as base64."""
    data = np.ascontiguousarray(values, kind).tobytes()
    return base64.b64encode(data).decode()


def _clusters(store, rows):
    """A list of dicts, the largest cluster first."""
    found = space.read(store)
    if found is None:
        return []
    named = dict(zip(found.clusters.ids.tolist(), found.clusters.names))
    order = np.lexsort([np.nan_to_num(rows.distance), rows.cluster])
    cluster = rows.cluster[order]
    result = []
    for one in np.unique(cluster[cluster >= 0]):
        first, last = np.searchsorted(cluster, [one, one + 1])
        inside = order[first:last]  # The nearest to the centre first.
        place = np.median(rows.place[inside], axis=0)
        result.append(
            {
                "id": int(one),
                "name": named.get(int(one), ""),
                "count": len(inside),
                "central": inside[:_EXAMPLES].tolist(),
                "odd": inside[::-1][:_EXAMPLES].tolist(),
                "place": [float(x) for x in place],
            }
        )
    return sorted(result, key=lambda one: (-one["count"], one["id"]))


def _oddest(rows):
    """list of int, the most novel of all images."""
    novelty = np.nan_to_num(rows.novelty, nan=-1)
    order = np.argsort(-novelty, kind="stable")[: 4 * _EXAMPLES]
    return [int(row) for row in order if novelty[row] >= 0]


def _counts(one):
    return np.bincount(one.code[one.code >= 0], minlength=len(one.texts))
