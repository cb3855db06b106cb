"""`simclr export`: a run's net as files that need nothing of this package."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.engines import startup
from simclr.export.formats import FORMATS, require
from simclr.messages.say import show

Format = Annotated[
    tuple[str, ...],
    f"The files to write, of {', '.join(FORMATS)}; onnx and litert need the "
    "extra [export].",
]
Run = Annotated[
    arguments.Path,
    "A run folder, of which the newest checkpoint is taken, or one of its "
    "checkpoints, such as RUN/checkpoints/step_000001000.npz.",
]
Out = Annotated[arguments.Path, "The folder to write; default: RUN/export."]
Images = Annotated[
    arguments.Path,
    "Images to compare the files with the run on; 64 of them are taken.",
]


@command
def export_run(
    run: Run,
    *,
    format: Format = tuple(FORMATS),
    out: Out = "",
    data: Images = "sample/test",
    quiet: arguments.Quiet = False,
):
    """Writes a run's net as files for programs without this package.

    Each is loaded in a fresh process and compared with the run; a file that
    differs is not kept.

    Returns:
        dict of format -> the largest difference, a share of the outputs' range.

    Raises:
        InputError: no run, no checkpoint, an unknown format, a missing package,
            planes beside the colours, or a file that differs from the run.
        OSError: `out` cannot be written.
    """
    require(format)
    from simclr.commands.train import train_data
    from simclr.runs import folder as run_folder

    train_data.require_there(data)
    if not os.path.isfile(run):
        run_folder.read_config(run)  # What is no run stops it here.
    startup.start_tensorflow()
    from simclr.data.sources.registry import open_source
    from simclr.export import card, check, net, written
    from simclr.models.variables import count_parameters
    from simclr.runs import weight_arrays, weights

    built = net.build(weights.load_parts(run))
    run = weight_arrays.run_of(run)
    source = open_source(data)
    out = out or os.path.join(run, "export")
    found = written.write(
        built,
        format,
        check.images_of(source),
        out,
        lambda good: card.text(
            run,
            built,
            count_parameters(built.trained.models),
            good,
            source.name,
        ),
    )
    for kind, difference in found.items():
        path = os.path.join(out, FORMATS[kind][0])
        show(
            f"{path}: outputs differ from the run's by at most "
            f"{difference:.1e} of their range"
        )
    return found
