"""The variables of models and optimizers, by name."""

import numpy as np

from simclr.messages.errors import InputError


def named_variables(**parts):
    """Names every variable of models and optimizers once: "encoder/...".

    Args:
        **parts: role -> Keras model or optimizer.

    Returns:
        dict of "role/variable path" -> Keras variable.

    Raises:
        InputError: two variables of a part share a path.
    """
    named = {}
    for role, part in parts.items():
        for variable in part.variables:
            name = f"{role}/{variable.path}"
            if name in named:
                raise InputError(f"Two variables are called {name}.")
            named[name] = variable
    return named


def count_parameters(models):
    """How many there are; batch norm's statistics are none.

    Args:
        models: dict of role -> Keras model.
    """
    named = named_variables(**models)
    return sum(
        int(np.prod(variable.shape))
        for name, variable in named.items()
        if not name.rpartition("/")[2].startswith("moving_")
    )
