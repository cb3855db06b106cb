"""Vision transformers as MoCo v3 trains them (arXiv 2104.02057, 2010.11929).

Their options are what DINO's, DINOv2's and timm's nets do otherwise.

Letters: n images, h w an image's height and width, t tokens, d dimensions of a
token.
"""

import math

import keras
import tensorflow as tf
from keras import layers

from simclr.messages.errors import InputError
from simclr.models.dtypes import float32_or_wider
from simclr.models.encoders.layers import LayerScale, images
from simclr.models.encoders.positions import (
    position_embedding,
    resized_places,
)

_BLOCKS, _HEADS = 12, 12


def small(**options):
    """ViT-S: 12 blocks of 384 dimensions.

    Args:
        patch: side of a patch, pixels; h and w are multiples of it.
        freeze_patch: leave the patch projection as it starts, at random, which
            keeps contrastive training stable (MoCo v3, Section 4).
        normalization: of the pixels, a name of NORMALIZATIONS.
        heads: of attention; 0: 12, as in MoCo v3 (6 in other nets).
        position_grid: 0: sines and cosines of a patch's place; n: a learned
            embedding of n x n patches, resized where images have others.
        layer_scale: bool, a weight per channel at the end of each branch.

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of "stem" and "block1" to "block12" ([n, t, d], the class token first),
        "final" and "h" ([n, d], the class token, normalized).
    """
    return _net(384, name="vit_small", **options)


def base(**options):
    """ViT-B: 12 blocks of 768 dimensions, 12 heads; the rest as `small`."""
    return _net(768, name="vit_base", **options)


def _net(
    dim,
    *,
    patch,
    freeze_patch,
    normalization,
    heads=0,
    position_grid=0,
    layer_scale=False,
    name,
):
    inputs, x = images(normalization)
    # Xavier over what one patch sees, as MoCo v3's code has it.
    limit = math.sqrt(6 / (3 * patch**2 + dim))
    x = layers.Conv2D(
        dim,
        patch,
        patch,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        trainable=not freeze_patch,
        name="stem_patch",
    )(x)
    x = Tokens(position_grid, name="stem_tokens")(x)
    ends = {"stem": x}
    for i in range(1, _BLOCKS + 1):
        x = _block(x, heads or _HEADS, layer_scale, name=f"block{i}")
        ends[f"block{i}"] = x
    wide = float32_or_wider()
    ends["final"] = _norm(x[:, 0], name="final_norm", dtype=wide)
    ends["h"] = layers.Identity(dtype=wide, name="h")(ends["final"])
    return keras.Model(inputs, ends, name=name)


def _block(x, heads, layer_scale, *, name):
    """Attention, then two dense layers, each beside a shortcut."""
    dim = x.shape[-1]
    y = _norm(x, name=f"{name}_norm1")
    y = Attention(heads, name=f"{name}_attention")(
        [layers.Dense(dim, name=f"{name}_{role}")(y) for role in _ROLES]
    )
    y = layers.Dense(dim, name=f"{name}_projection")(y)
    if layer_scale:
        y = LayerScale(_SCALE, name=f"{name}_scale1")(y)
    x = layers.Add(name=f"{name}_add")([x, y])
    y = _norm(x, name=f"{name}_norm2")
    y = layers.Dense(4 * dim, activation="gelu", name=f"{name}_dense1")(y)
    y = layers.Dense(dim, name=f"{name}_dense2")(y)
    if layer_scale:
        y = LayerScale(_SCALE, name=f"{name}_scale2")(y)
    return layers.Add(name=name)([x, y])


_SCALE = 1e-5  # Where layer scales start, as in DINOv2.
_ROLES = ("query", "key", "value")


def _norm(x, *, name, dtype=None):
    return layers.LayerNormalization(epsilon=1e-6, dtype=dtype, name=name)(x)


@keras.saving.register_keras_serializable(package="simclr")
class Tokens(layers.Layer):
    """Patches as tokens that know their place, after a class token.

    Args:
        grid: 0: places by sines and cosines; n: a learned embedding of n x n
            places, and of the class token's.
        **kwargs: as in keras.layers.Layer.
    """

    def __init__(self, grid=0, **kwargs):
        super().__init__(**kwargs)
        self.grid = grid

    def build(self, shape):
        """Makes the class token, [1, 1, d], and the places learned."""
        self.class_token = self.add_weight(
            shape=(1, 1, shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1e-6),
            name="class_token",
        )
        if self.grid:
            self.position = self.add_weight(
                shape=(1, 1 + self.grid**2, shape[-1]),
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
                name="position_embedding",
            )

    def call(self, x):
        """Patches [n, h', w', d] to tokens [n, 1 + h' w', d]."""
        n, rows, columns, dim = *tf.unstack(tf.shape(x)[:3]), x.shape[-1]
        first = tf.convert_to_tensor(self.class_token)
        if self.grid:
            position = tf.convert_to_tensor(self.position)
            first += position[:, :1]
            places = resized_places(position[0, 1:], self.grid, rows, columns)
        else:
            places = position_embedding(rows, columns, dim)
        tokens = tf.reshape(x, [n, rows * columns, dim])
        tokens += tf.cast(places, x.dtype)
        first = tf.cast(first, x.dtype)
        return tf.concat([tf.tile(first, [n, 1, 1]), tokens], 1)

    def compute_output_shape(self, shape):
        """[n, h', w', d] to [n, t, d]."""
        _, rows, columns, dim = shape
        count = None if None in (rows, columns) else 1 + rows * columns
        return shape[0], count, dim

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "grid": self.grid}


@keras.saving.register_keras_serializable(package="simclr")
class Attention(layers.Layer):
    """Scaled dot-product attention in several heads, without weights.

    Args:
        heads: number of heads, a divisor of d.
        **kwargs: as in keras.layers.Layer.

    Raises:
        InputError: d does not divide by the heads.
    """

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, shapes):
        """Checks the dimensions."""
        if shapes[0][-1] % self.heads:
            raise InputError(
                f"{shapes[0][-1]} dimensions do not divide by {self.heads} "
                "heads."
            )

    def call(self, inputs):
        """Query, key and value, [n, t, d] each, to [n, t, d]."""
        dim = inputs[0].shape[-1]
        n, t = tf.unstack(tf.shape(inputs[0])[:2])
        each = dim // self.heads
        query, key, value = (
            tf.reshape(x, [n, t, self.heads, each]) for x in inputs
        )
        logits = tf.einsum("nqhe,nkhe->nhqk", query, key) / math.sqrt(each)
        wide = tf.float64 if logits.dtype == tf.float64 else tf.float32
        share = tf.nn.softmax(tf.cast(logits, wide))  # [n, heads, t, t]
        mixed = tf.einsum("nhqk,nkhe->nqhe", tf.cast(share, value.dtype), value)
        return tf.reshape(mixed, [n, t, dim])

    def compute_output_shape(self, shapes):
        """That of the query."""
        return shapes[0]

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "heads": self.heads}
