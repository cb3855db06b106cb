"""A net that names classes: an encoder, layers of its head, a linear layer.

Letters: n images, h w an image's height and width, f features, k classes.
"""

import dataclasses

import tensorflow as tf

from simclr.models import backbones, heads
from simclr.models import parts as parts_of


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
    classifier = config.classifier
    encoder = backbones.build_encoder(config.model, config.data.image_size)
    width = encoder.output["h"].shape[-1]
    models = {"encoder": encoder}
    if classifier.from_layer:
        models["head"] = heads.build_head_up_to(
            config.model, width, classifier.from_layer
        )
        width = models["head"].output.shape[-1]
    models["classifier"] = heads.linear_probe(
        width,
        num_classes,
        init="zeros" if classifier.zero_init else "normal",
        name="classifier",
    )
    _freeze(models, backbones.parts(config.model), classifier.freeze)
    return Classifier(models)


def _freeze(models, parts, last):
    """Stops training up to a part of the encoder, or up to the classifier."""
    parts_of.freeze(
        models["encoder"], parts, parts[-1] if last == "head" else last
    )
    if last == "head" and "head" in models:
        models["head"].trainable = False


def probabilities(nets, images, temperature=1.0):
    """Mean probabilities of several classifiers.

    Args:
        nets: list of keras.Model from images to logits, of the same classes.
        images: float [n, h, w, 3] in [0, 1].
        temperature: of the softmax, > 0.

    Returns:
        [n, k], float32 or float64.
    """
    return tf.add_n(
        [
            tf.nn.softmax(net(images, training=False) / temperature)
            for net in nets
        ]
    ) / len(nets)
