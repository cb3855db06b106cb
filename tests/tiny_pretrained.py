"""A run folder of an encoder and its projection head, without its training."""

import dataclasses

import keras
import numpy as np

from simclr.models import heads
from simclr.models.backbones import build_encoder
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny


def write(workdir, model, size=32, precision="float32", source="photos"):
    """A run as pretrain leaves it, with random weights and statistics.

    Args:
        workdir: run folder to write.
        model: config.Model.
        size: of the views, pixels.
        precision: config's train.precision.
        source: of its images.

    Returns:
        The run folder, a str.
    """
    config = tiny.config(source, model=model)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, image_size=size),
        train=dataclasses.replace(config.train, precision=precision),
    )
    keras.utils.set_random_seed(5)
    encoder = build_encoder(config.model, size)
    head = heads.build_head(config.model, encoder.output["h"].shape[-1])
    rng = np.random.default_rng(5)
    for variable in [*encoder.variables, *head.variables]:
        # No statistic, scale or shift is as it starts: each has its effect.
        noise = rng.uniform(0.8, 1.2, variable.shape)
        shift = 0.1 if len(variable.shape) == 1 else 0.0
        variable.assign(variable * noise + shift * (noise - 0.8))
    facts = {"data": {"images": 7, "fingerprint": ""}, "classes": None}
    with run_folder.open_run(str(workdir), config, facts):
        checkpoint.save(
            run_folder.checkpoints(str(workdir)),
            4,
            named_variables(encoder=encoder, head=head),
        )
    return str(workdir)
