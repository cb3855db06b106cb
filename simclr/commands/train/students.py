"""What `simclr distill` trains: a student of labels, or of an encoder.

Which of the two the recipe says, or else the teacher: one that names classes
hands on those, any other encoder its features.
"""

import dataclasses

from simclr import config as config_lib
from simclr.commands.train import early, launch, starts, train_data
from simclr.config import suggest_tasks
from simclr.data.sources.registry import open_source
from simclr.frozen import files
from simclr.messages.errors import InputError
from simclr.published import start
from simclr.published.files import opened
from simclr.runs import checkpoint, classes, weight_arrays
from simclr.runs import folder as run_folder

TASKS = ("distill", "distill_encoder")
_WHO = ("task", "distill.teachers", "distill_encoder.")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Whom the student learns from.

    Attributes:
        task: one of TASKS.
        teachers: tuple of absolute paths, one for distill_encoder.
        preprocessing: str, of a teacher in a file.
    """

    task: str
    teachers: tuple
    preprocessing: str = ""


def wanted(recipe, overrides, teachers, preprocessing):
    """Whom the user, the overrides and the recipe name, in this order.

    Args:
        recipe: Config, or None.
        overrides: list of KEY=VALUE.
        teachers: tuple of paths, maybe empty.
        preprocessing: str or "".

    Returns:
        Wanted.

    Raises:
        InputError: no teacher; several encoders; or what is no teacher.
    """
    config = config_lib.override(
        recipe or config_lib.Config(task="distill"),
        [o for o in overrides if config_lib.split(o)[0].startswith(_WHO)],
    )
    encoder = config.distill_encoder
    named = config.distill.teachers
    if config.task == "distill_encoder":
        named = (encoder.teacher,) if encoder.teacher else ()
    named = tuple(map(launch.absolute_run, teachers or named))
    if not named:
        raise InputError("There is no teacher: say --teacher=ENCODER.")
    task = config.task
    if recipe is None and "task" not in launch.in_force(overrides):
        task = "distill" if _names_classes(named[0]) else "distill_encoder"
    if task == "distill_encoder" and len(named) > 1:
        raise InputError(
            f"One encoder can be the teacher, not {len(named)}; several "
            "classifiers can."
        )
    return Wanted(task, named, preprocessing or encoder.preprocessing)


def of_labels(
    wanted, recipe, origin, overrides, *, workdir, init, take, **given
):
    """The config of a student of a teacher's labels.

    Args:
        wanted: Wanted.
        recipe, origin: of launch.read_recipe.
        overrides: list of KEY=VALUE, which will go over it.
        workdir: run folder.
        init: absolute path of weights to start from, or "".
        take: function without arguments to Devices.
        **given: fields of config.Data -> str, what the user says or "".

    Returns:
        (Config, list of notes, Devices).

    Raises:
        InputError: bad input.
    """
    classes.of_all(wanted.teachers)  # What is no classifier stops it here.
    begun = starts.find(init, recipe, overrides)
    images = train_data.resolve(
        recipe, wanted.teachers[0], same_classes=True, **given
    )
    early.require_ready(
        recipe, overrides, workdir=workdir, data=images, init=init
    )
    devices = take()
    teacher, _, _ = classes.describe(wanted.teachers[0])
    chosen, notes = launch.chosen(
        recipe,
        origin,
        workdir,
        overrides,
        lambda: suggest_tasks.distill(
            begun or teacher,
            open_source(images.source),
            accelerator=devices.accelerator,
            replicas=devices.replicas,
        ),
    )
    chosen = dataclasses.replace(
        chosen,
        distill=dataclasses.replace(chosen.distill, teachers=wanted.teachers),
    )
    return _begun(chosen, images, init, begun), notes, devices


def of_encoder(
    wanted, recipe, origin, overrides, *, workdir, init, take, **given
):
    """The config of a student of an encoder, without labels.

    Args:
        As of `of_labels`.

    Returns:
        (Config, list of notes, Devices).

    Raises:
        InputError: bad input.
    """
    [teacher] = wanted.teachers
    run = teacher if run_folder.is_run(teacher) else ""
    if run and not checkpoint.paths(run_folder.checkpoints(run)):
        raise InputError(f"{run} has no checkpoint yet.")
    if not (run or recipe or given["source"]):
        raise InputError("Say --data=IMAGES: the teacher's file has none.")
    _require_there(teacher)
    if wanted.preprocessing and not files.is_encoder(teacher):
        raise InputError(
            f"--preprocessing goes with {files.SPELLINGS}; import other "
            "weights first: simclr import FILE --set model.normalization=..."
        )
    begun = starts.find(init, recipe, overrides)
    images = train_data.resolve(recipe, run, same_classes=False, **given)
    early.require_ready(
        recipe, overrides, workdir=workdir, data=images, init=init
    )
    devices = take()
    chosen, notes = launch.chosen(
        recipe,
        origin,
        workdir,
        overrides,
        lambda: suggest_tasks.distill_encoder(
            open_source(images.source),
            accelerator=devices.accelerator,
            replicas=devices.replicas,
            precision=devices.precision,
        ),
    )
    chosen = dataclasses.replace(
        chosen,
        distill_encoder=dataclasses.replace(
            chosen.distill_encoder,
            teacher=teacher,
            preprocessing=wanted.preprocessing,
        ),
    )
    return _begun(chosen, images, init, begun), notes, devices


def _begun(chosen, images, init, begun):
    """The config on these images, from these weights."""
    chosen = dataclasses.replace(
        chosen,
        data=train_data.sized(images, chosen),
        init=init or chosen.init,
    )
    if begun:  # Its weights fit its own net alone.
        chosen = dataclasses.replace(
            chosen, model=begun.model, classifier=begun.classifier
        )
    return chosen


def _require_there(path):
    """Stops where a path is no encoder: no run, no weights, no file of one."""
    if start.is_published(path):
        opened.require(path)
    elif not run_folder.is_run(weight_arrays.run_of(path)):
        files.require(path)


def _names_classes(path):
    """Whether a teacher is a classifier; InputError where it is no encoder."""
    if not run_folder.is_run(path):
        _require_there(path)
        return False
    try:
        classes.describe(path)
    except InputError:
        return False
    return True
