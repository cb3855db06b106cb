"""Configs from recipes, from overrides and from JSON, checked."""

import dataclasses
import json
import os
import runpy

from simclr.config.rules import get, validate
from simclr.config.schema import Config
from simclr.config.values import from_dict, keys, replace
from simclr.messages.errors import InputError
from simclr.models import backbones


def load(path, overrides=()):
    """Reads `config` from a recipe file, then applies `a.b=value` overrides.

    Raises:
        InputError: no such recipe, no `config` in it, an unknown key, a value
            of the wrong type or out of range.
    """
    return override(read(path), overrides)


def read(path):
    """The config as a recipe file says it, for overrides that come later.

    What it leaves open, such as stem="auto", stays so: the last override may
    change the images' size, which decides it. `override` settles it.

    Raises:
        InputError: as for `load`.
    """
    try:
        config = runpy.run_path(path).get("config")
    except (OSError, ImportError):  # Missing; a folder without __main__.
        raise InputError(f"No recipe at {path}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(config, Config):
        raise InputError(f"{path} does not set config = Config(...).")
    return validate(config)


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


def override(config, overrides):
    """Applies `a.b=value` strings to a config, and settles what is left open.

    Returns:
        Config, valid; its `model` alone says which net it is.

    Raises:
        InputError: as for `load`, or an option of another backbone.
    """
    given = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"Expected KEY=VALUE, got {text!r}.")
        config = replace(config, key.strip(), value.strip())
        given.append(key.strip())
    config = _settled(config)
    for key in given:
        if key.startswith("model."):
            backbones.require_option(config.model, key.removeprefix("model."))
    return config


def _settled(config):
    """The config, checked, with nothing left open that its net depends on."""
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
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text):
    """The config that `to_json` wrote.

    Raises:
        InputError: an unknown key or a wrong type in the text.
    """
    return _settled(from_dict(Config, json.loads(text)))


def differences(old, new):
    """Lines `key: old -> new` for every value in which two configs differ."""
    return [
        f"{key}: {get(old, key)!r} -> {get(new, key)!r}"
        for key in keys(Config)
        if get(old, key) != get(new, key)
    ]
