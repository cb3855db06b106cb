"""The arguments of the commands: the type and the words of each, once.

A command is a function whose signature names these; definition.py makes flags,
help, docstrings and docs/commands.md of them. An argument in backquotes is
another argument of the command. Where a command adds words of its own, it says
`Annotated[Data, "Default: the run's."]`.
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal

from simclr.config import Config
from simclr.data.sources.registry import SPELLINGS
from simclr.engines import ENGINES, KINDS


@dataclasses.dataclass(frozen=True)
class AtLeast:
    """The smallest value that an argument takes."""

    value: float


@dataclasses.dataclass(frozen=True)
class AtMost:
    """The largest value that an argument takes."""

    value: float


PATH = object()  # Its `~` is expanded; in Python a Path or a Run, too.
REPEATABLE = object()  # A flag that may be given several times.
PYTHON_ONLY = object()  # No flag.

Path = Annotated[str, PATH]
Text = str
Share = Annotated[float, AtLeast(0), AtMost(1)]
Count = Annotated[int, AtLeast(0)]

Recipe = Annotated[
    str | Config,
    "A recipe: one of this package by name, such as demo, or a Python file. "
    "The file is run, so use only files that you trust. In Python also a "
    "Config.",
    PATH,
]
Images = Annotated[
    Path,
    f"Images: {SPELLINGS}.",
]
Data = Annotated[
    Path,
    f"Images to train on: {SPELLINGS}.",
]
Keep = Annotated[
    Path,
    "A CSV file with a column id: train only on these images of `data`. "
    "simclr dedup and simclr select write such files.",
]
Labels = Annotated[
    Path,
    "A table of labels, such as a labels.csv (id,label), for `data`; "
    "docs/data.md has what is read.",
]
EvalData = Annotated[Path, "Held-out labelled images, if any."]
EvalLabels = Annotated[Path, "A table of labels for `eval_data`."]
LabelFraction = Annotated[
    Share,
    "Use this share of the labels, the same number of each class. The seed "
    "chooses them; labels.csv in the run folder lists them. 0: all.",
]
Preprocessing = Annotated[
    Text,
    "How encoders in files take their images, such as 'imagenet, size=224, "
    "output=image_embeds' (docs/frozen_encoders.md). Default: from a JSON file "
    "next to each, or from its first layers.",
]
Run = Annotated[Path, "A run folder."]
Store = Annotated[Path, "A store, as `simclr embed` makes it."]
StoreRun = Annotated[
    Path,
    "The run of the store's encoder; default: where it was loaded from.",
]
Init = Annotated[
    Path,
    "Weights to start from: a run folder, a checkpoint, a file that others "
    "published, or imagenet (docs/pretrained.md).",
]
Set = Annotated[
    tuple[str, ...],
    "Change a setting of the recipe: KEY=VALUE; repeatable. In Python also a "
    "dict.",
    REPEATABLE,
]
Workdir = Annotated[
    Path, "The run folder; the same command resumes where it stopped."
]
MaxHours = Annotated[
    float,
    "Save and stop after this many hours; the command then has exit status "
    "75. 0: no limit.",
    AtLeast(0),
]
Seed = Annotated[Count, "Seed of every random choice.", AtMost(2**31 - 1)]
Engine = Annotated[
    Literal[ENGINES],
    "What runs the net: tensorflow; or pjrt, jax's runtime (the extra [aot]), "
    "for devices that TensorFlow does not support.",
]
Strategy = Annotated[
    Literal[KINDS],
    "Devices to use; auto takes the fastest kind, and trains on all "
    "machines that TF_CONFIG names.",
]
Replicas = Annotated[
    Count,
    "Number of GPUs, or of replicas on the CPU; 0: all GPUs, or one replica.",
    AtMost(64),
]
On = Annotated[
    str,
    "Where the work is done: here; ray, started on this machine; or "
    "ray:HOST:PORT, on the machines of a cluster (docs/many_machines.md).",
]
NewImages = Annotated[
    bool,
    "Resume a run whose images or labels have changed since it stopped, such "
    "as by new photos in the folder.",
]
Profile = Annotated[
    bool,
    "Trace ten steps into the run folder's profile/ and say where their time "
    "went: waiting for input, device, host.",
]
Callbacks = Annotated[
    Callable | tuple[Callable, ...],
    "A function, or several, called with each row of metrics, a dict; one that "
    "returns True saves the run and stops it.",
    PYTHON_ONLY,
]
Quiet = Annotated[bool, "Print nothing, show no bars.", PYTHON_ONLY]
Settings = Annotated[
    Any,
    "Settings that differ from the recipe, after `set`: epochs=20, or a dict, "
    'model={"depth": 50}; model may also be a keras.Model or a function that '
    "makes one (docs/backbones.md).",
]
