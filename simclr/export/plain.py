"""A net of ours rebuilt of Keras's own layers and operations, in float32.

Shapes: n = images, s = side of a view, t = tokens, d = dimensions of a token.
"""

import math

import keras
import numpy as np
from keras import ops

from simclr.models.batch_norm import BatchNorm
from simclr.models.convolution import Conv2D
from simclr.models.encoders.layers import LayerScale
from simclr.models.encoders.positions import (
    position_embedding,
    resized_places,
)
from simclr.models.encoders.vit import Attention, Tokens
from simclr.models.max_pool import MaxPool


def plain(model, shape=None):
    """A copy of a model that a program without this package can load.

    Layers of ours become Keras's own, or operations; weights are copied.

    Args:
        model: functional keras.Model, [n, ...] to a tensor or a dict of them.
        shape: of one input, such as (s, s, 3), static; None: as it is.

    Returns:
        keras.Model of the same function in inference, float32 inside and out.
        A layer that is neither Keras's nor ours is in it as it is.
    """
    shape = model.input.shape[1:] if shape is None else shape
    inputs = keras.Input(shape, dtype="float32", name=model.input.name)
    pairs = []

    def replace(layer):
        if not isinstance(layer, keras.layers.Layer):
            return layer  # An operation, such as a slice: no weights, no dtype.
        for kind, operation in _OPERATIONS.items():
            if isinstance(layer, kind):
                return operation(layer)
        if isinstance(layer, keras.Model):
            return plain(layer)
        config = {**layer.get_config(), "dtype": "float32"}
        kind = layer.__class__
        if kind is BatchNorm:
            kind = keras.layers.BatchNormalization
            config["synchronized"] = False  # That is for training alone.
        elif kind is MaxPool:
            kind = keras.layers.MaxPooling2D
        elif kind is Conv2D:
            kind = keras.layers.Conv2D
        copy = kind.from_config(config)
        pairs.append((layer, copy))
        return copy

    copied = keras.models.clone_model(
        model, input_tensors=inputs, clone_function=replace
    )
    for layer, copy in pairs:
        copy.set_weights(layer.get_weights())
    return copied


def _scale(layer):
    scale = np.asarray(layer.scale, np.float32)
    return lambda x: ops.multiply(x, scale)


def _tokens(layer):
    """Patches to tokens: for views of one size a place is a constant."""
    first = np.asarray(layer.class_token, np.float32)[0]  # [1, d]
    learned = layer.grid and np.asarray(layer.position, np.float32)[0]

    def call(x):
        _, rows, columns, dim = x.shape
        if layer.grid:
            places = resized_places(learned[1:], layer.grid, rows, columns)
            start = first + learned[:1]
        else:
            places, start = position_embedding(rows, columns, dim), first
        x = ops.reshape(x, (-1, rows * columns, dim))
        x = ops.pad(x, ((0, 0), (1, 0), (0, 0)))  # Zeros, where it begins.
        return ops.add(x, np.concatenate([start, np.asarray(places)]))

    return call


def _attention(layer):
    def call(inputs):
        _, t, dim = inputs[0].shape
        each = dim // layer.heads
        query, key, value = (
            ops.transpose(
                ops.reshape(x, (-1, t, layer.heads, each)), (0, 2, 1, 3)
            )
            for x in inputs
        )  # [n, heads, t, each]
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        share = ops.softmax(logits / math.sqrt(each))
        mixed = ops.transpose(ops.matmul(share, value), (0, 2, 1, 3))
        return ops.reshape(mixed, (-1, t, dim))

    return call


_OPERATIONS = {LayerScale: _scale, Tokens: _tokens, Attention: _attention}
