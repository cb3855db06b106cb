"""The weights of a run, read.

Letters: k classes.
"""

import dataclasses
import os

import keras

from simclr import config as config_lib
from simclr.messages.errors import InputError
from simclr.models import classifier as classifier_lib
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder


@dataclasses.dataclass(frozen=True)
class Trained:
    """A classifier as a run left it.

    Attributes:
        classifier: Classifier.
        class_names: list of str; or None where an import does not tell them.
        num_classes: k.
        image_size: side of the images that evaluation shows it, pixels.
        config: Config of the run.
        step: int, of the checkpoint.
    """

    classifier: classifier_lib.Classifier
    class_names: list | None
    num_classes: int
    image_size: int
    config: object
    step: int


def describe(workdir):
    """What a run's classifier tells, without building it.

    Returns:
        config: Config, with the classifier part as the weights need it.
        class_names: list of str, or None for an import.
        num_classes: k.

    Raises:
        InputError: the folder is no run, or the run is no classifier.
    """
    config = run_folder.read_config(workdir)
    facts = run_folder.read_facts(workdir)
    if config.task != "pretrain":
        return config, facts["classes"], len(facts["classes"])
    imported = facts.get("imported") or {}
    end = imported.get("probe_input")
    if not end:
        why = (
            "it was imported without a linear head whose place is known"
            if imported
            else "it was pretrained without labels"
        )
        raise InputError(
            f"{workdir} is no classifier: {why}. Make one with simclr finetune "
            f"--init={workdir}."
        )
    layers = {"h": 0, "z": config.model.head_layers}
    layer = layers.get(end) if end in layers else int(end[len("layer") :])
    config = dataclasses.replace(
        config, classifier=config_lib.Classifier(from_layer=layer)
    )
    return config, None, imported["num_classes"]


def load(workdir):
    """The classifier of a run: finetune's, distill's or an import's.

    Build it inside the strategy's scope.

    Args:
        workdir: run folder.

    Returns:
        Trained.

    Raises:
        InputError: as for `describe`, or there is no checkpoint.
    """
    workdir = os.path.expanduser(workdir)
    config, class_names, num_classes = describe(workdir)
    found = checkpoint.read_newest(run_folder.checkpoints(workdir))
    if found is None:
        raise InputError(f"{workdir} has no checkpoint yet.")
    step, arrays = found
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.train.precision)
    classifier = classifier_lib.build(config, num_classes)
    keras.config.set_dtype_policy(before)
    variables = named_variables(**classifier.models)
    if "probe/probe/kernel" in arrays:  # An import's linear head.
        for name in ("kernel", "bias"):
            arrays[f"classifier/classifier/{name}"] = arrays.pop(
                f"probe/probe/{name}"
            )
    checkpoint.assign(variables, {n: arrays[n] for n in variables})
    return Trained(
        classifier=classifier,
        class_names=class_names,
        num_classes=num_classes,
        image_size=config_lib.eval_image_size(config),
        config=config,
        step=step,
    )


def read_weights(path, class_names=None):
    """The weights to start from.

    Args:
        path: a run folder (its newest checkpoint) or a checkpoint file.
        class_names: list of str, the classes of the run that begins.

    Returns:
        dict of "role/variable path" -> array; the optimizer is left out, and
        the linear layers, too, of a run that knows other classes.

    Raises:
        InputError: there is no checkpoint at `path`, or it is damaged.
    """
    if os.path.isdir(path):
        found = checkpoint.read_newest(run_folder.checkpoints(path))
        if found is None:
            raise InputError(f"--init={path}: there is no checkpoint in it.")
        _, arrays = found
    elif os.path.exists(path):
        _, arrays = checkpoint.read(path)
    else:
        raise InputError(f"--init={path} does not exist.")
    left_out = ("optimizer/", "row/")
    if os.path.isdir(path) and class_names:
        theirs = run_folder.read_facts(path)["classes"]
        if theirs and theirs != class_names:
            left_out += ("probe/", "classifier/")
    return {
        name: array
        for name, array in arrays.items()
        if not name.startswith(left_out)
    }
