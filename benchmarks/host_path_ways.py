"""Ways from a folder of JPEGs to pairs of views, for host_path.py.

    python benchmarks/host_path_ways.py WAY FOLDER SIZE COUNT KEPT

makes its way ready, then goes once through COUNT images for every line that
comes on its input and prints CPU-seconds and seconds, one JSON line a time.
What is done once a run is not counted: tf.data takes a third of a second to
make an iterator. Every way stands for itself, because they need different
environments. With KEPT = 1 images lie decoded in memory, as those of a small
data set do.

Crops are SimCLR's (areas of .08 to 1 of the image), "all" is its whole
augmentation for ImageNet: jitter of strength 1 in four images of five, gray in
one of five, a blur of sigma .1 to 2 in one of two.
"""

import glob
import importlib
import itertools
import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
BATCH = 100


def ours(files, size, count, kept, colours):
    """training_batches of the simclr that is on PYTHONPATH."""
    import tensorflow as tf

    from simclr.config import Augment

    cache = 1 << 30 if kept else 0
    try:
        from simclr.data.batches import training_batches
        from simclr.data.images import reader as readers
        from simclr.data.sources.registry import open_source

        own = {"augment": Augment(), "replicas": 1}
        of_reader = {"cache_bytes": cache}
        strategy = ()
    except ImportError:  # At commit a173f9f.
        names = ("pipeline", "reader", "sources")
        pipeline, readers, sources = (
            importlib.import_module(f"simclr.data.{name}") for name in names
        )
        training_batches = pipeline.training_batches
        open_source = sources.open_source
        own = {"settings": Augment()}
        of_reader, readers._CACHE_BYTES = {}, cache
        strategy = (tf.distribute.get_strategy(),)
    folder = os.path.commonpath(list(map(os.path.dirname, files)))
    batch = min(BATCH, count)
    batches = training_batches(
        readers.Reader(open_source(folder), **of_reader),
        *strategy,
        seed=0,
        batch_size=batch,
        image_size=size,
        on_device=not colours,
        first_step=0,
        last_step=count // batch,
        **own,
    )
    if not strategy:
        batches = batches(tf.distribute.InputContext())

    return lambda: iter(batches)


