"""The net that is exported: images of any size to what a run knows of them.

Shapes: n = images, h w = an image's height and width, s = side of a view, f
features, d projection dimensions, k classes.
"""

import dataclasses

import keras
import numpy as np

from simclr.data.images import center_crop
from simclr.export import preprocessing
from simclr.export.plain import plain
from simclr.messages.errors import InputError
from simclr.runs import weights


@dataclasses.dataclass(frozen=True)
class Net:
    """A run's net, ready for export.

    Attributes:
        model: keras.Model, uint8 [n, h, w, 3] to a dict of float32 "features"
            [n, f], and "projection" [n, d] and "probabilities" [n, k] where
            the run has them; of Keras's own layers and operations.
        preprocessing: its first part, to views, float32 [n, s, s, 3] in [0, 1].
        on_views: its second part.
        trained: runs.weights.Trained that it is of.
    """

    model: keras.Model
    preprocessing: keras.Model
    on_views: keras.Model
    trained: weights.Trained

    @property
    def class_names(self):
        """list of str, the probabilities' columns; [] without any."""
        names = self.trained.class_names
        return names or [str(i) for i in range(self.trained.num_classes)]


def build(trained):
    """The net of a run that was read.

    Args:
        trained: runs.weights.Trained.

    Returns:
        Net.

    Raises:
        InputError: it sees planes beside the colours, or its input is not of
            three colours.
    """
    if trained.config.model.extra_planes:
        raise InputError(
            "The net takes planes beside the colours (model.extra_planes), "
            "which an image does not have: it is not exported."
        )
    size = trained.image_size
    before = preprocessing.build(size)
    views = keras.Input((size, size, 3), dtype="float32", name="views")
    ends = trained.models
    encoder = ends["encoder"]
    to_h = keras.Model(encoder.input, encoder.output["h"], name="encoder")
    h = plain(to_h, (size, size, 3))(views)
    outputs = {"features": _named(h, "features")}
    x = h
    if "head" in ends:
        head = ends["head"]
        end = head.output["z"] if "classifier" not in ends else head.output
        x = plain(keras.Model(head.input, end, name="head"))(h)
    if "classifier" in ends:
        outputs["probabilities"] = _probabilities(ends["classifier"], x)
    elif "head" in ends:
        outputs["projection"] = _named(x, "projection")
    on_views = keras.Model(views, outputs, name="net")
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    model = keras.Model(images, on_views(before(images)), name="simclr")
    return Net(model, before, on_views, trained)


def expected(net, images):
    """What the run itself says of images: as evaluate and predict see them.

    Args:
        net: Net.
        images: list of uint8 [h, w, 3], of any sizes.

    Returns:
        dict of output -> float32 [n, ...], by our own layers in float32.
    """
    size, ends = net.trained.image_size, net.trained.models
    views = np.empty([len(images), size, size, 3], np.float32)
    center_crop.center_views(images, views)
    h = ends["encoder"](views, training=False)["h"]
    outputs, x = {"features": h}, h
    if "head" in ends:
        x = ends["head"](h, training=False)
    if "classifier" in ends:
        logits = ends["classifier"](x)
        outputs["probabilities"] = keras.ops.softmax(logits)
    elif "head" in ends:
        outputs["projection"] = x["z"]
    return {name: np.asarray(x, np.float32) for name, x in outputs.items()}


def _probabilities(classifier, x):
    layer = keras.layers.Dense(
        classifier.units,
        activation="softmax",
        dtype="float32",
        name="probabilities",
    )
    p = layer(x)
    layer.set_weights(classifier.get_weights())
    return p


def _named(x, name):
    return keras.layers.Identity(dtype="float32", name=name)(x)
