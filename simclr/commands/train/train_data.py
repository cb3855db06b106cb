"""Which images a run is trained on and scored with.

What the user says comes first, then what the recipe says, then the run that it
builds on.
"""

import dataclasses
import os
import shlex

from simclr.config import Data
from simclr.data.labels import spelling
from simclr.data.labels.few import few_labels, to_csv
from simclr.data.sources import registry
from simclr.messages.errors import InputError
from simclr.published import start
from simclr.runs import folder as run_folder
from simclr.storage import files, missing


def require_there(*specs, labels=()):
    """Refuses what is not there, before anything is started.

    Args:
        *specs: images, as for open_source.
        labels: their labels, as for open_source.

    Raises:
        InputError: a folder or a table is not there.
    """
    for spec in specs:
        path = registry.local_folder(spec)
        if path and not os.path.exists(path):
            raise InputError(missing.message(path, "folder"))
    for table in filter(spelling.is_table, labels):
        path = files.absolute(spelling.parts(table)[0])
        if not files.is_remote(path) and not os.path.exists(path):
            raise InputError(_of_page(path) or missing.message(path, "table"))


def _of_page(path):
    """What to do for a table that the page of a store saves; "" of another."""
    store, page = os.path.split(os.path.dirname(path))
    if page != "page" or not os.path.isdir(os.path.dirname(path)):
        return ""
    command = f"simclr page {shlex.quote(store)} --serve"
    return f"There is no {path}: `{command}` writes it with the first label."


def with_keep(data, keep):
    """The spelling of some of the images.

    Args:
        data: str, the images.
        keep: str, a list of ids, or "" for all.

    Raises:
        InputError: a list without images.
    """
    if not keep:
        return data
    if not data:
        raise InputError("--keep names images of --data, which is missing.")
    return f"keep:{keep}:{data}"


def with_data(data, **given):
    """The images that the user gave, by absolute paths.

    Args:
        data: config.Data.
        **given: its fields -> str; empty ones change nothing. Other images
            do not keep the labels of those before.

    Raises:
        InputError: labels of held-out images without the images.
    """
    data = _replaced(data, {name: text for name, text in given.items() if text})
    if data.eval_labels and not data.eval_source:
        raise InputError("--eval_labels go with --eval_data, which is missing.")
    return absolute(data)


def absolute(data):
    """The same images, whatever the current folder will be."""
    return dataclasses.replace(
        data,
        source=registry.absolute(data.source),
        eval_source=registry.absolute(data.eval_source),
        labels=spelling.absolute(data.labels),
        eval_labels=spelling.absolute(data.eval_labels),
    )


def resolve(recipe, run, *, same_classes, **given):
    """The images of a run that may build on another one.

    A recipe whose source is the default names no images: it is about those of
    the run. What else it says of the data stays.

    Args:
        recipe: Config of the recipe, or None.
        run: run folder, or "".
        same_classes: see data_of_run.
        **given: fields of config.Data -> str, what the user says or "".

    Returns:
        config.Data, by absolute paths.

    Raises:
        InputError: as data_of_run.
    """
    named = recipe is not None and recipe.data.source != Data().source
    if named or not run:
        data = Data() if recipe is None else recipe.data
    else:
        data = data_of_run(run, given["source"], same_classes=same_classes)
        if recipe is not None:
            data = _replaced(data, _set_fields(recipe.data))
    return with_data(data, **given)


def data_of_run(run, data, *, same_classes):
    """The images that a run takes from the run it builds on.

    Args:
        run: run folder, or published weights, which have none.
        data: what the user said instead, or "": then the run's labels, which
            are of its own images, do not come along.
        same_classes: whether it has that run's classes: its evaluation
            images then come along with other training images, too.

    Returns:
        config.Data.

    Raises:
        InputError: the run has no images of its own (an import), nor have
            published weights.
    """
    if start.is_published(run):
        if data:
            return Data()
        raise InputError(
            f"--init={run} holds weights and no images: say --data=IMAGES."
        )
    if data:
        images = dataclasses.replace(
            run_folder.read_config(run).data, labels=""
        )
        if same_classes:
            return images
        return dataclasses.replace(images, eval_source="", eval_labels="")
    if run_folder.read_facts(run).get("imported"):
        raise InputError(
            f"{run} holds imported weights and has no images of its own: say "
            "--data=IMAGES."
        )
    return run_folder.read_config(run).data


def sized(images, config):
    """The images, at the sizes of a config."""
    return dataclasses.replace(
        images,
        image_size=config.data.image_size,
        eval_image_size=config.data.eval_image_size,
    )


def write_labels(images, fraction, seed, workdir, strategy):
    """Writes a part of the labels as labels.csv into a folder.

    Args:
        images: config.Data.
        fraction: share of the labels, as for few_labels.
        seed: int, chooses them.
        workdir: the folder.
        strategy: tf.distribute strategy; its chief writes.

    Returns:
        Path of the labels.csv, for this run and those that build on it.

    Raises:
        InputError: the folder holds other labels, or as for few_labels.
    """
    from simclr.engines.strategies import is_chief
    from simclr.engines.workers import Workers

    source = registry.open_source(images.source, labels=images.labels)
    text = to_csv(source, few_labels(source, fraction, seed))
    path = os.path.join(os.path.abspath(workdir), "labels.csv")
    if os.path.exists(path):
        if files.read_file(path) != text.encode():
            raise InputError(
                f"{path} holds other labels than --label_fraction="
                f"{fraction:g} gives; choose another --workdir."
            )
    elif is_chief(strategy):
        os.makedirs(workdir, exist_ok=True)
        run_folder.write(workdir, "labels.csv", text)
    Workers(strategy).gather([0.0])  # The others wait for the file.
    return path


def _set_fields(data):
    """The fields that are not as by default, a dict."""
    default = dataclasses.asdict(Data())
    return {
        name: value
        for name, value in dataclasses.asdict(data).items()
        if value != default[name]
    }


def _replaced(data, fields):
    """The data with other fields; labels are of the images they came with."""
    for images, labels in (
        ("source", "labels"),
        ("eval_source", "eval_labels"),
    ):
        before = registry.absolute(getattr(data, images))
        same = registry.absolute(fields.get(images, before)) == before
        # "none" and "folders" are true of any images.
        if not same and spelling.is_table(getattr(data, labels)):
            fields = {labels: "", **fields}
    return dataclasses.replace(data, **fields)
