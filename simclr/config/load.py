"""Configs from recipes, from overrides and from JSON, checked."""

import dataclasses
import json
import os
import runpy

from simclr.config.rules import get, validate
from simclr.config.schema import Config
from simclr.config.values import from_dict, keys, replace
from simclr.messages.errors import InputError


def load(path, overrides=()):
    """Reads `config` from a recipe file, then applies `a.b=value` overrides.

    Raises:
        InputError: no such recipe, no `config` in it, an unknown key, a value
            of the wrong type or out of range.
    """
    try:
        config = runpy.run_path(path).get("config")
    except (OSError, ImportError):  # Missing; a folder without __main__.
        raise InputError(f"No recipe at {path}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(config, Config):
        raise InputError(f"{path} does not set config = Config(...).")
    return override(config, overrides)


def derive(here, base, **changes):
    """A recipe that differs from the one beside it in a few values.

    Args:
        here: the new recipe's `__file__`.
        base: file name of the recipe it differs from.
        **changes: part -> dict of its new values, model={"depth": 101}; or a
            value of Config itself, epochs=800.

    Returns:
        Config.
    """
    config = load(os.path.join(os.path.dirname(here), base))
    for name, value in changes.items():
        if isinstance(value, dict):
            changes[name] = dataclasses.replace(getattr(config, name), **value)
    return validate(dataclasses.replace(config, **changes))


def override(config, overrides):
    """Applies `a.b=value` strings to a config and validates the result."""
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"Expected KEY=VALUE, got {text!r}.")
        config = replace(config, key.strip(), value.strip())
    return validate(config)


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
    return validate(from_dict(Config, json.loads(text)))


def differences(old, new):
    """Lines `key: old -> new` for every value in which two configs differ."""
    return [
        f"{key}: {get(old, key)!r} -> {get(new, key)!r}"
        for key in keys(Config)
        if get(old, key) != get(new, key)
    ]
