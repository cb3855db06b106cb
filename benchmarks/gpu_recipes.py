"""Recipes for CIFAR-10 on one GPU, ready to run where TensorFlow is not.

Here, with simclr[cpu,aot]:

    python benchmarks/gpu_recipes.py prepare FOLDER \\
        --cifar=CIFAR10 --photos=PHOTOS
    python benchmarks/packed.py pack FOLDER FOLDER.tar.xz --redraw resnet50

There, with jax, NumPy and this repository:

    PYTHONPATH=. python benchmarks/packed.py unpack FOLDER.tar.xz FOLDER
    PYTHONPATH=. python benchmarks/gpu_recipes.py first FOLDER
    PYTHONPATH=. python benchmarks/gpu_recipes.py second FOLDER

`first` times ResNet-50's step at 224 pixels and writes a trace of ten steps,
then trains A. `second` trains B: at 24 pixels, then at 32 from those weights.
`third` trains E for as long as --max_hours says and goes on where it stopped;
`fourth` trains F. Each run scores kNN every 50 epochs, in its metrics.jsonl.

The recipes are settings over configs/cifar10_resnet18.py. Their rates turn the
weights about as far a step as those of the best published short trainings do
(the metric "angle"; SimCLR's LARS recipe, cut short, turns them less than half
as far), and their crops cover more of the image.
"""

import argparse
import os
import sys

import lowered_runs

from simclr.pjrt import devices as jax_devices
from simclr.pjrt import runner
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "configs")
_SHARED = (
    "train.precision=mixed_bfloat16",
    "train.eval_epochs=50",
    "train.checkpoint_epochs=50",
    "augment.crop_area=(0.28,1.0)",
    "augment.gray_prob=0.1",
    "optimizer.name=sgd",
    "optimizer.weight_decay=5e-4",
    "optimizer.warmup_epochs=0",
)
_SIMCLR = (
    *_SHARED,
    "batch_size=512",
    "model.head_layers=2",
    "model.head_hidden=1024",
    "model.head_norm=False",
    "loss.weight=1",
    "loss.temperature=0.5",
)
RECIPES = {
    "A": (*_SIMCLR, "epochs=200", "optimizer.base_lr=0.05"),
    "B24": (
        *_SIMCLR,
        "epochs=230",
        "data.image_size=24",
        "optimizer.base_lr=0.06",
        "optimizer.final_lr_share=0.3",
    ),
    "B32": (*_SIMCLR, "epochs=100", "optimizer.base_lr=0.018"),
    "E": (*_SIMCLR, "epochs=500", "optimizer.base_lr=0.035"),
    "F": (
        *_SHARED,
        "epochs=200",
        "batch_size=256",
        "loss.name=barlow_twins",
        "model.joint_views=False",
        "model.head_layers=3",
        "model.head_hidden=2048",
        "model.head_dim=2048",
        "model.head_norm=False",
        "augment.solarize_probs=(0.0,0.2)",
        "optimizer.base_lr=0.06",
    ),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare")
    command.add_argument("folder")
    command.add_argument("--cifar", required=True, help="with train and test")
    command.add_argument("--photos", required=True)
    command.add_argument("--set", nargs="*", default=[], help="for a trial")
    command.set_defaults(run=prepare)
    for name, function in (
        ("first", first),
        ("second", second),
        ("third", third),
        ("fourth", fourth),
    ):
        command = commands.add_parser(name)
        command.add_argument("folder")
        command.add_argument("--platform", default="auto")
        command.add_argument("--max_hours", type=float, default=0.0)
        command.set_defaults(run=function)
    arguments = vars(parser.parse_args())
    return arguments.pop("run")(**arguments)


def prepare(folder, cifar, photos, set):
    """Lowers ResNet-50's step and a run for each recipe."""
    from simclr.commands.tools import lower

    lower.lower(
        os.path.join(CONFIGS, "imagenet_resnet50.py"),
        data=photos,
        workdir=os.path.join(folder, "resnet50"),
        set=[
            "batch_size=256",
            "train.precision=mixed_bfloat16",
            "data.eval_source=",
            *set,
        ],
    )
    for name, settings in RECIPES.items():
        lower.lower(
            os.path.join(CONFIGS, "cifar10_resnet18.py"),
            data=os.path.join(cifar, "train"),
            eval_data=os.path.join(cifar, "test"),
            workdir=os.path.join(folder, name),
            set=[*settings, *set],
        )


def first(folder, platform, max_hours):
    """A trace of ten steps of ResNet-50, its speed; then A."""
    run = os.path.join(folder, "resnet50")
    [device] = jax_devices.devices(platform, 1)
    trace = os.path.join(run, "profile")
    row = lowered_runs.timed(run, device, trace)
    say(f"ResNet-50 {2 * row['images_per_second']:,.0f} views/s {row}")
    say(f"Trace     {trace}")
    return train(folder, "A", platform, max_hours)


def second(folder, platform, max_hours):
    """B: small images first, then from those weights the whole ones."""
    stopped = train(folder, "B24", platform, max_hours)
    if stopped:
        return stopped
    begin_from(os.path.join(folder, "B32"), os.path.join(folder, "B24"))
    return train(folder, "B32", platform, max_hours)


def third(folder, platform, max_hours):
    """E, as far as the time goes."""
    return train(folder, "E", platform, max_hours)


def fourth(folder, platform, max_hours):
    """F."""
    return train(folder, "F", platform, max_hours)


def train(folder, name, platform, max_hours):
    """A run to its end; says why it stopped before."""
    say(f"Recipe    {name}")
    return runner.train(
        os.path.join(folder, name), platform=platform, max_hours=max_hours
    )


def begin_from(run, other):
    """Gives a run that has not begun another's weights; nothing else."""
    step, state = checkpoint.read_newest(run_folder.checkpoints(run))
    if step:
        return
    _, weights = checkpoint.read_newest(run_folder.checkpoints(other))
    taken = {
        name: array
        for name, array in weights.items()
        if name.startswith(("encoder/", "head/"))
    }
    missing = [name for name in taken if name not in state]
    if missing or not taken:
        raise ValueError(f"{other} has other weights than {run}: {missing}")
    checkpoint.save(run_folder.checkpoints(run), 0, {**state, **taken})


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main() or 0)
