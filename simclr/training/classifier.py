"""A net that names classes: an encoder, layers of its head, a linear layer.

Letters: n images, h w an image's height and width, f features, k classes.
"""

import dataclasses
import os

import keras
import numpy as np
import tensorflow as tf

from simclr import config as config_lib
from simclr.models import heads
from simclr.training import checkpoint, rundir
from simclr.training.nets import build_encoder, build_head_up_to

_PARTS = ("stem", "group1", "group2", "group3", "group4", "head")


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier.

    Attributes:
        models: dict of role -> Keras model: "encoder", "head" where the linear
            layer takes one of the projection head's, and "classifier".
    """

    models: dict

    def logits(self, images, training=False):
        """Logits of a batch.

        Args:
            images: float [n, h, w, 3] in [0, 1].
            training: bool, batch norm by the batch's statistics.

        Returns:
            [n, k], at least float32.
        """
        x = self.models["encoder"](images, training=training)["h"]
        if "head" in self.models:
            x = self.models["head"](x, training=training)
        return self.models["classifier"](x)


def build(config, num_classes):
    """The classifier of a config, weights fresh, frozen where it says so.

    Args:
        config: the Config.
        num_classes: k.

    Returns:
        Classifier.
    """
    settings = config.classifier
    encoder = build_encoder(config)
    width = encoder.output["h"].shape[-1]
    models = {"encoder": encoder}
    if settings.from_layer:
        models["head"] = build_head_up_to(config, width, settings.from_layer)
        width = models["head"].output.shape[-1]
    models["classifier"] = heads.linear_probe(
        width, num_classes, zero_init=settings.zero_init, name="classifier"
    )
    _freeze(models, settings.freeze)
    return Classifier(models)


def _freeze(models, last):
    """Stops training up to a part; its batch norm keeps its statistics too.

    A layer with trainable=False runs its batch norm in inference mode, whatever
    the call says. (The published TF2 code sets the flag on wrappers before
    their layers exist, and goes on updating the statistics.)
    """
    if last == "none":
        return
    frozen = ("normalization", *_PARTS[: _PARTS.index(last) + 1])
    for layer in models["encoder"].layers:
        if layer.name.partition("_")[0] in frozen:
            layer.trainable = False
    if "head" in frozen and "head" in models:
        models["head"].trainable = False


@dataclasses.dataclass(frozen=True)
class Trained:
    """A classifier as a run left it.

    Attributes:
        classifier: Classifier.
        class_names: list of str; or None where an import does not tell them.
        num_classes: k.
        image_size: side of the images that evaluation shows it, pixels.
        config: Config of the run.
        step: int, of the checkpoint.
    """

    classifier: Classifier
    class_names: list | None
    num_classes: int
    image_size: int
    config: object
    step: int


def describe(workdir):
    """What a run's classifier tells, without building it.

    Returns:
        config: Config, with the classifier part as the weights need it.
        class_names: list of str, or None for an import.
        num_classes: k.

    Raises:
        ValueError: the folder is no run, or the run is no classifier.
    """
    config = rundir.read_config(workdir)
    facts = rundir.read_facts(workdir)
    if config.task != "pretrain":
        return config, facts["classes"], len(facts["classes"])
    imported = facts.get("imported") or {}
    end = imported.get("probe_input")
    if not end:
        why = (
            "it was imported without a linear head whose place is known"
            if imported
            else "it was pretrained without labels"
        )
        raise ValueError(
            f"{workdir} is no classifier: {why}. Make one with simclr finetune "
            f"--init={workdir}."
        )
    layers = {"h": 0, "z": config.model.head_layers}
    layer = layers.get(end) if end in layers else int(end[len("layer") :])
    config = dataclasses.replace(
        config, classifier=config_lib.Classifier(from_layer=layer)
    )
    return config, None, imported["num_classes"]


def load(workdir):
    """The classifier of a run: finetune's, distill's or an import's.

    Build it inside the strategy's scope.

    Args:
        workdir: run folder.

    Returns:
        Trained.

    Raises:
        ValueError: as for `describe`, or there is no checkpoint.
    """
    workdir = os.path.expanduser(workdir)
    config, class_names, num_classes = describe(workdir)
    found = checkpoint.read_newest(rundir.checkpoints(workdir))
    if found is None:
        raise ValueError(f"{workdir} has no checkpoint yet.")
    step, arrays = found
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.train.precision)
    classifier = build(config, num_classes)
    keras.config.set_dtype_policy(before)
    variables = checkpoint.named_variables(**classifier.models)
    if "probe/probe/kernel" in arrays:  # An import's linear head.
        for name in ("kernel", "bias"):
            arrays[f"classifier/classifier/{name}"] = arrays.pop(
                f"probe/probe/{name}"
            )
    checkpoint.assign(variables, {n: arrays[n] for n in variables})
    return Trained(
        classifier=classifier,
        class_names=class_names,
        num_classes=num_classes,
        image_size=config_lib.eval_image_size(config),
        config=config,
        step=step,
    )


def probabilities(trained, images, temperature=1.0):
    """Mean probabilities of several classifiers.

    Args:
        trained: list of Trained, of the same classes.
        images: float [n, h, w, 3] in [0, 1].
        temperature: of the softmax, > 0.

    Returns:
        [n, k], float32 or float64.
    """
    return tf.add_n(
        [
            tf.nn.softmax(t.classifier.logits(images) / temperature)
            for t in trained
        ]
    ) / len(trained)


def count_parameters(models):
    """How many there are; batch norm's statistics are none.

    Args:
        models: dict of role -> Keras model.
    """
    named = checkpoint.named_variables(**models)
    return sum(
        int(np.prod(variable.shape))
        for name, variable in named.items()
        if not name.rpartition("/")[2].startswith("moving_")
    )
