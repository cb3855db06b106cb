"""Muon, momentum orthogonalized (Jordan et al. 2024).

kellerjordan.github.io/posts/muon; the norm of a kernel is kept, as in that
author's training of CIFAR-10 in seconds (airbench).
"""

import keras
import tensorflow as tf

from simclr.optimizers.with_momentum import WithMomentum

# Of the iteration x <- a x + (b x x' + c (x x')^2) x, as published: singular
# values from 0.01 to 1 come within [0.68, 1.14] in five steps.
_A, _B, _C = 3.4445, -4.7750, 2.0315


@keras.saving.register_keras_serializable(package="simclr")
class Muon(WithMomentum):
    """Muon for kernels, SGD with Nesterov's momentum for the rest.

    A kernel w is a matrix with a column for each filter. For its gradient g,
    learning rate r and momentum m:

        v = m * v + g
        u = orthogonalized(m * v + g), scaled to the norm of w
        w = (w - r * u), scaled back to the norm of w

    So r is about the angle, in radians, by which a step turns a kernel, and
    all directions of a kernel learn alike, whatever the gradient's size in
    each. Neither the gradient's scale nor a weight decay would change a step.
    The norm is free where a norm layer follows, as in all of a ResNet.

    Excluded variables, those with fewer than two axes, and a kernel of zeros
    take SGD's step at r * excluded_lr_factor.

    Arguments and errors are those of WithMomentum. A learning rate of about
    0.03 and a factor of 8 for the excluded are a start.
    """

    def _updated(self, gradient, weight, velocity, rate, plain):
        """(v, what w loses) of a variable."""
        kept = self.momentum * velocity + gradient
        ahead = self.momentum * kept + gradient
        as_sgd = rate * self.excluded_lr_factor * ahead
        if plain or len(weight.shape) < 2:
            return kept, as_sgd
        norm = tf.norm(weight)
        turned = weight - rate * norm * _unit(
            tf.reshape(orthogonalized(_matrix(ahead)), weight.shape)
        )
        return kept, tf.where(norm > 0, weight - norm * _unit(turned), as_sgd)


def orthogonalized(matrix):
    """The matrix with its singular values brought near 1, by five steps.

    A step multiplies x from the left by a polynomial of x x'. So some steps are
    taken on x x' alone, which is small where a kernel has few filters, and x
    is multiplied once by the product of their polynomials. After three steps
    x x' is made anew: in the low precision of a TPU's or a GPU's products its
    rounding grows by a factor of 12 in each.

    Args:
        matrix: float tensor [n, m].

    Returns:
        Tensor [n, m]: with matrix = U S V', about U V'. Zeros stay zeros.
    """
    rows, columns = matrix.shape
    tall = rows > columns
    x = _unit(tf.transpose(matrix) if tall else matrix)
    one = tf.eye(min(rows, columns), dtype=matrix.dtype)
    for steps in (3, 2):
        square = tf.matmul(x, x, transpose_b=True)
        product = one
        for step in range(steps):
            p = _A * one + _B * square + _C * tf.matmul(square, square)
            product = tf.matmul(p, product)
            if step < steps - 1:
                square = tf.matmul(p, tf.matmul(square, p))
        x = tf.matmul(product, x)
    return tf.transpose(x) if tall else x


def _matrix(kernel):
    """A kernel as [inputs, filters]; a depthwise one as [places, channels]."""
    filters = kernel.shape[-1] if kernel.shape[-1] > 1 else kernel.shape[-2]
    return tf.reshape(kernel, [-1, filters])


def _unit(tensor):
    """The tensor over its norm; zeros where that is 0."""
    return tf.math.divide_no_nan(tensor, tf.norm(tensor))
