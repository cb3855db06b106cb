"""What was found, as tables for a report. Nothing is deleted.

Letters: n = images, p = pairs, g = images that are in a group.
"""

import numpy as np
import pyarrow as pa


def groups_table(ids, groups):
    """The groups of two images and more.

    Args:
        ids: pa.Array or list of str [n].
        groups: groups.Groups of the n images.

    Returns:
        pa.Table of g rows, a group's together, the kept image first, then the
        most similar: group (the id of the image that is kept), id, kept
        (bool), score (with the kept one; null for itself).
    """
    members = np.flatnonzero(groups.kept != np.arange(len(groups.kept)))
    kept = np.unique(groups.kept[members])
    rows = np.concatenate([kept, members])
    score = groups.score[rows]
    falling = np.where(np.isnan(score), -np.inf, -score)
    rows = rows[np.lexsort([rows, falling, groups.kept[rows]])]
    ids = _strings(ids)
    return pa.table(
        {
            "group": ids.take(pa.array(groups.kept[rows])),
            "id": ids.take(pa.array(rows)),
            "kept": groups.kept[rows] == rows,
            "score": pa.array(groups.score[rows], from_pandas=True),
        }
    )


def pairs_table(ids, pairs, others=None):
    """Pairs, the most similar first.

    Args:
        ids: pa.Array or list of str [n].
        pairs: pairs.Pairs.
        others: ids of the second set; None: it is the first one.

    Returns:
        pa.Table of p rows: id, other, score.
    """
    ids = _strings(ids)
    others = ids if others is None else _strings(others)
    order = np.argsort(-pairs.score, kind="stable")
    return pa.table(
        {
            "id": ids.take(pa.array(pairs.first[order])),
            "other": others.take(pa.array(pairs.second[order])),
            "score": pairs.score[order],
        }
    )


def doubtful_table(ids, pairs, threshold, count=50, others=None):
    """The pairs next to the threshold: look at these to judge it.

    Args:
        ids, others: as of `pairs_table`.
        pairs: pairs.Pairs, found at a lower threshold.
        threshold: float.
        count: pairs of each side at most.

    Returns:
        pa.Table: id, other, score, duplicate (bool, it reaches the threshold);
        the highest score first.
    """
    order = np.argsort(pairs.score, kind="stable")
    middle = np.searchsorted(pairs.score[order], threshold)
    chosen = np.sort(order[max(0, middle - count) : middle + count])
    near = type(pairs)(
        pairs.first[chosen], pairs.second[chosen], pairs.score[chosen]
    )
    table = pairs_table(ids, near, others)
    reached = table["score"].to_numpy() >= np.float32(threshold)
    return table.append_column("duplicate", pa.array(reached))


def _strings(ids):
    if isinstance(ids, pa.ChunkedArray):
        return ids.combine_chunks()
    return ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
