"""`simclr predict`: a classifier's answers for new images, as a CSV file."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.use import HEADER
from simclr.messages.errors import InputError

Out = Annotated[
    arguments.Path,
    "The file to write. It may replace older predictions, but no other file. "
    "Images that cannot be read are listed in OUT.unreadable.tsv.",
]
Top = Annotated[
    int,
    "Number of classes to write for each image, the most probable first.",
    arguments.AtLeast(1),
]
Probabilities = Annotated[
    bool,
    "Also write the probability of every class, in a column p_CLASS each.",
]
Into = Annotated[
    arguments.Path,
    "A store, as `simclr embed` makes it: also write the most probable class "
    "of each of its images into its column prediction.",
]


@command
def predict(
    run: arguments.Run,
    data: arguments.Images,
    *,
    out: Out = "predictions.csv",
    top: Top = 1,
    probabilities: Probabilities = False,
    store: Into = "",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    quiet: arguments.Quiet = False,
):
    """Writes the classes of new images, by a classifier, to a CSV file.

    Its columns id and label make it a labels.csv for the same images.

    Returns:
        Path of the file.

    Raises:
        InputError: no classifier, no checkpoint, fewer classes than `top`,
            `out` is a file of something else, or `store` is no store.
        OSError: `out` cannot be written.
    """
    from simclr.commands.train import train_data
    from simclr.runs import classes

    _, _, count = classes.describe(run)  # What is none stops it here.
    if top > count:
        raise InputError(f"--top={top}: the classifier has {count} classes.")
    _require_ours(out)
    train_data.require_there(data)
    if store:
        from simclr.explore import extra

        extra.require()
        from simclr.explore.store.store import Store

        Store(store)  # What is none stops it here.
    devices = take_devices(strategy, replicas, engine)
    from simclr.commands.use import predictions

    predictions.write(
        run,
        data,
        devices,
        out=out,
        top=top,
        probabilities=probabilities,
        store=store,
    )
    return out


def _require_ours(out):
    """A file of something else is not overwritten."""
    folder = os.path.dirname(out) or "."
    if not os.path.isdir(folder):
        raise InputError(f"--out={out}: there is no folder {folder}.")
    if not os.path.lexists(out):
        return
    if os.path.isfile(out):
        with open(out, encoding="utf-8", errors="replace") as file:
            if file.readline().startswith(",".join(HEADER)):
                return
    raise InputError(
        f"{out} exists and is no file of predictions; choose another --out."
    )
