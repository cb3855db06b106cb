"""What a run cannot begin with: said before it waits for TensorFlow."""

import dataclasses

from simclr import config as config_lib
from simclr.commands.train import train_data
from simclr.commands.train.launch import absolute_run, in_force
from simclr.config import Config
from simclr.config import values as config_values
from simclr.data.batch_rule import require_batch
from simclr.data.labels import few
from simclr.data.sources import registry
from simclr.frozen import files as frozen_files
from simclr.messages.errors import InputError
from simclr.published import start
from simclr.runs import weight_arrays
from simclr.storage import files
from simclr.storage.place import require_folder


def require_ready(
    recipe,
    overrides,
    *,
    data,
    workdir="",
    init="",
    goes_on=False,
    classes=False,
    views=1,
):
    """Refuses what a run cannot begin with, as far as is known here.

    Args:
        recipe: Config of the recipe, or None.
        overrides: list of KEY=VALUE over it.
        data: config.Data. What lies in gs:// or comes by tfds is not opened.
        workdir: run folder; "": not known yet.
        init: weights to start from; "": the recipe's, if any.
        goes_on: whether the start is behind the run: it need not be there.
        classes: whether the training images need labels, of two classes.
        views: how many of an image a batch holds.

    Raises:
        InputError, OSError: a run folder that cannot be, images or labels that
            cannot be opened, weights that cannot be read, or a batch of more
            images than there are.
    """
    if workdir:
        require_folder(workdir, f"--workdir={workdir}")
    config = recipe or Config()
    config = config_lib.override(
        dataclasses.replace(config, data=data, init=init or config.init),
        [
            override
            for override in overrides
            if config_lib.split(override)[0].startswith(("data.", "init"))
        ],
    )
    if config.init and not goes_on and not start.is_published(config.init):
        if frozen_files.is_encoder(config.init):
            raise InputError(
                f"{config.init} can be a teacher (distill --teacher) or a "
                "baseline (evaluate --baseline), no start: its net is its own."
            )
        weight_arrays.read_weights(absolute_run(config.init))
    data = train_data.absolute(config.data)
    source = _opened(data.source, data.labels)
    if source and classes:
        few.require_classes(source)
    if source and (size := _batch_size(recipe, overrides)):
        require_batch(source, replicas=1, batch_size=size, views=views)
    _opened(data.eval_source, data.eval_labels)


def _opened(source, labels):
    """The images, where they are near; else None."""
    far = files.is_remote(source) or source.startswith("tfds:")
    return (
        registry.open_source(source, labels=labels)
        if source and not far
        else None
    )


def _batch_size(recipe, overrides):
    """The batch's, as the user or the recipe says it; 0: nobody does."""
    said = [o for key, o in in_force(overrides).items() if key == "batch_size"]
    if not (recipe or said):
        return 0
    config = recipe or Config()
    for override in said:
        config = config_values.replace(config, *config_lib.split(override))
    return config.batch_size
