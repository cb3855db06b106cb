"""The backbones side by side: parameters, speed, memory of a TPU, a trial run.

    python benchmarks/backbones.py --out=docs/backbones.jsonl

Cells of a row, each in a process of its own and a line of --out: run it again
after a stop, and what is there is kept (delete a line to measure it again).

    parameters  at 224 pixels, and features
    speed       images/s of a pretraining step, --size pixels, --batch images
    compiled    memory of a v5e-8's chip for SimCLR's step at 224 pixels, 1,024
                images, mixed_bfloat16: simclr compile --nosearch --nocode
    trial       --seconds of pretraining on the sample (28 pixels, ConvNeXt 32;
                batch 128, ImageNet's stem), as many epochs as fit by the step's
                speed; then kNN on 1,000 held-out images, and before training

The table is printed as Markdown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CELLS = ("parameters", "speed", "compiled", "trial")
RESNETS = {
    f"resnet{depth}": [
        f"model.depth={depth}",
        "model.width=1",
        "model.stem=auto",
    ]
    for depth in (18, 50)
}
GIB = 2**30


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="docs/backbones.jsonl")
    parser.add_argument("--cells", nargs="*", default=CELLS, choices=CELLS)
    parser.add_argument("--names", nargs="*", default=names())
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        cell = {"speed": speed, "trial": trial}.get(arguments.one)
        [name] = arguments.names
        facts = cell(name, arguments) if cell else WHOLE[arguments.one](name)
        print(json.dumps(facts))
        return
    for cell in arguments.cells:
        for name in arguments.names:
            if (name, cell) not in read(arguments.out):
                measure(name, cell, arguments)
    print(table(read(arguments.out)))


def names():
    from simclr.models import backbones

    return [*RESNETS, *(n for n in backbones.BACKBONES if n != "resnet")]


def measure(name, cell, arguments):
    """One cell in a process of its own; its last line is the facts."""
    words = [
        f"--{k}={getattr(arguments, k)}" for k in ("size", "batch", "seconds")
    ]
    command = [sys.executable, __file__, "--one", cell, "--names", name, *words]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{name} {cell} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return
    facts = json.loads(done.stdout.strip().splitlines()[-1])
    row = {"name": name, "cell": cell, **facts}
    print(row, f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    with open(arguments.out, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read(path):
    """Dict of (name, cell) -> facts."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {(row["name"], row["cell"]): row for row in rows}


def settings(name):
    return RESNETS.get(name, [f"model.name={name}"])


def parameters(name):
    from simclr import config as config_lib
    from simclr.models import backbones
    from simclr.models.variables import count_parameters

    model = config_lib.override(
        config_lib.Config(), [*settings(name), "data.image_size=224"]
    ).model
    encoder = backbones.build_encoder(model)
    return {
        "words": backbones.describe(model),
        "parameters": count_parameters({"encoder": encoder}),
        "features": encoder.output["h"].shape[-1],
    }


def speed(name, arguments, steps=5):
    """Images/s of the step without the input pipeline; two steps warm it."""
    return {
        "images_per_second": images_per_second(
            [*settings(name), f"data.image_size={arguments.size}"],
            arguments.batch,
            arguments.size,
            steps,
        ),
        "size": arguments.size,
        "batch": arguments.batch,
    }


def images_per_second(overrides, batch_size, size, steps):
    import numpy as np
    import tensorflow as tf

    from simclr import config as config_lib
    from simclr.training.tasks import Pretrain

    config = config_lib.override(
        config_lib.Config(optimizer=config_lib.Optimizer(name="sgd")),
        [*overrides, f"batch_size={batch_size}"],
    )
    task = Pretrain(config, num_examples=50_000)
    step = tf.function(lambda batch: task.step(batch)["loss"])
    rng = np.random.default_rng(0)
    views = rng.random([2, batch_size, size, size, 3], np.float32)
    batch = {
        "view1": tf.constant(views[0]),
        "view2": tf.constant(views[1]),
        "label": tf.fill([batch_size], -1),
        "replaced": tf.zeros([batch_size], tf.int32),
    }
    for _ in range(2):
        step(batch)
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        step(batch).numpy()
        seconds.append(time.perf_counter() - started)
    return batch_size / min(seconds)  # What the other jobs left alone.


