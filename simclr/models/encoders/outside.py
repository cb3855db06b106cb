"""Any other Keras model as an encoder: made by a function, or handed in.

Letters: n images, h w an image's height and width, f features.
"""

import importlib
import inspect
import os
import re
import sys

import keras
from keras import layers

from simclr.messages.errors import InputError, first_line
from simclr.messages.hints import did_you_mean
from simclr.models.dtypes import float32_or_wider
from simclr.models.max_pool import MaxPool

_HANDED_IN = "handed_in"
_models = {}  # Name -> keras.Model that was handed in to this process.


def hand_in(model):
    """Makes a built keras.Model a backbone, for as long as the process lives.

    Args:
        model: functional or Sequential keras.Model from images [n, h, w, 3] in
            [0, 1] to features [n, f]. Every encoder that is built of it starts
            from the weights that it has now; it stays as it is itself.

    Returns:
        str, what config.Model's `name` has to be. A process that reads such a
        run later hands the same model in first.

    Raises:
        InputError: it cannot be an encoder; see `build`.
    """
    if not isinstance(model, keras.Model):
        raise InputError(f"{model!r} is no keras.Model.")
    name = f"{_HANDED_IN}:{model.name}"
    copy = _copy(model)
    _encoder(copy, name, None)  # What it cannot do shows here.
    _models[name] = _copy(model)
    return name


def build(name, image_size=None):
    """The encoder of a name that is not in the table.

    Batch norm is made global, and dropout is turned off, for all randomness
    of training is a function of seed and step (docs/backbones.md).

    Args:
        name: "package.module:function", or what `hand_in` returned. The
            function takes image_size, or nothing, and returns a keras.Model
            as `hand_in` takes it.
        image_size: side of the views in training, pixels.

    Returns:
        A functional keras.Model from images to a dict of "encoder" and "h",
        the features [n, f], at least float32.

    Raises:
        InputError: there is no such function, it fails, what it makes is no
            such model, or one that draws random numbers in a way of its own.
    """
    module, _, function = name.partition(":")
    if module != _HANDED_IN:
        return _encoder(_made(module, function, image_size), name, image_size)
    if name not in _models:
        raise InputError(
            f"The run's encoder is a keras.Model, {function!r}, that was "
            "handed in from Python: hand it in again, "
            "simclr.load(RUN, model=model), before the run is read."
        )
    return _encoder(_copy(_models[name]), name, image_size)


def _made(module, function, image_size):
    """What a user's function returns."""
    name = f"{module}:{function}"
    if os.getcwd() not in sys.path:  # Where the user's own files are.
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"model.name={name}: {first_line(error)}.") from error
    make = getattr(found, function, None)
    if not callable(make):
        hint = did_you_mean(function, dir(found))
        raise InputError(
            f"model.name={name}: {module} has no function {function}.{hint}"
        )
    takes_size = "image_size" in inspect.signature(make).parameters
    try:
        return make(image_size=image_size) if takes_size else make()
    except Exception as error:
        raise InputError(
            f"model.name={name}: the function failed: {first_line(error)}"
        ) from error


def _copy(model):
    """A model of the same layers and weights."""
    try:
        copy = model.__class__.from_config(model.get_config())
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise InputError(
            f"The model {model.name!r} cannot be copied "
            f"({first_line(error)}): hand in a functional or Sequential "
            "keras.Model, or say model.name=package.module:function with a "
            "function that makes it."
        ) from error
    return copy


def _encoder(net, name, image_size):
    """The encoder around a user's model."""
    if not isinstance(net, keras.Model):
        raise InputError(
            f"model.name={name} made {type(net).__name__}, no keras.Model."
        )
    shape = getattr(net, "input_shape", None) or (None, None, None, 3)
    wide = float32_or_wider()
    try:
        images = keras.Input(shape[1:], dtype=wide, name="images")
        h = net(images)
    except Exception as error:
        raise InputError(
            f"model.name={name}: the model does not take images "
            f"[n, h, w, 3]: {first_line(error)}"
        ) from error
    if len(shape) != 4 or shape[-1] != 3 or len(getattr(h, "shape", ())) != 2:
        raise InputError(
            f"model.name={name} goes from {shape} to "
            f"{getattr(h, 'shape', type(h).__name__)}; an encoder goes from "
            "images [n, h, w, 3] to features [n, f]. Pool it: "
            "keras.applications take include_top=False, pooling='avg'."
        )
    if image_size and image_size not in (shape[1] or image_size,):
        raise InputError(
            f"model.name={name} takes images of {shape[1]} pixels, and "
            f"data.image_size is {image_size}."
        )
    _tame(net, name)
    for i, variable in enumerate(net.variables):
        # Keras numbers layers without a name through a process: "dense_7" is
        # another one the next time. A checkpoint needs names that stay.
        path = re.sub(r"_\d+(?=/|$)", "", variable.path)
        variable._path = f"{i:03d}/{path}"
    h = layers.Identity(dtype=wide, name="h")(h)
    return keras.Model(images, {"encoder": h, "h": h}, name="encoder")


def _tame(net, name):
    """Global batch norm, no randomness but the keyed one, the same bits."""
    for layer in net._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.synchronized = True
        elif (
            type(layer) is layers.MaxPooling2D
            and layer.data_format == "channels_last"
        ):
            layer.__class__ = MaxPool
        elif isinstance(layer, layers.Dropout | layers.SpatialDropout2D):
            layer.rate = 0.0
        elif getattr(layer, "seed_generator", None) is not None:
            raise InputError(
                f"model.name={name}: the layer {layer.name!r} "
                f"({type(layer).__name__}) draws random numbers from a state "
                "of its own; a run could not be repeated. Make the model "
                "without it."
            )
