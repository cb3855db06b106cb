"""`simclr select`: which images to label, or to train on."""

import os
import shlex
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.explore import folders
from simclr.messages.counts import counted
from simclr.messages.say import say, show

Count = Annotated[int, "Images to choose.", arguments.AtLeast(1)]
Labels = Annotated[
    arguments.Path,
    "A labels.csv of the labels so far (ids as in the store, or as in its "
    "source); those that the store has count, too.",
]
Balance = Annotated[
    arguments.Count,
    "Choose images to train on instead: at most so many of each cluster, "
    "without duplicates, written to keep.csv for pretrain --keep; 0: no.",
]
Out = Annotated[
    arguments.Path, "Folder to write; default: labels in the store."
]


@command
def select(
    store: arguments.Store,
    *,
    n: Count = 100,
    labels: Labels = "",
    balance: Balance = 0,
    out: Out = "",
    seed: arguments.Seed = 0,
    quiet: arguments.Quiet = False,
):
    """Chooses images to label, and says by which rule and why.

    While there are few labels, the typical images of clusters without one;
    then those that a probe of the labels doubts most. Writes labels.csv, whose
    column label is to be filled in, and labels.png.

    Returns:
        A table of pyarrow: id, label, cluster, name; with `balance` id,
        cluster.

    Raises:
        InputError: no store, no clusters, bad labels, too few images, or the
            labels.csv to write has labels in it.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore import selecting
    from simclr.explore.reports import csv_file, of_selection, typed
    from simclr.explore.store.store import Store

    opened = Store(store)
    out = folders.report_folder(opened, out, "labels")
    if balance:
        table = selecting.balanced(opened, balance, seed=seed)
        os.makedirs(out, exist_ok=True)
        csv_file.write(out, "keep.csv", table)
        show(
            f"{counted(len(table), 'image')} of {opened.count():,}, at most "
            f"{balance:,} a cluster: {out}/keep.csv, for pretrain --keep"
        )
        return table
    report = os.path.join(out, "labels.csv")
    typed.require_none(
        report,
        "label",
        how=f"say --labels={report} to choose beside them, and ",
    )
    given = _read(opened, labels) if labels else None
    found = selecting.select(opened, n, labels=given, seed=seed)
    of_selection.write(out, opened, found)
    show(f"Rule      {found.why}")
    show(
        f"{counted(len(found.table), 'image')} to label: fill in the column "
        f"label of {out}/labels.csv; look at {out}/labels.png"
    )
    say(
        "Next, when they are there: simclr finetune "
        f"--init={shlex.quote(opened.current.run)} "
        f"--labels={shlex.quote(report)}"
    )
    return found.table


def _read(store, path):
    """dict of id -> label, of the images that the table labels."""
    from simclr.data.labels.read import read_labels

    images = _Images(store)
    labels, names = read_labels(path, images, images.root)
    for note in images.notes:
        say(f"Note      {note}")
    return {
        images.ids[i]: names[label]
        for i, label in enumerate(labels.tolist())
        if label >= 0
    }


class _Images:
    """A store's images, as read_labels takes a Source.

    Those of one source are called as it calls them: what lies in its folder
    is then no folder of an image.

    Attributes:
        ids: list of str, the store's.
        root: str, what they begin with; "": they are of several sources.
    """

    class_names = None

    def __init__(self, store):
        self.name, self.notes = store.path, []
        table = store.read(["id", "source"])
        self.ids = table["id"].to_pylist()
        roots = table["source"].unique().to_pylist()
        self.root = roots[0] if len(roots) == 1 else ""

    def __len__(self):
        return len(self.ids)

    def id(self, index):
        return self.ids[index].removeprefix(f"{self.root}/")
