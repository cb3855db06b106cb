"""`simclr compile`: what a recipe asks of a TPU slice, before it is rented."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.written_over import require_ours
from simclr.messages.errors import InputError

Recipe = Annotated[arguments.Recipe, "Required."]
Topology = Annotated[
    tuple[str, ...],
    "The TPU slice, by its rental name, such as v5e-8; or several: v5e-8,v3-8.",
]
Data = Annotated[
    arguments.Path, "Images that the run would train on. Default: the recipe's."
]
Images = Annotated[
    arguments.Count,
    "Number of training images, if they are not available here.",
]
Classes = Annotated[
    int | None,
    "Number of classes; 0: no labels.",
    arguments.AtLeast(0),
]
Search = Annotated[
    bool,
    "Also search for the largest batch that fits: a few more compilations, "
    "up to the assignment of buffers.",
]
Code = Annotated[
    bool,
    "Compile completely. Without it, compilation stops after the "
    "assignment of buffers, in a fraction of the time and of the host's "
    "memory; the size of the program stays unknown.",
]
Out = Annotated[arguments.Path, "Write the numbers to this JSON file too."]


@command
def compile_step(
    config: Recipe = "",
    *,
    topology: Topology = ("v5e-8",),
    set: arguments.Set = (),
    data: Data = "",
    images: Images = 0,
    classes: Classes = None,
    search: Search = True,
    code: Code = True,
    out: Out = "",
    quiet: arguments.Quiet = False,
):
    """Compiles a recipe's step for a TPU slice, without one: memory, speed.

    Returns:
        list of dict, a slice's numbers each; "fits" among them.

    Raises:
        InputError: bad input; jax or libtpu missing; a step that a TPU cannot
            run, with the line that is to blame.
    """
    if not config:
        raise InputError("Say --config=RECIPE.")
    if not topology:
        raise InputError("Say --topology=SLICE, such as v5e-8.")
    if out:
        require_ours(out, ["[", '"recipe"'], "file of such numbers")
    from simclr.commands.tools import slice_needs

    return slice_needs.tell(
        config,
        topology,
        overrides=set,
        data=data,
        images=images,
        classes=classes,
        search=search,
        code=code,
        out=out,
    )
