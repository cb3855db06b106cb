"""Images per second of our CIFAR-10 training step against a PyTorch loop's.

    pip install torch; python benchmarks/step_against_torch.py

Both train the same narrow ResNet-18 (CIFAR stem, width 0.25, 2-layer head,
NT-Xent, SGD with momentum) on the same number of random images, on all cores,
in float32 or (--bfloat16) in mixed precision; steps alternate in one process
and the medians' ratio is printed. PyTorch is the plain way: torch.nn modules in
channels_last, autocast for mixed precision, no compilation; --compile adds it.
"""

import argparse
import dataclasses
import os
import time

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# First, with Triton, which ends a process that has TensorFlow's LLVM already.
import torch
import torch._dynamo

# isort: split
import numpy as np
import tensorflow as tf
from torch import nn
from torch.nn import functional

from simclr import config as config_lib
from simclr.training.tasks import Pretrain


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/cifar10_resnet18_cpu.py")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--image_size", type=int, default=0)
    parser.add_argument("--width", type=float, default=0.0)
    parser.add_argument("--batch_size", type=int, default=0)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    config = config_lib.load(arguments.config)
    precision = "mixed_bfloat16" if arguments.bfloat16 else "float32"
    width = arguments.width or config.model.width
    n = arguments.batch_size or config.batch_size
    config = dataclasses.replace(
        config,
        batch_size=n,
        model=dataclasses.replace(config.model, width=width),
        train=dataclasses.replace(config.train, precision=precision),
    )
    size = arguments.image_size or config.data.image_size
    views = np.random.default_rng(0).random((2, n, size, size, 3), np.float32)
    steps = {
        "simclr": tensorflow_step(config, views),
        "torch": torch_step(
            width, views, arguments.bfloat16, arguments.compile
        ),
    }
    seconds = {name: [] for name in steps}
    for step in steps.values():  # Tracing and warm-up.
        step()
        step()
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: np.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:7} {n / median:7.1f} images/s (two views each)")
    print(f"simclr / torch: {medians['torch'] / medians['simclr']:.2f}x")


def tensorflow_step(config, views):
    """Our task's own step on ready-made views."""
    task = Pretrain(config, num_examples=50_000, num_classes=0)
    n = config.batch_size
    batch = {
        "view1": tf.constant(views[0]),
        "view2": tf.constant(views[1]),
        "label": tf.fill([n], -1),
        "replaced": tf.zeros([n], tf.int32),
    }
    step = tf.function(task.step)
    return lambda: step(batch)["loss"].numpy()


def torch_step(width, views, bfloat16, compiled):
    """A plain PyTorch SimCLR step of the same net."""
    channels = round(64 * width)
    encoder = TorchResNet18(channels)
    head = nn.Sequential(
        nn.Linear(8 * channels, 8 * channels, bias=False),
        nn.BatchNorm1d(8 * channels),
        nn.ReLU(),
        nn.Linear(8 * channels, 128, bias=False),
        nn.BatchNorm1d(128),
    )
    model = nn.Sequential(encoder, head).to(memory_format=torch.channels_last)
    net = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True
    )
    images = torch.from_numpy(np.concatenate(views)).permute(0, 3, 1, 2)
    images = images.contiguous(memory_format=torch.channels_last)
    count = len(images)
    match = torch.arange(count).roll(count // 2)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            z = net(images)
        z = functional.normalize(z.float())
        logits = z @ z.T / 0.2 - 1e9 * torch.eye(count)
        loss = functional.cross_entropy(logits, match)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


class TorchResNet18(nn.Module):
    """ResNet-18 with a CIFAR stem and a projection in every group."""

    def __init__(self, channels):
        super().__init__()
        layers = [
            nn.Conv2d(3, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
        before = channels
        for group in range(4):
            after = channels * 2**group
            stride = 1 if group == 0 else 2
            layers += [
                TorchBlock(before, after, stride, shortcut=True),
                TorchBlock(after, after, 1, shortcut=False),
            ]
            before = after
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x).mean((2, 3))


class TorchBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, before, after, stride, shortcut):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Identity()
        if shortcut:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False),
                nn.BatchNorm2d(after),
            )

    def forward(self, x):
        return functional.relu(self.main(x) + self.shortcut(x))


if __name__ == "__main__":
    main()
