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
    "A recipe: the name of one of this package, such as demo, or of a Python "
    "file. The file is run, so take none that you would not run. In Python a "
    "Config, too.",
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
    "A CSV file with a column id: train on those images of `data` alone, as "
    "dedup or a balance over clusters chose them.",
]
Labels = Annotated[
    Path,
    "A labels.csv (id,label), or a table as of docs/data.md, for `data`.",
]
EvalData = Annotated[Path, "Held-out labelled images, if any."]
EvalLabels = Annotated[Path, "A table of labels for `eval_data`."]
LabelFraction = Annotated[
    Share,
    "Use this share of the labels, as many of each class, chosen by the seed "
    "and written to labels.csv in the run folder; 0: all.",
]
Preprocessing = Annotated[
    Text,
    "How encoders in files take their images, such as 'imagenet, size=224, "
    "output=image_embeds' (docs/frozen_encoders.md); default: as a JSON file "
    "beside each says, or its own first layers.",
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
    "KEY=VALUE over the recipe; repeatable. In Python also a dict.",
    REPEATABLE,
]
Workdir = Annotated[
    Path, "The run folder; the same command resumes where it stopped."
]
MaxHours = Annotated[
    float,
    "Save and stop (the command: with status 75) after so many hours; 0: no "
    "limit.",
    AtLeast(0),
]
Seed = Annotated[Count, "Seed of every random choice."]
Engine = Annotated[
    Literal[ENGINES],
    "What runs the net: tf.distribute, or jax's devices (the extra [aot]) for "
    "hardware that TensorFlow does not drive.",
]
Strategy = Annotated[
    Literal[KINDS],
    "Devices to use; auto takes the best that is there, and trains on all "
    "machines that TF_CONFIG names.",
]
Replicas = Annotated[
    Count,
    "Number of GPUs, or of logical CPU replicas; 0: all GPUs, one CPU.",
]
On = Annotated[
    str,
    "Where the work is done: here; ray, started on this machine; or "
    "ray:HOST:PORT, on the machines of a cluster (docs/many_machines.md).",
]
NewImages = Annotated[
    bool,
    "Resume a run although its images or labels have changed since it "
    "stopped, such as by new photos in the folder.",
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
    "Values over the recipe, after `set`: epochs=20, or a part's as a dict, "
    'model={"depth": 50}; model may also be a keras.Model or a function that '
    "makes one (docs/backbones.md).",
]
