"""What a command's --init starts from: a run, or published weights."""

import dataclasses

from simclr import config as config_lib
from simclr.config import Config, Data
from simclr.config.values import replace
from simclr.engines import startup
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.published import start
from simclr.published.files import opened
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder


def find(init, recipe, overrides):
    """The Config of what a run starts from.

    Args:
        init: what the user said, absolute, or "".
        recipe: Config of the recipe, or None.
        overrides: list of KEY=VALUE over it.

    Returns:
        Config of a run; of published weights, as `find_published` returns it;
        None without a start.

    Raises:
        InputError: it is no run; or as `find_published`.
    """
    begun = find_published(init, recipe, overrides)
    if begun or not init:
        return begun
    return run_folder.read_config(init)


def find_published(init, recipe, overrides):
    """A Config of the net and the size of images of published weights.

    Args:
        init, recipe, overrides: as for `find`; without an `init` the recipe's
            or that of the overrides counts.

    Returns:
        Config; None where it starts from a run, or from scratch.

    Raises:
        InputError: weights that fit no net, or another than the one that was
            said.
    """
    asked = _asked(recipe, overrides)
    init = init or asked.init
    if not start.is_published(init):
        return None
    startup.start_tensorflow()
    fit, _ = start.find(init, asked.model)
    _require_its_net(asked, fit, init, fit.net.words)
    size = fit.net.image_size
    return Config(data=Data(image_size=size), model=fit.model)


def find_net(init, recipe, overrides, workdir):
    """A Config of the net of what pretraining starts from.

    Args:
        init, recipe, overrides: as for `find_published`.
        workdir: the run folder; what goes on there has its net already.

    Returns:
        Config; None where it starts from scratch, or from a checkpoint that
        lies in no run.

    Raises:
        InputError: as `find_published`.
    """
    asked = _asked(recipe, overrides)
    init = init or asked.init
    if init and goes_on(workdir):
        return run_folder.read_config(workdir)
    begun = find_published(init, recipe, overrides)
    if begun or not (init and run_folder.is_run(init)):
        return begun
    begun = run_folder.read_config(init)
    _require_its_net(asked, begun, init, backbones.describe(begun.model))
    return begun


def goes_on(workdir):
    """Whether a run folder has a run that goes on: its start is behind it."""
    return bool(checkpoint.paths(run_folder.checkpoints(workdir)))


def _asked(recipe, overrides):
    """A Config of the net and the start that the user says.

    It is not settled: the images' size is not known yet.
    """
    asked = recipe or Config()
    for override in overrides:
        if override.startswith(("model.", "init")):
            asked = replace(asked, *config_lib.split(override))
    return asked


def _require_its_net(asked, begun, init, words):
    """Refuses another net than a start has."""
    if _net(asked) not in (_net(Config()), _net(begun)):
        raise InputError(
            f"--init={init} holds {words}, and the recipe or --set says "
            f"{backbones.describe(asked.model)}."
        )


def with_published(pipeline):
    """A stages.Pipeline in which nets that start from published weights fit.

    A stage that starts there has the encoder of the weights, and so do the
    other stages with the net that it has in the recipe.

    Raises:
        InputError: as `find_published`.
    """
    nets = {}
    for stage in pipeline.stages.values():
        begun = find_published("", stage, ())
        if begun or stage.model not in nets:
            nets[stage.model] = encoder_of(stage.model, begun)
    stages = {
        name: dataclasses.replace(stage, model=nets[stage.model])
        for name, stage in pipeline.stages.items()
    }
    return dataclasses.replace(pipeline, stages=stages)


def _net(config):
    """What of a config.Model says which net it is, in a few words."""
    model = config.model
    size = (model.depth, model.width) if model.name == "resnet" else ()
    return model.name, *size


def name_of(init):
    """What a run that starts there may be called; "" without a start."""
    return opened.bare_name(init) if start.is_published(init) else init


def encoder_of(model, begun):
    """A config.Model with the encoder of its start, and its own head.

    Args:
        model: config.Model.
        begun: Config of the start, or None: then it stays as it is.
    """
    if begun is None:
        return model
    own = backbones.encoder_settings(begun.model)
    return dataclasses.replace(model, **own)