def compiled(name):
    recipe = os.path.join(HERE, "..", "configs", "imagenet_resnet50.py")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "facts.json")
        command = [
            *(sys.executable, "-m", "simclr", "compile"),
            *(f"--config={recipe}", "--topology=v5e-8", f"--out={path}"),
            *("--nosearch", "--nocode", "--images=1281167", "--classes=1000"),
            *("--set=batch_size=1024", "--set=train.precision=mixed_bfloat16"),
            *(f"--set={text}" for text in settings(name)),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if not os.path.exists(path):
            raise RuntimeError(done.stderr[-2000:])
        with open(path, encoding="utf-8") as file:
            [facts] = json.load(file)
    return {"gib": facts["needed_gib"], "batch": facts["batch_size"]}


def trial(name, arguments):
    """The optimizer is the one that suits: AdamW for what has no batch norm."""
    sets = [*settings(name), "model.head_layers=2"]
    if name.startswith(("vit", "convnext")):
        sets += ["optimizer.name=adamw", "optimizer.base_lr=1e-3"]
        sets += ["optimizer.weight_decay=0.1"]
    if name.startswith("vit"):
        sets += ["model.patch=7"]
    else:
        # At a full-size stem a step of some nets takes a minute on two cores.
        sets += ["model.stem=imagenet"]
    size = 32 if name == "convnext_tiny" else 28  # The least that it takes.
    rate = images_per_second([*sets, f"data.image_size={size}"], 128, size, 3)
    epochs = round(arguments.seconds * rate / 12_000, 2)
    texts = [
        *sets,
        *(f"data.image_size={size}", "batch_size=128"),
        *(f"epochs={epochs}", f"optimizer.warmup_epochs={epochs / 10}"),
        *("train.eval_images=1000", "train.checkpoint_epochs=1000"),
        "train.eval_epochs=1000",
    ]
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [
            *(sys.executable, "-m", "simclr", "pretrain"),
            f"--config={os.path.join(HERE, '../configs/sample_resnet18.py')}",
            f"--workdir={run}",
            *(f"--set={text}" for text in texts),
        ]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - started
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        with open(os.path.join(run, "metrics.jsonl")) as file:
            rows = [json.loads(line) for line in file]
    return {
        "untrained_knn": next(
            row["untrained_knn"] for row in rows if "untrained_knn" in row
        ),
        "knn": [row["knn"] for row in rows if "knn" in row][-1],
        "epochs": epochs,
        "seconds": seconds,
    }


def table(cells):
    """Markdown; what has not been measured stays empty."""
    lines = [
        "| `model.name` | net | parameters | features | images/s "
        "| GiB a chip | epochs | kNN, untrained | kNN |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in cells):
        row = {}
        for cell in CELLS:
            row |= cells.get((name, cell), {})
        shown = [
            f"`{name}`",
            row.get("words", ""),
            f"{row['parameters']:,}" if "parameters" in row else "",
            f"{row['features']:,}" if "features" in row else "",
            f"{row['images_per_second']:.1f}"
            if "images_per_second" in row
            else "",
            f"{row['gib']:.2f}" if "gib" in row else "",
            f"{row['epochs']:g}" if "epochs" in row else "",
            f"{100 * row['untrained_knn']:.1f}"
            if "untrained_knn" in row
            else "",
            f"{100 * row['knn']:.1f}" if "knn" in row else "",
        ]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


WHOLE = {"parameters": parameters, "compiled": compiled}

if __name__ == "__main__":
    main()
