"""Configs from recipes, from overrides and from JSON, checked."""

import dataclasses
import json
import os
import runpy
import traceback

from simclr.config import recipes
from simclr.config.rules import get, validate
from simclr.config.schema import Augment, Config
from simclr.config.values import from_dict, keys, replace
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.storage import json_text


def load(path, overrides=()):
    """Reads `config` from a recipe file, then applies `a.b=value` overrides.

    Raises:
        InputError: no such recipe, an error in it, no `config` in it, an
            unknown key, a value of the wrong type or out of range.
    """
    return override(read(path), overrides)


def read(path):
    """The config as a recipe file says it, for overrides that come later.

    What it leaves open, such as stem="auto", stays so: the last override may
    change the images' size, which decides it. `override` settles it.

    Raises:
        InputError: as for `load`.
    """
    config = read_recipe(path).get("config")
    if not isinstance(config, Config):
        raise InputError(f"{path} does not set config = Config(...).")
    return validate(config)


def read_recipe(path):
    """The names that a recipe file sets, a dict.

    Args:
        path: of the file, or the name of a recipe of this package.

    Raises:
        InputError: there is no such file, or it ends in an error.
    """
    path = recipes.find(path)
    try:
        return runpy.run_path(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == path]
        line = getattr(error, "lineno", None) or [0, *lines][-1]
        raise InputError(
            f"{path}, line {line}: {type(error).__name__}: "
            f"{getattr(error, 'msg', error)}"
        ) from error


def derive(here, base, **changes):
    """A recipe that differs from the one beside it in a few values.

    Args:
        here: the new recipe's `__file__`.
        base: file name of the recipe it differs from.
        **changes: part -> dict of its new values, model={"depth": 101}; or a
            value of Config itself, epochs=800.

    Returns:
        Config; what the other leaves open stays so, as in `read`.
    """
    config = read(os.path.join(os.path.dirname(here), base))
    for name, value in changes.items():
        if isinstance(value, dict):
            changes[name] = dataclasses.replace(getattr(config, name), **value)
    return validate(dataclasses.replace(config, **changes))


def split(override):
    """(key, value) of KEY=VALUE.

    Raises:
        InputError: it has no `=`.
    """
    key, equals, value = override.partition("=")
    if not equals:
        raise InputError(f"Expected KEY=VALUE, got {override!r}.")
    return key.strip(), value.strip()


def override(config, overrides):
    """Applies `a.b=value` strings to a config, and settles what is left open.

    Returns:
        Config, valid; its `model` alone says which net it is.

    Raises:
        InputError: as for `load`, or an option of another backbone.
    """
    given, net = [], config.model.name
    for text in overrides:
        key, value = split(text)
        config = replace(config, key, value)
        given.append(key)
    if config.model.name != net and "model.normalization" not in given:
        # What was settled was the other net's.
        config = replace(config, "model.normalization", "auto")
    config = settled(_heard(config, given))
    for key in given:
        if key.startswith("model."):
            backbones.require_option(config.model, key.removeprefix("model."))
    return config


def _heard(config, given):
    """A list takes the place of strengths that no view hears after it."""
    lists = (config.augment.view1, config.augment.view2)
    listed = {"augment.view1", "augment.view2"} & set(given)
    if not listed or None in lists:
        return config
    kept = {"place", "view1", "view2"}
    kept |= {
        key.removeprefix("augment.")
        for key in given
        if key.startswith("augment.")
    }
    augment = Augment(**{key: getattr(config.augment, key) for key in kept})
    return dataclasses.replace(config, augment=augment)


def settled(config):
    """The config, checked, with nothing left open that its net depends on.

    Raises:
        InputError: a bad value.
    """
    model = backbones.settle(
        validate(config).model,
        image_size=config.data.image_size,
        eval_image_size=eval_image_size(config),
    )
    return validate(dataclasses.replace(config, model=model))


def eval_image_size(config):
    """Side of the images that evaluation shows the encoder, pixels."""
    return config.data.eval_image_size or config.data.image_size


def to_json(config):
    """A config as readable JSON text."""
    # An operation of a view is the text that it is spelled by.
    return json.dumps(dataclasses.asdict(config), indent=2, default=str) + "\n"


def from_json(text):
    """The config that `to_json` wrote.

    Raises:
        InputError: no JSON, an unknown key or a wrong type in it.
    """
    try:
        values = json_text.parse(text)
    except ValueError as error:
        raise InputError(f"It is no JSON: {error}.") from error
    return settled(from_dict(Config, values))


def differences(old, new):
    """Lines `key: old -> new` for every value in which two configs differ."""
    return [
        f"{key}: {get(old, key)!r} -> {get(new, key)!r}"
        for key in keys(Config)
        if get(old, key) != get(new, key)
    ]
