"""What `simclr lower` writes, on a GPU: speed, share of peak, CIFAR-10.

Here, with simclr[cpu,aot] and the photos:

    python benchmarks/lowered_runs.py prepare FOLDER \
        --cifar=CIFAR10 --photos=PHOTOS

There, with jax, NumPy and this repository, FOLDER copied to it:

    PYTHONPATH=. python benchmarks/lowered_runs.py speed FOLDER
    python FOLDER/cifar10_simclr/train.pyz

`prepare` lowers the ResNet-50 step of configs/imagenet_resnet50.py at some
batch sizes, ResNet-18's of configs/cifar10_resnet18.py at some, and runs of
200 epochs of the latter for each objective, all in bfloat16 where they may be.
`speed` compiles and times one step after the other (side by side, six took
longer than in turn), writes FOLDER/speed.json and ends with a table. A process
for each (--cells) leaves every one the whole memory.
Share of peak counts what the encoder needs for both views, forward and twice
that backward, and nothing else that the step does.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time

from simclr.pjrt import devices as jax_devices
from simclr.pjrt.image_store import ImageStore
from simclr.pjrt.runner import Lowered
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "configs")
BATCHES = {
    "imagenet_resnet50": (128, 256, 512),
    "cifar10_resnet18": (256, 512, 1024),
}
OBJECTIVES = {
    "simclr": (),
    # What suits short training of the narrow net (cifar10_resnet18_cpu.py).
    "simclr_sgd": (
        "augment.crop_area=(0.2,1.0)",
        "loss.temperature=0.2",
        "loss.weight=1",
        "model.head_layers=2",
        "optimizer.name=sgd",
        "optimizer.base_lr=0.25",
        "optimizer.weight_decay=5e-4",
    ),
    "queue": ("negatives.size=4096", "negatives.momentum=0.99"),
    "barlow_twins": (
        "loss.name=barlow_twins",
        "model.joint_views=False",
        "model.head_layers=3",
        "model.head_hidden=2048",
        "model.head_dim=2048",
        "model.head_norm=False",
        "optimizer.base_lr=0.1",
    ),
}
# bfloat16, without sparsity, FLOP/s: NVIDIA's data sheets.
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
WARM_UP, ROUNDS, STEPS = 5, 5, 10


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare")
    command.add_argument("folder")
    command.add_argument("--cifar", required=True, help="with train and test")
    command.add_argument("--photos", required=True)
    command.add_argument("--epochs", type=float, default=200)
    command.set_defaults(run=prepare)
    command = commands.add_parser("speed")
    command.add_argument("folder")
    command.add_argument("--platform", default="auto")
    command.add_argument(
        "--cells", nargs="*", help="such as imagenet_resnet50_256"
    )
    command.set_defaults(run=speed)
    arguments = vars(parser.parse_args())
    arguments.pop("run")(**arguments)


def prepare(folder, cifar, photos, epochs):
    """Lowers every step and run, and counts the encoders' operations."""
    from simclr.commands.tools import lower

    data = {
        "imagenet_resnet50": {"data": photos},
        "cifar10_resnet18": {
            "data": os.path.join(cifar, "train"),
            "eval_data": os.path.join(cifar, "test"),
        },
    }
    work = {}
    for name, batches in BATCHES.items():
        for batch in batches:
            cell = f"{name}_{batch}"
            lower.lower(
                recipe(name),
                workdir=os.path.join(folder, cell),
                set=[
                    f"batch_size={batch}",
                    "train.precision=mixed_bfloat16",
                    "data.eval_source=",
                ],
                data=data[name]["data"],
            )
            work[cell] = encoder_flops(os.path.join(folder, cell))
    run_folder.write(folder, "flops_per_image.json", json.dumps(work, indent=1))
    for name, settings in OBJECTIVES.items():
        lower.lower(
            recipe("cifar10_resnet18"),
            workdir=os.path.join(folder, f"cifar10_{name}"),
            set=[
                f"epochs={epochs:g}",
                "train.precision=mixed_bfloat16",
                "train.eval_epochs=50",
                "train.checkpoint_epochs=50",
                *settings,
            ],
            **data["cifar10_resnet18"],
        )


