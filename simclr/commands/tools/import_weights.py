"""`simclr import`: from published weights to a run folder."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.engines import startup

Checkpoint = Annotated[
    arguments.Path,
    "A TF1 or TF2 checkpoint, a SavedModel's folder, or a .pth, .safetensors, "
    ".npz, .h5 or .keras file (docs/pretrained.md).",
]
Workdir = Annotated[
    arguments.Path,
    "The run folder to write. Default: runs/NAME after the checkpoint.",
]
Set = Annotated[
    tuple[str, ...],
    "KEY=VALUE for what the file does not say about its net, such as "
    "model.normalization=clip; repeatable.",
    arguments.REPEATABLE,
]
Check = Annotated[
    arguments.Path,
    "Folder of the SavedModel published with the checkpoint: run it beside the "
    "imported encoder and fail where they differ.",
]


@command
def import_weights(
    checkpoint: Checkpoint,
    *,
    workdir: Workdir = "",
    check: Check = "",
    set: Set = (),
    quiet: arguments.Quiet = False,
):
    """Makes a run of weights that others published.

    Returns:
        Run; None when the encoder is not as the SavedModel's.

    Raises:
        InputError: no checkpoint, one that fits no known net, or a folder that
            holds another run.
    """
    startup.start_tensorflow()
    from simclr.commands.tools import imported

    return imported.run(checkpoint, workdir=workdir, check=check, overrides=set)
