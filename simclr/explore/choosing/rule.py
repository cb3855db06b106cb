"""Which images to label next: typical ones first, then doubtful ones.

Letters: m = rows, n = rows of a block, f = features, c = classes, k = clusters,
b = budget.
"""

import dataclasses

import numpy as np

from simclr.explore.choosing import margin, typical
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

# Hacohen et al. (2202.02794, Section 2): few labels call for typical images and
# many for doubtful ones, as a probe of few labels does not know where it is
# wrong. Published turns lie at three to five labels a class. As margin.py takes
# typical images of doubtful clusters, it is never far from typical.py, and the
# first of these will do (benchmarks/explore_select.py with --least).
LABELS_PER_CLUSTER = 3


@dataclasses.dataclass(frozen=True)
class Choice:
    """Images to label.

    Attributes:
        row: int64 [b], in the order of choice.
        rule: str, "typical" or "margin".
        why: str, a line that says which rule and why.
    """

    row: np.ndarray
    rule: str
    why: str


def choose(blocks, labels, cluster, budget, *, seed, least=LABELS_PER_CLUSTER):
    """Rows to label, by the rule that fits what is labelled already.

    Below `least` labels a cluster: typical images of the largest clusters
    without a label (typical.py, in finer clusters of its own). From there on:
    typical images of the clusters whose margins are small (margin.py).

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order, whitened; walked up to five times.
        labels: int [m] in [0, c); -1: none.
        cluster: int [m], about as many clusters as there are kinds of images;
            -1: none.
        budget: b, rows to choose.
        seed: int.
        least: labels a cluster.

    Returns:
        Choice.

    Raises:
        InputError: lengths that differ, no cluster, or b outside [1, rows
            without a label].
    """
    labels, cluster = np.asarray(labels), np.asarray(cluster)
    if labels.shape != cluster.shape:
        raise InputError(
            f"Labels of {len(labels)} rows and clusters of {len(cluster)}."
        )
    k = len(np.unique(cluster[cluster >= 0]))
    if k == 0:
        raise InputError("No row is in a cluster: cluster the images first.")
    labelled = np.flatnonzero(labels >= 0)
    classes = len(np.unique(labels[labelled]))
    have = (
        f"{counted(len(labelled), 'label')} in {counted(k, 'cluster')}, "
        f"{len(labelled) / k:.1f} each"
    )
    if len(labelled) >= least * k and classes >= 2:
        row = margin.choose(blocks, labels, budget, seed=seed)
        why = f"{have}, {least:g} or more: where a probe of them is in doubt."
        return Choice(row, "margin", f"margin within clusters: {why}")
    row = typical.choose(blocks, len(labels), labelled, budget, seed=seed)
    reason = f"fewer than {least:g}"
    if len(labelled) >= least * k:
        reason = "but of a single class, so that no probe can doubt"
    why = f"{have}, {reason}: the most typical image of each large cluster."
    return Choice(row, "typical", f"typical of clusters: {why}")
