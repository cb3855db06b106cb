"""`simclr lower`: a run that trains where there is no TensorFlow."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command

Data = Annotated[arguments.Data, "Default: the recipe's."]
EvalData = Annotated[arguments.EvalData, "Default: the recipe's."]
Recipe = Annotated[
    arguments.Recipe,
    "Without one, `workdir` must hold a run, which is resumed.",
]
Workdir = Annotated[arguments.Workdir, "Default: runs/NAME after the recipe."]
Replicas = Annotated[
    int, "Devices that will share a batch.", arguments.AtLeast(1)
]
Side = Annotated[
    arguments.Count,
    "Side of the stored images in pixels, larger ones are reduced; 0: "
    "data.stored_size, or up to one and a half times a view's.",
]


@command
def lower(
    config: Recipe = "",
    *,
    data: Data = "",
    labels: arguments.Labels = "",
    eval_data: EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    init: arguments.Init = "",
    set: arguments.Set = (),
    workdir: Workdir = "",
    replicas: Replicas = 1,
    side: Side = 0,
    quiet: arguments.Quiet = False,
):
    """Writes a run that trains by jax and NumPy alone, on a GPU, say.

    The run folder gets the state as the checkpoint of the step where it is,
    train.pyz, and in lowered/ the programs (portable StableHLO), their
    signature and the images.

    Returns:
        Run.

    Raises:
        InputError: bad input, jax missing, or a step that XLA cannot run.
    """
    from simclr.commands.tools import lowered
    from simclr.pjrt import executable

    executable.require()
    return lowered.write(
        config,
        workdir,
        set,
        init,
        replicas=replicas,
        side=side,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
