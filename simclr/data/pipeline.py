"""Records -> views -> batches per replica, from any step on.

Shapes: N = images in the global batch, n = images per replica, s = side.
"""

import tensorflow as tf

from simclr.data import augment, colour, crop, order


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
            rows = _rows(reader, step, seed=seed, batch_size=batch_size)
            return tf.nest.map_structure(
                lambda x: x[first_row : first_row + local * n], rows
            )

        examples = (
            tf.data.Dataset.range(first_step, last_step)
            .map(rows_of)
            .unbatch()
            .map(
                lambda row: _load(reader, row, image_size, settings.crop_area),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
        )
        batches = examples.batch(n, drop_remainder=True)
        if not on_device:
            batches = batches.map(
                lambda batch: _coloured(batch, settings),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
        return batches.prefetch(2 * local)

    return strategy.distribute_datasets_from_function(dataset)


def sample_views(reader, *, seed, step, count, image_size, settings):
    """The two views of the first `count` rows of a step, for looking at.

    Args:
        reader: Reader of the source.
        seed: int.
        step: int; a step past the last gives views never trained on.
        count: number of images.
        image_size: side, pixels.
        settings: config.Augment.

    Returns:
        (view1, view2): float32 arrays [count, s, s, 3] in [0, 1].
    """
    batches = training_batches(
        reader,
        tf.distribute.get_strategy(),
        seed=seed,
        batch_size=count,
        image_size=image_size,
        settings=settings,
        on_device=False,
        first_step=step,
        last_step=step + 1,
    )
    batch = next(iter(batches))
    return batch["view1"].numpy(), batch["view2"].numpy()


def _rows(reader, step, *, seed, batch_size):
    """What the rows of a step's global batch are: index and draws."""
    index = order.batch_indices(
        step,
        seed=seed,
        num_examples=len(reader.source),
        batch_size=batch_size,
        block_size=reader.source.block_size,
    )
    draws = augment.draw(step, seed=seed, batch_size=batch_size)
    return {"index": index, "draws": draws}


def _load(reader, row, image_size, crop_area):
    """One decode, two crops."""
    image, label, replaced = tf.numpy_function(
        reader.load_labelled,
        [row["index"]],
        (tf.uint8, tf.int32, tf.int32),
        stateful=False,
    )
    views = crop.random_crops(
        tf.ensure_shape(image, [None, None, 3]),
        row["draws"]["crop_seeds"],
        row["draws"]["flip"],
        size=image_size,
        area=crop_area,
    )
    return {
        "view1": views[0],
        "view2": views[1],
        "draws": row["draws"],
        "label": tf.ensure_shape(label, []),
        "replaced": tf.ensure_shape(replaced, []),
    }


def _coloured(batch, settings):
    """A batch with its colour work done here, on the host."""
    draws = batch.pop("draws")
    view1, view2 = colour.colour_views(
        batch["view1"], batch["view2"], draws, settings, one_by_one=True
    )
    return {**batch, "view1": view1, "view2": view2}
