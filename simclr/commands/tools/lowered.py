"""What `simclr lower` writes: a state, programs, images, and who runs them."""

import dataclasses
import json
import os

import numpy as np

from simclr import config as config_lib
from simclr.commands.run import Run
from simclr.commands.tools.bundle import bundle_runner
from simclr.commands.train import early, launch, starts, train_data
from simclr.commands.unreadable import list_unreadable
from simclr.config import Config
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines import startup
from simclr.evaluation import MAX_IMAGES
from simclr.evaluation.split import few, split
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.models import backbones
from simclr.pjrt import executable
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.runs.stopping import Stopper
from simclr.runs.unreadable import UnreadableImages
from simclr.storage import array_file
from simclr.storage.whole import whole_file, whole_path, write_whole

_EMBEDDED = 256  # Images in one call of the encoder.


def write(recipe, workdir, overrides, init, *, replicas, side, **images):
    """Writes all that a run needs to train without TensorFlow.

    Args:
        recipe: Config, path of a recipe, or "": `workdir` holds a run.
        workdir: run folder, or "".
        overrides: KEY=VALUE over the recipe.
        init: weights to start from, or "".
        replicas: R.
        side: S of the stored images, pixels; 0: as config.Data.stored_size.
        **images: fields of config.Data -> str, what the user says or "".

    Returns:
        Run.

    Raises:
        InputError: bad input, or a step that XLA cannot run.
    """
    config, workdir, notes = _config(recipe, workdir, overrides, init, **images)
    if config.model.extra_planes:
        raise InputError(
            "Stored images have three channels: model.extra_planes must be 0."
        )
    early.require_ready(config, (), data=config.data)
    startup.start_tensorflow()
    import tensorflow as tf

    from simclr.data.images import image_array
    from simclr.engines.workers import Workers
    from simclr.training import loop, run_facts
    from simclr.training.tasks import TASKS

    source, class_names = TASKS[config.task].open_data(config)
    reader = Reader(source)
    parts, eval_reader = _parts(config, reader)
    notes = ["simclr lower", *notes]
    facts = run_facts.facts_of(source, class_names, replicas, notes)
    with run_folder.open_run(workdir, config, facts) as change:
        task = TASKS[config.task](
            config,
            num_examples=len(source),
            num_classes=len(class_names or ()),
        )
        step, sums = loop.restore(task, class_names, workdir, chief=True)
        if change:
            run_facts.tell_changes(change, task, step)
        strategy = tf.distribute.get_strategy()
        workers = Workers(strategy)
        targets = task.targets(
            reader, strategy, workers, workdir, step, Stopper(workers)
        )
        if not checkpoint.paths(run_folder.checkpoints(workdir)):
            checkpoint.save(run_folder.checkpoints(workdir), step, task.state)
        side = side or config.data.stored_size
        if not side:
            side, _ = image_array.side_for(reader, config.data.image_size)
        folder = os.path.join(workdir, "lowered")
        os.makedirs(folder, exist_ok=True)
        say(
            f"Run       {workdir} ({backbones.describe(config.model)}, "
            f"{config.data.image_size} pixels, batch {config.batch_size:,}, "
            f"{counted(task.total_steps, 'step')}, from step {step:,})"
        )
        for note in notes[1:]:
            say(f"Recipe    {note}")
        signature = {
            "replicas": replicas,
            "total_steps": task.total_steps,
            "sums": list(sums),
            "step": _write_step(folder, task, replicas, side),
        }
        stored = {"images": _store(folder, "images", reader, config, side)}
        if targets is not None:
            _write_targets(folder, targets, stored["images"])
        UnreadableImages(reader, workdir, config.data.max_bad_share).check()
        if parts is not None and parts.score is not None:
            if eval_reader is not None:
                stored["eval_images"] = _store(
                    folder, "eval_images", eval_reader, config, side
                )
                list_unreadable(
                    os.path.join(workdir, "unreadable_eval.tsv"),
                    eval_reader.bad,
                )
            signature["scoring"] = _write_scoring(
                folder, task, parts, stored, reader, side
            )
        text = json.dumps(signature, indent=1) + "\n"
        run_folder.write(folder, "signature.json", text)
        bundle_runner(os.path.join(workdir, "train.pyz"))
    say(
        f"Next      copy {workdir} to a machine with jax and NumPy, there "
        f"python {os.path.basename(workdir)}/train.pyz"
    )
    return Run(workdir)


