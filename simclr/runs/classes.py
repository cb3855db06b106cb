"""Which classes a run's classifier knows; needs no weights, no TensorFlow."""

import dataclasses

from simclr import config as config_lib
from simclr.messages.counts import first_few
from simclr.messages.errors import InputError
from simclr.runs import folder as run_folder


def describe(workdir):
    """What a run's classifier tells, without its weights.

    Returns:
        config: Config, with the classifier part as the weights need it.
        class_names: list of str, or None for an import.
        num_classes: k.

    Raises:
        InputError: the folder is no run, or the run is no classifier.
    """
    config = run_folder.read_config(workdir)
    facts = run_folder.read_facts(workdir)
    if config.classifies:
        names = facts.get("classes")
        if names is None:
            raise InputError(
                f"{workdir}/run.json is damaged: it has no classes."
            )
        return config, names, len(names)
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


def of_all(paths):
    """Names of the classes that all teachers know, in the first one's order.

    Raises:
        InputError: no teacher, one that is no classifier, or other classes.
    """
    if not paths:
        raise InputError("There is no teacher: say --teacher=RUN.")
    found = None
    for path in paths:
        names = names_of(path)
        if found is not None and set(names) != set(found):
            raise InputError(
                f"The teachers' classes differ: {paths[0]} has {len(found)} "
                f"({first_few(found)}), {path} has {len(names)} "
                f"({first_few(names)})."
            )
        found = found or names
    return found


def names_of(path):
    """Names of a classifier's classes, in its order.

    An import tells how many classes it has, not what they are called; then
    they are called by their numbers.
    """
    _, names, count = describe(path)
    return names or [str(i) for i in range(count)]
