"""The rows of each step's global batch, shared among the replicas.

Shapes: N = images in the global batch, n = images per replica.
"""

import tensorflow as tf


def of_pipeline(
    rows_of, context, *, replicas, batch_size, first_step, last_step
):
    """The rows of an input pipeline's replicas, in order of step, then replica.

    Args:
        rows_of: function of a step to the rows of its global batch: a nest of
            tensors [N, ...].
        context: tf.distribute.InputContext.
        replicas: int, of all pipelines.
        batch_size: N.
        first_step, last_step: ints, the step of the first batch, and one past
            that of the last.

    Returns:
        tf.data Dataset of such nests of [n, ...].
    """
    local, n = _local(context, replicas), batch_size // replicas
    first_row = context.input_pipeline_id * local * n

    def cut(step):
        return tf.nest.map_structure(
            lambda x: tf.reshape(
                x[first_row : first_row + local * n], [local, n, *x.shape[1:]]
            ),
            rows_of(step),
        )

    return tf.data.Dataset.range(first_step, last_step).map(cut).unbatch()


def ready(dataset, context, replicas):
    """A Dataset of batches of replicas, made ahead and without tuning."""
    ahead = dataset.prefetch(2 * _local(context, replicas))
    return ahead.with_options(_options())


def _local(context, replicas):
    """How many of the replicas an input pipeline feeds."""
    return replicas // context.num_input_pipelines


def _options():
    """What TensorFlow does with the data set beside making the batches."""
    options = tf.data.Options()
    # No tuning: the thread that does so may sleep for a minute before it sees
    # that its iterator is being destroyed (docs/design.md).
    options.autotune.enabled = False
    # The first batches are made while the step is traced.
    options.experimental_warm_start = True
    return options
