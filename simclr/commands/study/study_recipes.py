"""`simclr study recipes`: the runs of a study as recipes of their own."""

import os
import shlex
import textwrap
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.study import study as study_command
from simclr.commands.written_over import require_ours
from simclr.messages.say import say

Out = Annotated[
    arguments.Path, "Folder to write to. Default: recipes/NAME and the scale."
]
_TITLE = "Study "


@command
def study_recipes(
    name: study_command.Name,
    *,
    quick: study_command.Quick = False,
    full: study_command.Full = False,
    seeds: study_command.Seeds = 0,
    only: study_command.Only = (),
    digits: study_command.Digits = "",
    images: study_command.Photos = "",
    eval_images: study_command.EvalPhotos = "",
    set: study_command.Set = (),
    out: Out = "",
    quiet: arguments.Quiet = False,
):
    """Writes a recipe for each run of a study, and trains nothing.

    `simclr compile` and the commands that train take them. A recipe says by
    which command it is trained, and after which.

    Returns:
        list of str, their paths.

    Raises:
        InputError: bad input, or a file in the way that is no such recipe.
    """
    from simclr.commands.study import given
    from simclr.config import source
    from simclr.messages.counts import counted
    from simclr.storage.whole import write_whole
    from simclr.studies import registry
    from simclr.studies.study import changed

    study, scale = registry.get(name), given.scale(quick, full)
    seeds = given.seeds(scale, seeds)
    labels = given.labels(study, seeds, os.path.abspath(out))
    material = given.images(scale, digits, images, eval_images, labels)
    cells = given.cells(study, scale, material, seeds)
    cells = given.ready(given.chosen(cells, only), set)
    out = out or os.path.join("recipes", f"{name}_{scale}")
    os.makedirs(out, exist_ok=True)
    paths = [os.path.join(out, f"{cell}.py") for cell in cells]
    for path in paths:
        require_ours(path, [f'"""{_TITLE}'], "recipe of a study")
    paper = f"Paper: {study.paper}, {study.figure}."
    shares = {file: share for (share, _), file in labels.items()}
    for path, (run, cell) in zip(paths, cells.items()):
        config = cell.config
        share = shares.get(config.data.labels)
        if share:  # The study draws those labels; a run draws its own.
            config = changed(config, data={"labels": ""})
        words = [
            f"{_TITLE}{name}, {scale}: {run}.\n",
            textwrap.fill(paper, 78, subsequent_indent="    "),
            *_training(path, run, config, share, cells),
        ]
        write_whole(path, source.recipe(config, "\n".join(words)))
    say(f"{counted(len(paths), 'recipe')} in {out}")
    say(f"Next: simclr compile --config={shlex.quote(paths[0])}")
    return paths


def _training(path, run, config, share, cells):
    """Lines: the command that trains a recipe, and the runs before it."""
    command = "distill" if "distill" in config.task else config.task
    words = f"simclr {command} --config={shlex.quote(path)} --workdir={run}"
    yield "Command:"
    yield f"    {words}" + (f" --label_fraction={share:g}" if share else "")
    before = [name for name in dict.fromkeys(config.origins) if name in cells]
    if before:
        yield f"    after: {', '.join(before)}"
    if share:
        yield "    `simclr compile` counts all images: say --images=NUMBER of"
        yield f"    the {share:.0%} that have labels."
