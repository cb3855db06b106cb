"""A run folder of a classifier, without its training."""

import dataclasses

import keras
import numpy as np

from simclr.config import Classifier
from simclr.models import classifier
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny


def write(workdir, source, class_names=("cat", "dog"), *, seed=1, **data):
    """A run as finetune leaves it, with random weights.

    Its answers differ from image to image: the last layer's weights are large,
    and its biases such that no class is the favourite.

    Args:
        workdir: run folder to write.
        source: folder of photos.
        class_names: of the classifier.
        seed: int, of the weights.
        **data: more of config.Data.

    Returns:
        The run folder, a str.
    """
    workdir = str(workdir)
    config = tiny.config(
        source, task="finetune", classifier=Classifier(from_layer=1)
    )
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, **data)
    )
    keras.utils.set_random_seed(seed)
    net = classifier.build(config, len(class_names))
    kernel, bias = net.models["classifier"].weights
    kernel.assign(1000 * kernel)
    coarse = np.random.default_rng(0).random([64, 4, 4, 3], np.float32)
    mean = np.mean(net.logits(coarse.repeat(4, 1).repeat(4, 2)), axis=0)
    bias.assign(-mean)
    facts = {
        "data": {"images": 0, "fingerprint": ""},
        "classes": list(class_names),
    }
    with run_folder.open_run(workdir, config, facts):
        checkpoint.save(
            run_folder.checkpoints(workdir),
            4,
            named_variables(**net.models),
        )
    return workdir
