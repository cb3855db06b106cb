"""NT-Xent's terms, a strip of anchors at a time, without the [2n, 2N] matrix.

The gradient is written by hand and computes every strip again, so that memory
grows with 2N times the rows of a strip and not with 2n times 2N.

Shapes: n = images per replica, N = images in the global batch, d = dimensions,
K = negatives of other batches, B = anchors in a strip, M = 2N + K candidates.
"""

import math

import tensorflow as tf

from simclr.losses.candidates import gather_views, positions


def blockwise(z, *, temperature, block, negatives=None, bias=None):
    """Each anchor's cross entropy; its gradient is of first order only.

    With S_ij = z_i z_j / T, the log-sum-exp of anchor i over its candidates
    lse_i, its term L_i = lse_i - S_i,match(i) and that term's upstream gradient
    w_i, the symmetry of S gives an anchor's gradient from its own strip:

        dz_j = 1/T (sum_i (w_j exp(S_ij - lse_j) + w_i exp(S_ij - lse_i)) z_i
                    - (w_j q_j + w_m q_m) z_m),   m = match(j), q = 1 - exp(-L)

    where i runs over the candidates of every replica but j and m, so that only
    lse and w, not the gradient of [2N, d], need a collective. Negatives of
    other batches are no anchors: they have w_i = 0.

    Args:
        z: [2n, d] rows: the first views', then the second's; n is static.
        temperature: T > 0.
        block: most anchors in a strip, > 0. All strips have the same number;
            where that does not divide 2n, fewer than one row a strip are
            computed twice.
        negatives: [K, d] further candidates without gradient, or None.
        bias: [K], added to the negatives' logits, or None.

    Returns:
        losses: [2n].
        hits: [2n] of the same dtype, 1 where the nearest candidate, the first
            among equals, is the match.
    """
    rows, num_negatives = (
        z.shape[0],
        0 if negatives is None else negatives.shape[0],
    )
    count = math.ceil(rows / block)

    @tf.custom_gradient
    def terms(z):
        # Outside the loops: no collective runs inside one.
        candidates = gather_views(z)
        itself, match = positions(rows // 2)
        if negatives is not None:
            candidates = tf.concat([candidates, negatives], 0)  # [M, d]

        def logits(anchors, *masked):
            s = tf.matmul(anchors / temperature, candidates, transpose_b=True)
            if bias is not None:
                zeros = tf.zeros([s.shape[1] - num_negatives], s.dtype)
                s = tf.nn.bias_add(s, tf.concat([zeros, bias], 0))
            # A scatter of B numbers is done in place; a mask is another [B, M].
            row = tf.range(s.shape[0])
            index = tf.concat([tf.stack([row, x], 1) for x in masked], 0)
            far = tf.fill([len(masked) * s.shape[0]], tf.cast(-1e9, s.dtype))
            return tf.tensor_scatter_nd_update(s, index, far)

        def forward(anchors, itself, match):
            s = logits(anchors, itself)  # [B, M]
            nearest, top = _argmax(s)
            of_match = tf.gather(s, match, axis=1, batch_dims=1)
            # The row's own maximum: a shift by 1/T underflows at a small T.
            total = tf.reduce_sum(tf.exp(s - top[:, None]), 1)
            loss = tf.math.log(total) + (top - of_match)
            hit = tf.cast(nearest == match, s.dtype)
            return loss, hit, loss + of_match

        losses, hits, lse = _map_strips(
            forward, [z, itself, match], count=count, outputs=3
        )
        all_lse = gather_views(lse[:, None])[:, 0]  # [2N]

        def gradient(w, _):
            all_w = gather_views(w[:, None])[:, 0]
            # exp(S - inf) = 0: no anchor of the negatives meets ours.
            of_column = tf.pad(
                all_lse, [[0, num_negatives]], constant_values=math.inf
            )
            w_of_column = tf.pad(all_w, [[0, num_negatives]])

            def backward(anchors, itself, match, lse, w):
                s = logits(anchors, itself, match)
                p = w[:, None] * tf.exp(s - lse[:, None])
                p += w_of_column * tf.exp(s - of_column)
                return tf.matmul(p, candidates)

            dz = _map_strips(backward, [z, itself, match, lse, w], count=count)
            # From the loss, which has lost no digits to lse: at a small T the
            # difference exp(S_jm - lse_j) - 1 has none left near 0.
            pull = -w * tf.math.expm1(-losses)
            # The match is the other view, half of the rows away.
            pull += tf.roll(pull, rows // 2, axis=0)
            dz -= pull[:, None] * tf.roll(z, rows // 2, axis=0)
            return dz / temperature

        return (losses, hits), gradient

    return terms(z)


def _argmax(s):
    """The first greatest of each row, found through maxima of groups.

    tf.argmax of whole rows is the slowest pass over a strip, above all in XLA.

    Args:
        s: [B, M].

    Returns:
        int32 [B] and [B]: column and value.
    """
    width = math.gcd(s.shape[1], 128)
    groups = tf.reshape(s, [s.shape[0], -1, width])
    group = tf.argmax(tf.reduce_max(groups, 2), 1, output_type=tf.int32)
    inside = tf.gather(groups, group, axis=1, batch_dims=1)  # [B, width]
    column = group * width + tf.argmax(inside, 1, output_type=tf.int32)
    return column, tf.reduce_max(inside, 1)


def _map_strips(function, tensors, *, count, outputs=None):
    """Applies `function` to strips of rows, one after another.

    Args:
        function: of strips [B, ...] of the tensors; returns tensors [B, ...].
        tensors: list of [rows, ...], the first in the dtype of the results.
        count: how many strips.
        outputs: how many tensors `function` returns in a tuple; None: one, and
            no tuple.

    Returns:
        What `function` returns, [rows, ...].
    """
    rows, dtype = tensors[0].shape[0], tensors[0].dtype
    size = math.ceil(rows / count)
    extra = count * size - rows  # Fewer than `count`; their results are cut.

    def cut(x):
        x = tf.concat([x, x[:extra]], 0)
        return tf.reshape(x, [count, size, *x.shape[1:]])

    results = tf.map_fn(
        lambda strips: function(*strips),
        [cut(x) for x in tensors],
        parallel_iterations=1,  # Strips side by side would all be in memory.
        fn_output_signature=dtype if outputs is None else (dtype,) * outputs,
    )
    return tf.nest.map_structure(
        lambda y: tf.reshape(y, [count * size, *y.shape[2:]])[:rows], results
    )
