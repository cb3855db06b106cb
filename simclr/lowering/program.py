"""A config's training step as the program of one replica among many."""

import dataclasses

import keras
import tensorflow as tf

from simclr import collectives
from simclr import config as config_lib
from simclr.data import batches, stored_batches
from simclr.data.views import colour, device_crop, device_views
from simclr.lowering import xla
from simclr.messages.errors import InputError
from simclr.models import dtypes


@dataclasses.dataclass(frozen=True)
class Program:
    """A training step, lowered.

    Attributes:
        hlo: bytes, a serialized HLO module. Its parameters are the flattened
            batch, then `variables`; its results those in `results`, then the
            updated variables.
        graph: tf.Graph that it was lowered from.
        results: names of what the step returns, in order.
        variables: list of tf.Variable that it reads.
        updated: list of int, which of them it writes.
    """

    hlo: bytes
    graph: tf.Graph
    results: list
    variables: list
    updated: list


def lower_task(task, *, replicas, on_device=True):
    """Lowers the very step that simclr/training/loop.py repeats.

    Augmentation of the views' colours, encoder, batch norm over all replicas,
    loss over the global batch, optimizer; with train.microbatch, gradient
    caching.

    Args:
        task: a task that was built outside any strategy.
        replicas: R.
        on_device: bool, colour the views in the step.

    Returns:
        Program.

    Raises:
        InputError: a batch that the replicas cannot share, or an operation
            that XLA cannot run, with the line that made it.
    """
    config = task.config
    n = _rows_of_a_replica(config, replicas)
    spec = batches.batch_spec(
        n,
        image_size=config.data.image_size,
        on_device=on_device,
        augment=config.augment,
        views=task.views,
        target_dims=task.target_dims,
        planes=config.model.extra_planes,
    )
    return _lower(
        lambda batch: task.train_step(xla.InReplica(), batch),
        spec,
        replicas=replicas,
        precision=config.train.precision,
    )


def lower_with_crops(task, *, replicas, side):
    """Lowers the step with all that comes before it but the images.

    Takes stored images and cuts the views out itself
    (data/views/device_views.py).

    Args:
        task: a task that was built outside any strategy.
        replicas: R.
        side: S of the stored images, pixels.

    Returns:
        Program, whose batch is that of stored_batches.batch_spec.

    Raises:
        InputError: as lower_task, or an operation of the views that has no form
            for a device.
    """
    config = task.config
    colour.require_compiled(config.augment)
    n = _rows_of_a_replica(config, replicas)

    def step(batch):
        share = device_views.with_views(
            batch,
            first_row=collectives.replica_id() * n,
            seed=config.seed,
            batch_size=config.batch_size,
            size=config.data.image_size,
            views=config.augment.views,
            count=task.views,
        )
        return task.train_step(xla.InReplica(), share)

    spec = stored_batches.batch_spec(
        n,
        side=side,
        target_dims=task.target_dims,
        planes=config.model.extra_planes,
    )
    return _lower(
        step, spec, replicas=replicas, precision=config.train.precision
    )


def lower_encoder(config, encoder, *, rows, side):
    """Lowers an encoder as evaluation runs it, for one device.

    Args:
        config: Config of the encoder's run.
        encoder: Keras model, built outside any strategy.
        rows: n, images in a batch.
        side: S of the stored images, pixels.

    Returns:
        Program, whose batch is "boxes" int32 [n, 4], each image's part that is
        seen (center_crop.seen), and "images" uint8 [n, S, S, 3]; its one result
        "h" is float32 [n, f].
    """
    size = config_lib.eval_image_size(config)

    def embed(batch):
        views = device_crop.resize(batch["images"], batch["boxes"], size=size)
        views = tf.clip_by_value(views / 255.0, 0.0, 1.0)
        h = encoder(
            tf.cast(views, dtypes.compute_dtype(config.train.precision)),
            training=False,
        )["h"]
        return {"h": tf.cast(h, tf.float32)}

    images = {
        "images": tf.TensorSpec([rows, side, side, 3], tf.uint8),
        "boxes": tf.TensorSpec([rows, 4], tf.int32),
    }
    return _lower(embed, images, replicas=1, precision=config.train.precision)


def lower_net(function, shape, *, replicas):
    """Lowers a net in inference mode, as one of many devices runs it.

    Args:
        function: from float32 images of `shape` to [n, f]; its variables were
            made outside any strategy.
        shape: (n, h, w, 3), a device's share of a batch.
        replicas: R.

    Returns:
        Program, whose batch is "images" and whose one result "rows" is float32
        [n, f].
    """
    return _lower(
        lambda batch: {"rows": tf.cast(function(batch["images"]), tf.float32)},
        {"images": tf.TensorSpec(shape, tf.float32)},
        replicas=replicas,
        precision=keras.config.dtype_policy().name,
    )


def _rows_of_a_replica(config, replicas):
    """n; InputError where the replicas cannot share a batch."""
    for name, images in (
        ("batch_size", config.batch_size),
        ("train.microbatch", config.train.microbatch),
    ):
        if images % replicas:
            raise InputError(
                f"{name}={images} does not divide by {replicas} replicas."
            )
    return config.batch_size // replicas


def _lower(function, spec, *, replicas, precision):
    """The Program of a function of one batch to a dict."""
    with dtypes.precision(precision):
        function = xla.replica_function(function, [spec], num_replicas=replicas)
        hlo = xla.hlo(function, [spec], stage="hlo_serialized")
        traced = function.get_concrete_function(*tf.nest.flatten(spec))
    variables, updated = xla.variables(traced)
    return Program(
        hlo=hlo,
        graph=traced.graph,
        results=sorted(traced.structured_outputs),
        variables=variables,
        updated=updated,
    )
