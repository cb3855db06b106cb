"""`simclr cluster`: what is in a store, by groups of images that look alike."""

import functools
import os
import shlex
from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.explore import days, folders
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import say, show
from simclr.storage import missing

WAYS = ("kmeans", "head", "hdbscan")

K = Annotated[
    arguments.Count,
    "Number of clusters. 0: as many as before, if a fit of kmeans starts "
    "from the existing ones; else the finest number about as stable "
    "as the best, from fits of many numbers and five seeds (k.csv, k.png).",
]
Anew = Annotated[
    bool,
    "Fit from scratch instead of starting from the existing clusters, and "
    "choose their number again.",
]
Most = Annotated[
    arguments.Count,
    "Largest number of clusters that a fit from scratch may choose; 0: the "
    "square root of the number of images, at most 700.",
]
Way = Annotated[
    Literal[WAYS],
    "kmeans; head: a layer on the features, trained so that neighbours get the "
    "same cluster (SCAN); hdbscan: by density, finds the number itself.",
]
Dims = Annotated[
    int,
    "Maximum number of dimensions after PCA whitening.",
    arguments.AtLeast(1),
]
Names = Annotated[
    arguments.Path,
    "A CSV file with columns id and name: name existing clusters, and fit "
    "nothing.",
]
Out = Annotated[
    arguments.Path, "Folder of the report; default: clusters in the store."
]


@command
def cluster(
    store: arguments.Store,
    *,
    k: K = 0,
    anew: Anew = False,
    most: Most = 0,
    way: Way = WAYS[0],
    dims: Dims = 128,
    names: Names = "",
    day: days.Day = "",
    out: Out = "",
    seed: arguments.Seed = 0,
    quiet: arguments.Quiet = False,
):
    """Clusters the images of a store; new fits keep ids and names.

    Writes the columns cluster, distance and novelty, and a report:
    clusters.csv, clusters.png, events.csv (what was born, died, split and
    merged since the last fit).

    Returns:
        A table of pyarrow, a row a cluster, the largest first: id, name,
        images, born, parent.

    Raises:
        InputError: no store, too few images, bad names, or the clusters.csv
            to write has names in it that the clusters do not have.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore import clustering, space
    from simclr.explore.reports import of_clusters, typed
    from simclr.explore.store.store import Store, held

    if names and not os.path.exists(names):
        raise InputError(missing.message(names))
    opened = Store(store)
    out = folders.report_folder(opened, out, "clusters")
    day = days.checked(day)
    report = os.path.join(out, "clusters.csv")
    if not (names and _same(names, report)):
        typed.require_none(
            report,
            "name",
            functools.partial(space.kept_names, opened),
            how=f"say --names={report} first, ",
        )
    with held(store):
        opened.refresh()
        if names:
            found = clustering.name(opened, names)
        else:
            found = clustering.cluster(
                opened,
                k=k,
                way=way,
                dims=dims,
                day=day,
                seed=seed,
                most=most or None,
                anew=anew,
            )
    of_clusters.write(out, opened, found)
    _say(found, opened, out)
    return found.table


def _same(one, other):
    return os.path.realpath(one) == os.path.realpath(other)


def _say(found, store, out):
    if found.went_on:
        clusters = counted(len(found.table), "cluster")
        show(
            f"Fit       goes on from the {clusters} before; --anew fits from "
            "nothing"
        )
    if found.choice:
        best = next(
            one for one in found.choice.stabilities if one.k == found.choice.k
        )
        show(
            f"k         {best.k}: clusters fitted to different images agree "
            f"by {best.mean:.2f}; 1 would be the same clusters (adjusted Rand "
            f"index, spread {best.spread:.2f})"
        )
        others = [k for k in found.choice.layers if k != best.k]
        if others:
            show(
                f"          {', '.join(map(str, others))} are more stable than "
                "the numbers beside them, too (k.png): --k takes one of them"
            )
    if found.matched:
        counts = {
            "born": len(found.matched.born),
            "died": len(found.matched.died),
            "split": len(found.matched.splits),
            "merged": len(found.matched.merges),
        }
        words = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        show(f"Clusters  {words or 'the same ones'} ({out}/events.csv)")
        show(
            f"Ids       {counted(found.kept, 'image')} keep theirs, "
            f"{found.changed:,} have another one"
        )
    show(
        f"{store.path}: {counted(len(found.table), 'cluster')}; look at "
        f"{out}/clusters.png"
    )
    say(f"Next: simclr page {shlex.quote(store.path)} --serve")
