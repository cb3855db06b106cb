"""Vision transformers as MoCo v3 trains them (arXiv 2104.02057, 2010.11929).

Letters: n images, h w an image's height and width, t tokens, d dimensions of a
token.
"""

import math

import keras
import tensorflow as tf
from keras import layers

from simclr.messages.errors import InputError
from simclr.models.dtypes import float32_or_wider
from simclr.models.encoders.layers import IMAGENET, images

_BLOCKS = 12


def small(*, patch, freeze_patch):
    """ViT-S: 12 blocks of 384 dimensions, and 12 heads as in MoCo v3.

    Args:
        patch: side of a patch, pixels; h and w are multiples of it.
        freeze_patch: leave the patch projection as it starts, at random, which
            keeps contrastive training stable (MoCo v3, Section 4).

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of "stem" and "block1" to "block12" ([n, t, d], the class token first),
        "final" and "h" ([n, d], the class token, normalized).
    """
    return _net(384, 12, patch, freeze_patch, name="vit_small")


def base(*, patch, freeze_patch):
    """ViT-B: 12 blocks of 768 dimensions, 12 heads; the rest as `small`."""
    return _net(768, 12, patch, freeze_patch, name="vit_base")


def _net(dim, heads, patch, freeze_patch, *, name):
    inputs, x = images(*IMAGENET)
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
    x = Tokens(name="stem_tokens")(x)
    ends = {"stem": x}
    for i in range(1, _BLOCKS + 1):
        x = _block(x, heads, name=f"block{i}")
        ends[f"block{i}"] = x
    wide = float32_or_wider()
    ends["final"] = _norm(x[:, 0], name="final_norm", dtype=wide)
    ends["h"] = layers.Identity(dtype=wide, name="h")(ends["final"])
    return keras.Model(inputs, ends, name=name)


def _block(x, heads, *, name):
    """Attention, then two dense layers, each beside a shortcut."""
    dim = x.shape[-1]
    y = _norm(x, name=f"{name}_norm1")
    y = Attention(heads, name=f"{name}_attention")(
        [layers.Dense(dim, name=f"{name}_{role}")(y) for role in _ROLES]
    )
    y = layers.Dense(dim, name=f"{name}_projection")(y)
    x = layers.Add(name=f"{name}_add")([x, y])
    y = _norm(x, name=f"{name}_norm2")
    y = layers.Dense(4 * dim, activation="gelu", name=f"{name}_dense1")(y)
    y = layers.Dense(dim, name=f"{name}_dense2")(y)
    return layers.Add(name=name)([x, y])


_ROLES = ("query", "key", "value")


def _norm(x, *, name, dtype=None):
    return layers.LayerNormalization(epsilon=1e-6, dtype=dtype, name=name)(x)


@keras.saving.register_keras_serializable(package="simclr")
class Tokens(layers.Layer):
    """Patches as tokens that know their place, after a class token."""

    def build(self, shape):
        """Makes the class token, [1, 1, d]."""
        self.class_token = self.add_weight(
            shape=(1, 1, shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1e-6),
            name="class_token",
        )

    def call(self, x):
        """Patches [n, h', w', d] to tokens [n, 1 + h' w', d]."""
        n, rows, columns, dim = *tf.unstack(tf.shape(x)[:3]), x.shape[-1]
        places = tf.cast(position_embedding(rows, columns, dim), x.dtype)
        tokens = tf.reshape(x, [n, rows * columns, dim]) + places
        first = tf.cast(tf.convert_to_tensor(self.class_token), x.dtype)
        return tf.concat([tf.tile(first, [n, 1, 1]), tokens], 1)

    def compute_output_shape(self, shape):
        """[n, h', w', d] to [n, t, d]."""
        _, rows, columns, dim = shape
        count = None if None in (rows, columns) else 1 + rows * columns
        return shape[0], count, dim


def position_embedding(rows, columns, dim, temperature=10_000.0):
    """Sines and cosines of a patch's place, as in MoCo v3's code.

    They are computed, not learned, so that images of another size than those
    of training may be shown.

    Args:
        rows, columns: of the grid of patches, integers or integer scalars.
        dim: d, a multiple of 4.
        temperature: ratio of the longest to the shortest wave, nearly.

    Returns:
        float32 [rows * columns, d], row by row: sine and cosine of the column,
        then of the row.
    """
    omega = temperature ** (
        -tf.range(dim // 4, dtype=tf.float32) / (dim // 4)
    )  # [d / 4]
    row, column = tf.meshgrid(tf.range(rows), tf.range(columns), indexing="ij")
    angles = [
        tf.cast(tf.reshape(place, [-1, 1]), tf.float32) * omega
        for place in (column, row)
    ]
    return tf.concat([f(a) for a in angles for f in (tf.sin, tf.cos)], 1)


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
