"""Records -> views -> batches per replica, from any step on.

Shapes: N = images in the global batch, n = images per replica, s = side.
"""

import tensorflow as tf

from simclr.data import augment, crop, order

# Neighbours that are read together where a random read is dear (gs://).
_DEAR_BLOCK = 256


def training_batches(
    reader,
    strategy,
    *,
    seed,
    batch_size,
    image_size,
    settings,
    on_device,
    first_step,
    last_step,
):
    """Batches of steps first_step .. last_step - 1, spread over the replicas.

    Everything random is a function of (seed, step, row of the global batch),
    so that neither the number of replicas nor where a run was resumed changes
    a pixel.

    Args:
        reader: Reader of the source.
        strategy: tf.distribute strategy.
        seed: int.
        batch_size: N; a multiple of the number of replicas.
        image_size: s, side of a view in pixels.
        settings: config.Augment.
        on_device: leave colour to the compiled step: views stay uint8 and the
            batch carries their "draws".
        first_step: int, the step of the first batch.
        last_step: int, one past the last.

    Returns:
        Distributed dataset of dicts: "view1" and "view2" [n, s, s, 3], float32
        in [0, 1] or uint8, "label" int32 [n], "replaced" int32 [n], and
        "draws" where colour is left to the device.

    Raises:
        ValueError: batch_size does not divide by the replicas, or is more than
            the images.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f"batch_size={batch_size} does not divide by {replicas} replicas."
        )
    num_examples = len(reader.source)
    if batch_size > num_examples:
        raise ValueError(
            f"batch_size={batch_size} is more than the {num_examples} images; "
            "an image would be its own negative. Lower batch_size."
        )

    def dataset(context):
        """This worker's replicas' batches, in order of step, then replica."""
        local = replicas // context.num_input_pipelines
        n = batch_size // replicas
        first_row = context.input_pipeline_id * local * n

        def rows_of(step):
            index = order.batch_indices(
                step,
                seed=seed,
                num_examples=num_examples,
                batch_size=batch_size,
                block_size=(
                    _DEAR_BLOCK if reader.source.dear_random_reads else 1
                ),
            )
            draws = augment.draw(step, seed=seed, batch_size=batch_size)
            rows = {"index": index, "draws": draws}
            return tf.nest.map_structure(
                lambda x: x[first_row : first_row + local * n], rows
            )

        def load(row):
            image, label, replaced = tf.numpy_function(
                reader.load_labelled,
                [row["index"]],
                (tf.uint8, tf.int32, tf.int32),
                stateful=False,
            )
            image.set_shape([None, None, 3])
            views = crop.random_crops(
                image,
                row["draws"]["crop_seeds"],
                row["draws"]["flip"],
                size=image_size,
                area=settings.crop_area,
            )
            example = {
                "view1": views[0],
                "view2": views[1],
                "draws": row["draws"],
                "label": tf.ensure_shape(label, []),
                "replaced": tf.ensure_shape(replaced, []),
            }
            return example

        batches = (
            tf.data.Dataset.range(first_step, last_step)
            .map(rows_of, num_parallel_calls=1)
            .unbatch()
            .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(n, drop_remainder=True)
        )
        return batches.prefetch(2 * local)

    return strategy.distribute_datasets_from_function(dataset)
