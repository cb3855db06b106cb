"""`simclr embed`: vectors of very many images, in a folder of shards."""

import os
from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.inference import DTYPES

Out = Annotated[
    arguments.Path,
    "The folder to write, or to complete after a kill. Images that cannot be "
    "read are listed in OUT/unreadable.tsv.",
]
Dtype = Annotated[Literal[DTYPES], "Of the vectors."]


@command
def embed(
    run: arguments.Run,
    data: arguments.Images,
    *,
    out: Out = "embeddings",
    dtype: Dtype = DTYPES[0],
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    quiet: arguments.Quiet = False,
):
    """Writes the vectors of images into a folder of shards.

    The same command completes what a killed one began; docs/embedding.md has
    the files.

    Returns:
        inference.shards.Shards.

    Raises:
        InputError: bad input, or `out` holds other vectors.
    """
    from simclr.commands.train import train_data
    from simclr.runs import folder as run_folder

    if not os.path.isfile(run):
        run_folder.read_config(run)  # What is no run stops it here.
    train_data.require_there(data)
    devices = take_devices(strategy, replicas, engine)
    from simclr.commands.explore import vectors

    return vectors.write(run, data, out, devices, dtype=dtype)