def recipe(name):
    """Path of a recipe."""
    return os.path.join(CONFIGS, f"{name}.py")


def encoder_flops(run):
    """Of one image in a step: both views, forward and twice that backward."""
    import keras

    from simclr.runs import weights

    trained = weights.load_encoder(run)
    encoder = trained.model
    layers = [x for x in encoder.layers if isinstance(x, keras.layers.Conv2D)]
    outputs = keras.Model(encoder.input, [x.output for x in layers])
    side = trained.config.data.image_size
    flops = 0
    for layer, shape in zip(
        layers, outputs.compute_output_shape([1, side, side, 3])
    ):
        flops += 2 * shape[1] * shape[2] * math.prod(layer.kernel.shape)
    return 2 * 3 * flops


def speed(folder, platform, cells):
    """Times the steps; see the top of this file."""
    cells = cells or [f"{n}_{b}" for n, sizes in BATCHES.items() for b in sizes]
    [device] = jax_devices.devices(platform, 1)
    with open(os.path.join(folder, "flops_per_image.json")) as file:
        work = json.load(file)
    peak = next((p for k, p in PEAK.items() if k in device.device_kind), None)
    path = os.path.join(folder, "speed.json")
    table = {}
    if os.path.exists(path):
        with open(path) as file:
            table = json.load(file)
    for cell in cells:
        try:
            row = timed(os.path.join(folder, cell), device)
        except Exception as error:  # Of memory, say: the others go on.
            say(f"{cell} did not run: {str(error).splitlines()[0]}")
            continue
        if peak:
            rate = work[cell] * row["images_per_second"]
            row["share_of_peak"] = rate / peak
        table[cell] = row | {"device": device.device_kind}
        run_folder.write(folder, "speed.json", json.dumps(table, indent=1))
        say(f"{cell} {json.dumps(row)}")
    print("| step | batch | ms | images/s | share of peak |")
    print("|---|---|---|---|---|")
    for cell, row in table.items():
        name, batch = cell.rsplit("_", 1)
        share = f"{row['share_of_peak']:.1%}" if peak else ""
        print(
            f"| {name} | {batch} | {row['milliseconds']:.1f} | "
            f"{row['images_per_second']:,.0f} | {share} |"
        )


def timed(run, device, trace=""):
    """Compiles a lowered run's step and times it, on its images, a median.

    Args:
        run: folder.
        device: of jax.
        trace: folder for a trace of STEPS more steps; "": none.
    """
    import jax

    config = run_folder.read_config(run)
    with open(os.path.join(run, "lowered", "signature.json")) as file:
        signature = json.load(file)
    _, arrays = checkpoint.read_newest(run_folder.checkpoints(run))
    started = time.monotonic()
    engine = Lowered(run, signature["step"], [device], arrays)
    compiled = time.monotonic() - started
    store = ImageStore(run, "images", [device], "device")
    batches = store.batches(config, 0, engine.executable)
    sums = {"steps": 0.0, "loss": 0.0}
    engine.train_steps(batches, WARM_UP, sums)
    times = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        sums, _, bad = engine.train_steps(batches, STEPS, sums)
        times.append((time.monotonic() - started) / STEPS)
        if bad >= 0:
            raise FloatingPointError("the loss is not finite")
    if trace:
        with jax.profiler.trace(trace):
            engine.train_steps(batches, STEPS, sums)
    step = statistics.median(times)
    memory = device.memory_stats() or {}
    return {
        "milliseconds": 1000 * step,
        "slowest": 1000 * max(times),
        "images_per_second": config.batch_size / step,
        "loss": float(sums["loss"] / sums["steps"]),
        "peak_bytes": memory.get("peak_bytes_in_use"),
        "compile_seconds": compiled,
    }


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
