"""Records -> views -> batches per replica, from any step on.

Shapes: N = images in the global batch, n = images per replica, s = side.
"""

import weakref

import numpy as np
import tensorflow as tf

from simclr.data import order, shares
from simclr.data.batch_rule import require_batch
from simclr.data.views import colour, host, view_draws
from simclr.data.views.crop import require_crop
from simclr.data.views.rooms import Rooms


def training_batches(
    reader,
    *,
    replicas,
    seed,
    batch_size,
    image_size,
    augment,
    on_device,
    first_step,
    last_step,
    views=2,
    targets=None,
):
    """Batches of steps first_step .. last_step - 1, for every replica.

    Everything random is a function of (seed, step, row of the global batch),
    so that neither the number of replicas nor where a run was resumed changes
    a pixel.

    Args:
        reader: Reader of the source.
        replicas: int.
        seed: int.
        batch_size: N; a multiple of the number of replicas.
        image_size: s, side of a view in pixels.
        augment: config.Augment.
        on_device: leave colour to the compiled step: views stay uint8 and the
            batch carries their "draws".
        first_step: int, the step of the first batch.
        last_step: int, one past the last.
        views: 2 views of an image for contrast, or 1 for classification.
        targets: [images, k] array, one row an image, that comes along; or None.

    Returns:
        Function of a tf.distribute.InputContext to the Dataset of that input
        pipeline: its replicas' batches, in order of step, then replica. A
        batch is a dict of "view1" and, of two views, "view2" [n, s, s, 3],
        float32 in [0, 1] or uint8, "label" int32 [n], "replaced" int32 [n],
        "target" float32 [n, k] with targets, "planes" float32 [n, p] of a
        source with p of them, and "draws" where colour is left to the device.

    Raises:
        InputError: batch_size does not divide by the replicas, or, with two
            views, is more than the images; views or crops that cannot be.
    """
    _require(reader, replicas, batch_size, image_size, augment.views[:views])

    # AutoGraph would rewrite every function below, for seconds, and change
    # nothing: no Python branch depends on a tensor.
    @tf.autograph.experimental.do_not_convert
    def dataset(context):
        """This worker's replicas' batches, in order of step, then replica."""
        n = batch_size // replicas
        rooms = Rooms()
        loader = _Loader(
            reader, rooms, image_size, augment.views[:views], targets
        )
        batches = shares.of_pipeline(
            lambda step: _rows(reader, step, seed, batch_size, augment, views),
            context,
            replicas=replicas,
            batch_size=batch_size,
            first_step=first_step,
            last_step=last_step,
        ).map(
            lambda rows: _load(loader, rows),
            num_parallel_calls=host.batches_at_once(n),
            deterministic=True,
        )
        if not on_device:
            batches = batches.map(
                lambda batch: _coloured(batch, augment, rooms),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
        return shares.ready(batches, context, replicas)

    return dataset


def batch_spec(
    rows, *, image_size, on_device, augment, views=2, target_dims=0, planes=0
):
    """What one replica gets of a batch of `training_batches`.

    Args:
        rows: n, images per replica.
        image_size, on_device, augment, views: as in `training_batches`.
        target_dims: k, where targets come along; 0: none do.
        planes: p, of a source that has them.

    Returns:
        dict of tf.TensorSpec, of static shapes.
    """
    draws = view_draws.draw(0, seed=0, batch_size=rows, views=augment.views)
    dtype = tf.uint8 if on_device else tf.float32
    spec = {
        f"view{i + 1}": tf.TensorSpec([rows, image_size, image_size, 3], dtype)
        for i in range(views)
    }
    spec["label"] = spec["replaced"] = tf.TensorSpec([rows], tf.int32)
    if on_device:
        spec["draws"] = {
            name: tf.TensorSpec([rows, views, *x.shape[2:]], x.dtype)
            for name, x in draws.items()
        }
    if target_dims:
        spec["target"] = tf.TensorSpec([rows, target_dims], tf.float32)
    if planes:
        spec["planes"] = tf.TensorSpec([rows, planes], tf.float32)
    return spec


def sample_views(reader, *, seed, step, count, image_size, augment):
    """The two views of the first `count` rows of a step, for looking at.

    Args:
        reader: Reader of the source.
        seed: int.
        step: int; a step past the last gives views never trained on.
        count: number of images.
        image_size: side, pixels.
        augment: config.Augment.

    Returns:
        (view1, view2): float32 arrays [count, s, s, 3 + p] in [0, 1], p planes
        of the source's.

    Raises:
        InputError: as of training_batches.
    """
    _require(reader, 1, count, image_size, augment.views)
    # At once: a data set of one batch takes a second to trace. On the CPU, as
    # a data set's functions are.
    with tf.device("CPU"):
        rows = _rows(reader, step, seed, count, augment, len(augment.views))
        rooms = Rooms()
        loader = _Loader(reader, rooms, image_size, augment.views)
        batch = _coloured(_load(loader, rows), augment, rooms)
    views = with_planes([batch["view1"], batch["view2"]], batch)
    return tuple(view.numpy() for view in views)


def with_planes(views, batch):
    """Views [n, s, s, 3] with a batch's planes, where it has some, behind.

    Returns:
        list of [n, s, s, 3 + p].
    """
    if "planes" not in batch:
        return views
    planes = batch["planes"][:, None, None]
    return [
        tf.concat(
            [
                view,
                tf.broadcast_to(
                    tf.cast(planes, view.dtype),
                    [*view.shape[:3], planes.shape[-1]],
                ),
            ],
            axis=-1,
        )
        for view in views
    ]


def _require(reader, replicas, batch_size, image_size, views):
    """Stops where there can be no such batches, or views or crops."""
    for view in views:
        require_crop(size=image_size, area=view.area)
    require_batch(
        reader.source,
        replicas=replicas,
        batch_size=batch_size,
        views=len(views),
    )


def _rows(reader, step, seed, batch_size, augment, views):
    """What the rows of a step's global batch are: index and draws."""
    index = order.batch_indices(
        step,
        seed=seed,
        num_examples=len(reader.source),
        batch_size=batch_size,
        block_size=reader.source.block_size,
    )
    draws = view_draws.draw(
        step, seed=seed, batch_size=batch_size, views=augment.views
    )
    draws = {name: x[:, :views] for name, x in draws.items()}
    return {"index": index, "draws": draws}


class _Loader:
    """Loads rows: a decode of each image, a crop for each of its views.

    Args:
        reader: Reader of the source.
        rooms: Rooms.
        image_size: s.
        views: list of config views.
        targets: [images, k] array or None.
    """

    def __init__(self, reader, rooms, image_size, views, targets=None):
        self._reader, self._rooms = reader, rooms
        self._image_size = image_size
        self._views, self._targets = views, targets

    def __call__(self, index, crop_seeds, flips):
        """A list of arrays, in the order of `shapes`."""
        source, targets = self._reader.source, self._targets
        images, found = host.load_views(
            self._reader,
            index,
            crop_seeds,
            flips,
            size=self._image_size,
            areas=[view.area for view in self._views],
            flip_probs=[view.flip_prob for view in self._views],
            rooms=self._rooms,
        )
        labels = source.labels
        label = np.full([len(index)], -1) if labels is None else labels[found]
        # Of the image that was loaded, as the label is.
        more = [] if targets is None else [targets[found].astype("float32")]
        if source.num_planes:
            more.append(np.stack([source.planes(i) for i in found]))
        return [
            *images,
            label.astype("int32"),
            (found != index).astype("int32"),
            *more,
        ]

    def shapes(self, n):
        """dict of what n rows give -> (shape, dtype)."""
        side, source = self._image_size, self._reader.source
        found = {
            f"view{i + 1}": ([n, side, side, 3], tf.uint8)
            for i in range(len(self._views))
        }
        found |= {"label": ([n], tf.int32), "replaced": ([n], tf.int32)}
        if self._targets is not None:
            found["target"] = ([n, self._targets.shape[1]], tf.float32)
        if source.num_planes:
            found["planes"] = ([n, source.num_planes], tf.float32)
        return found


def _load(loader, rows):
    """The rows of a replica, as a _Loader loads them."""
    shapes, draws = loader.shapes(rows["index"].shape[0]), rows["draws"]
    # TensorFlow keeps the function until the process ends. The data set keeps
    # the loader, by the function that calls this, and lets go of its images.
    held = weakref.ref(loader)
    loaded = tf.numpy_function(
        lambda *arrays: held()(*arrays),
        [rows["index"], draws["crop_seeds"], draws["flip"]],
        [dtype for _, dtype in shapes.values()],
        stateful=False,
    )
    example = {
        name: tf.ensure_shape(x, shape)
        for x, (name, (shape, _)) in zip(loaded, shapes.items())
    }
    return {**example, "draws": draws}


def _coloured(batch, augment, rooms):
    """A batch with its colour work done here, on the host."""
    draws = batch.pop("draws")
    names = [name for name in ("view1", "view2") if name in batch]
    views = colour.colour_views(
        [batch[name] for name in names], draws, augment, rooms=rooms
    )
    return {**batch, **dict(zip(names, views))}
