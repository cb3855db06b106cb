"""A run folder of a pretrained encoder, without its training."""

import dataclasses

import keras

from simclr.models.backbones import build_encoder
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny


def write(workdir, source, *, step=4, seed=1, **data):
    """A run as pretrain leaves it, with random weights.

    Args:
        workdir: run folder to write.
        source: folder of photos.
        step: of the checkpoint.
        seed: of the weights.
        **data: more of config.Data.

    Returns:
        The run folder, a str.
    """
    workdir = str(workdir)
    config = tiny.config(source)
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, **data)
    )
    keras.utils.set_random_seed(seed)
    facts = {"data": {"images": 0, "fingerprint": ""}, "classes": None}
    with run_folder.open_run(workdir, config, facts):
        checkpoint.save(
            run_folder.checkpoints(workdir),
            step,
            named_variables(encoder=build_encoder(config.model)),
        )
    return workdir
