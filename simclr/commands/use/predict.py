"""`simclr predict`: a classifier's answers for new images, as a CSV file."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.use import HEADER
from simclr.commands.written_over import require_ours
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
    require_ours(out, [",".join(HEADER)], "file of predictions")
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
