"""What a teacher costs: asked at every step, or once an image.

    python benchmarks/cached_teacher.py --teacher=runs/teacher --width=0.125

Steps of the same student on the same ready-made views alternate in one process,
with the teacher in the step and with its answers in the batch; a third function
is the teacher's one look at a batch of images, which the cache costs once. The
medians and their ratios are printed.
"""

import argparse
import dataclasses
import os

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from simclr.config import Classifier, Distill
from simclr.inference.speed import images_per_second
from simclr.models import classifier
from simclr.runs import classes, weights
from simclr.training.tasks import Distill as Task


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--precision", default="float32", help="the student's")
    arguments = parser.parse_args()
    teacher = weights.load_classifier(arguments.teacher)
    n, size = arguments.batch_size, teacher.config.data.image_size
    rng = np.random.default_rng(0)
    k = teacher.num_classes
    batch = {
        "view1": rng.random([n, size, size, 3], np.float32),
        "label": np.full([n], -1, np.int32),
        "replaced": np.zeros([n], np.int32),
    }
    answers = rng.dirichlet([1] * k, n).astype(np.float32)
    batches = {
        "in the step": batch,
        "cached": batch | {"target": answers},
        "one look": batch,
    }
    functions = {
        "in the step": student(teacher.config, arguments, cache=False),
        "cached": student(teacher.config, arguments, cache=True),
        "one look": look(teacher),
    }
    speeds = images_per_second(
        {name: caller(f, batches[name]) for name, f in functions.items()},
        {name: batch["view1"] for name in functions},
    )
    for name, speed in speeds.items():
        print(f"{name:12} {speed:8.0f} images/s")
    gain = speeds["cached"] / speeds["in the step"]
    print(f"cached / in the step: {gain:.2f}x")
    # Seconds per image: what the cache costs, over what it saves an epoch.
    cost = 1 / speeds["one look"]
    saved = 1 / speeds["in the step"] - 1 / speeds["cached"]
    print(f"the cache pays after {cost / saved:.2f} epochs")


def student(config, arguments, cache):
    """A student's training step."""
    config = dataclasses.replace(
        config,
        task="distill",
        batch_size=arguments.batch_size,
        model=dataclasses.replace(config.model, width=arguments.width),
        classifier=Classifier(from_layer=0),
        distill=Distill(teachers=(arguments.teacher,), cache=cache),
        train=dataclasses.replace(config.train, precision=arguments.precision),
    )
    num_classes = classes.describe(arguments.teacher)[2]
    task = Task(config, num_examples=50_000, num_classes=num_classes)
    return tf.function(lambda batch: task.step(batch)["loss"])


def look(teacher):
    """The teacher's probabilities of a batch."""
    return tf.function(
        lambda batch: classifier.probabilities([teacher.model], batch["view1"])
    )


def caller(function, batch):
    """A function of nothing that matters: the batch is ready as tensors."""
    batch = {name: tf.constant(x) for name, x in batch.items()}
    return lambda _: function(batch).numpy()


if __name__ == "__main__":
    main()