def published(files, size, count, kept, colours):
    """SimCLR's own design, whole in tf.data: an image at a time, in float32.

    Its blur runs on the device, for a batch; here it runs on the host, an
    image at a time.
    """
    import tensorflow as tf

    def crop(image):
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(image),
            bounding_boxes=tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
            min_object_covered=0.1,
            aspect_ratio_range=(3 / 4, 4 / 3),
            area_range=(0.08, 1.0),
            max_attempts=100,
            use_image_if_no_bounding_boxes=True,
        )
        image = tf.slice(image, begin, extent)
        image = tf.image.resize(image, [size, size], method="bicubic")
        return tf.image.random_flip_left_right(image)

    def jitter(x):
        changes = [
            lambda x: x * tf.random.uniform([], 0.2, 1.8),
            lambda x: tf.image.random_contrast(x, 0.2, 1.8),
            lambda x: tf.image.random_saturation(x, 0.2, 1.8),
            lambda x: tf.image.random_hue(x, 0.2),
        ]
        order = tf.random.shuffle(tf.range(4))
        for i in range(4):
            branches = [lambda f=f, x=x: f(x) for f in changes]
            x = tf.clip_by_value(tf.switch_case(order[i], branches), 0.0, 1.0)
        return x

    def gray(x):
        return tf.tile(tf.image.rgb_to_grayscale(x), [1, 1, 3])

    def blur(x):
        radius = size // 20
        sigma = tf.random.uniform([], 0.1, 2.0)
        kernel = tf.exp(-(tf.range(-radius, radius + 1.0) ** 2) / 2 / sigma**2)
        kernel = tf.tile(
            tf.reshape(kernel / tf.reduce_sum(kernel), [1, -1, 1, 1]),
            [1, 1, 3, 1],
        )
        x = tf.nn.depthwise_conv2d(x[None], kernel, [1] * 4, "SAME")
        kernel = tf.transpose(kernel, [1, 0, 2, 3])
        return tf.nn.depthwise_conv2d(x, kernel, [1] * 4, "SAME")[0]

    def maybe(probability, change, x):
        chosen = tf.random.uniform([]) < probability
        return tf.cond(chosen, lambda: change(x), lambda: x)

    def view(image):
        x = crop(image)
        if colours:
            x = maybe(0.2, gray, maybe(0.8, jitter, x))
            x = maybe(0.5, blur, x)
        return tf.clip_by_value(tf.reshape(x, [size, size, 3]), 0.0, 1.0)

    def load(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.convert_image_dtype(image, tf.float32)
        return view(image), view(image)

    names = list(itertools.islice(itertools.cycle(files), count))
    batches = (
        tf.data.Dataset.from_tensor_slices(names)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(min(BATCH, count))
        .prefetch(2)
    )

    return lambda: iter(batches)


def albumentations(files, size, count, kept, colours):
    """albumentations and OpenCV, in a loop."""
    import albumentations as A
    import cv2

    cv2.setNumThreads(0)
    steps = [
        A.RandomResizedCrop(
            (size, size), scale=(0.08, 1.0), interpolation=cv2.INTER_CUBIC
        ),
        A.HorizontalFlip(p=0.5),
    ]
    if colours:
        wide = (0.2, 1.8)
        steps += [
            A.ColorJitter(wide, wide, wide, (-0.2, 0.2), p=0.8),
            A.ToGray(p=0.2),
            A.GaussianBlur(0, (0.1, 2.0), p=0.5),
        ]
    transform = A.Compose(steps)

    def go():
        for path in itertools.islice(itertools.cycle(files), count):
            image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
            yield [transform(image=image)["image"] for _ in range(2)]

    return go


def albumentations_float32(files, size, count, kept, colours):
    """The same, its views as a step takes ours: float32 batches in [0, 1]."""
    import numpy as np

    pairs = albumentations(files, size, count, kept, colours)

    def go():
        views = iter(pairs())
        while part := list(itertools.islice(views, BATCH)):
            for view in zip(*part):
                batch = np.empty([len(part), size, size, 3], np.float32)
                for row, image in zip(batch, view):
                    np.multiply(image, np.float32(1 / 255), out=row)
                yield batch

    return go


def torchvision(files, size, count, kept, colours):
    """torchvision's transforms v2, on tensors, in a loop."""
    import torch
    from torchvision import io
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    steps = [
        v2.RandomResizedCrop(
            size, interpolation=v2.InterpolationMode.BICUBIC, antialias=True
        ),
        v2.RandomHorizontalFlip(),
    ]
    if colours:
        steps += [
            v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(size // 20 * 2 + 1)], 0.5),
        ]
    transform = v2.Compose(steps)

    def go():
        for path in itertools.islice(itertools.cycle(files), count):
            image = io.decode_jpeg(io.read_file(path), io.ImageReadMode.RGB)
            yield transform(image), transform(image)

    return go


def lightly(files, size, count, kept, colours):
    """lightly's SimCLRTransform, on Pillow's images, in a loop."""
    import torch
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    torch.set_num_threads(1)
    transform = SimCLRTransform(input_size=size)

    def go():
        for path in itertools.islice(itertools.cycle(files), count):
            with Image.open(path) as image:
                yield transform(image.convert("RGB"))

    return go


def decode(files, size, count, kept, colours):
    """simplejpeg's decode alone, at full size."""
    import simplejpeg

    def go():
        for path in itertools.islice(itertools.cycle(files), count):
            with open(path, "rb") as file:
                yield simplejpeg.decode_jpeg(file.read())

    return go


WAYS = {
    "ours": ours,
    "before": ours,
    "published": published,
    "albumentations": albumentations,
    "albumentations_float32": albumentations_float32,
    "torchvision": torchvision,
    "lightly": lightly,
    "decode": decode,
}


def main():
    way, folder, size, count, kept = sys.argv[1:]
    name, _, work = way.partition(":")
    files = sorted(
        glob.glob(os.path.join(folder, "**", "*.jp*g"), recursive=True)
    )
    go = WAYS[name](files, int(size), int(count), kept == "1", work == "all")
    print("ready", flush=True)
    for _ in sys.stdin:
        views = go()
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.time()
        for _ in views:
            pass
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = sum(after[:2]) - sum(before[:2])
        print(json.dumps([cpu, time.time() - start]), flush=True)


if __name__ == "__main__":
    main()