def _config(recipe, workdir, overrides, init, **images):
    """The config, the run folder, and what of the recipe does not hold."""
    given = None
    if recipe:
        known = isinstance(recipe, Config)
        config = given = recipe if known else config_lib.read(recipe)
        if config.classifies:
            raise InputError(
                f"{recipe} is for simclr {config.task}: start that, stop it, "
                "and say simclr lower --workdir=RUN."
            )
        workdir = workdir or launch.default_workdir(recipe, "")
    elif workdir:
        config = run_folder.read_config(workdir)
    else:
        raise InputError("Say --config=RECIPE, or --workdir of a run.")
    init = launch.absolute_run(init)
    begun = starts.find_net(init, config, overrides, workdir)
    config = dataclasses.replace(
        config,
        data=train_data.with_data(config.data, **images),
        init=init or config.init,
        model=starts.encoder_of(config.model, begun),
    )
    config = launch.absolute(config_lib.override(config, overrides))
    return config, workdir, launch.overruled(given, config, overrides)


def _write_step(folder, task, replicas, side):
    """Lowers the training step; returns what the signature says of it."""
    from simclr.lowering import program

    lowered = program.lower_with_crops(task, replicas=replicas, side=side)
    names = {id(v.value): name for name, v in task.state.items()}
    # A teacher's weights, say: read and never written, so in no checkpoint.
    frozen = {
        f"frozen/{i}": np.asarray(v)
        for i, v in enumerate(lowered.variables)
        if id(v) not in names
    }
    _write_arrays(folder, "frozen.npz", frozen)
    return {
        **_write_program(folder, "step", lowered),
        "state": [
            names.get(id(v), f"frozen/{i}")
            for i, v in enumerate(lowered.variables)
        ],
        "updated": lowered.updated,
        "results": lowered.results,
    }


def _parts(config, reader):
    """What kNN fits on and scores: Parts or None, and the held-out Reader."""
    if config.classifies:
        return None, None
    eval_reader = None
    if config.data.eval_source:
        eval_reader = Reader(
            open_source(config.data.eval_source, labels=config.data.eval_labels)
        )
    parts = split(reader, eval_reader, limit=MAX_IMAGES, seed=config.seed)
    if parts.note:
        say(f"Note      {parts.note}")
    return parts, eval_reader


def _write_scoring(folder, task, parts, stored, reader, side):
    """The encoder and which images kNN takes; returns what to sign.

    Where another image was stored for one that cannot be read, the label is
    not of its pixels: neither is fitted on or scored.

    Raises:
        InputError: not one image of a part can be read.
    """
    from simclr.lowering import program

    images = {
        name: "images" if part.reader is reader else "eval_images"
        for name, part in (("fit", parts.fit), ("score", parts.score))
    }
    both = {
        name: _readable(getattr(parts, name), stored[where])
        for name, where in images.items()
    }
    if note := few(both["score"]):
        say(f"Note      {note}")
    _write_arrays(
        folder,
        "parts.npz",
        {f"{name}_rows": part.rows for name, part in both.items()}
        | {f"{name}_label": part.labels for name, part in both.items()},
    )
    lowered = program.lower_encoder(
        task.config, task.encoder, rows=_EMBEDDED, side=side
    )
    names = {id(v.value): name for name, v in task.state.items()}
    return {
        "classes": len(parts.fit.reader.source.class_names),
        "parts": images,
        "encoder": {
            **_write_program(folder, "encoder", lowered),
            "state": [names[id(v)] for v in lowered.variables],
            "rows": _EMBEDDED,
        },
    }


def _readable(part, rows):
    """The images of a Part that were stored themselves, by image_array.Rows."""
    kept = part.take(rows.replaced[part.rows] == 0)
    if not len(kept):
        raise InputError(f"None of the {len(part)} images can be read.")
    return kept


def _write_program(folder, name, lowered):
    file = f"{name}.stablehlo"
    module = executable.portable(executable.stablehlo(lowered.hlo))
    path = os.path.join(folder, file)
    write_whole(path, module)
    say(f"Lowered   {path} ({len(module) / 1e6:.1f} MB)")
    return {"file": file}


def _store(folder, name, reader, config, side):
    """Writes the images and their rows; returns the rows."""
    from simclr.data.images import image_array

    path = os.path.join(folder, f"{name}.npy")
    rows = image_array.store(
        reader, path, side=side, view=config_lib.eval_image_size(config)
    )
    _write_arrays(folder, f"{name}_rows.npz", dataclasses.asdict(rows))
    say(
        f"Stored    {path} ({counted(len(rows.label), 'image')} of {side} "
        f"pixels, {os.path.getsize(path) / 1e6:,.0f} MB)"
    )
    return rows


def _write_targets(folder, targets, rows):
    """What comes with each stored image, [m, d], by image_array.Rows."""
    path = os.path.join(folder, "images_target.npy")
    with whole_path(path) as file:
        out = array_file.create(file, targets.dtype, targets.shape)
        # Of the image that was stored, as the label is.
        for start in range(0, len(targets), _EMBEDDED):
            some = rows.found[start : start + _EMBEDDED]
            out[start : start + len(some)] = targets[some]
        out.flush()


def _write_arrays(folder, name, arrays):
    path = os.path.join(folder, name)
    with whole_file(path, "wb") as file:
        np.savez(file, **arrays)
