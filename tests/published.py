"""The published nets' weights by our names, filled as the golden ones were.

tests/golden/ holds outputs of the published code for weights that anyone can
draw again: number i of a net's list is made from PCG64(1000 + i).
"""

import itertools

import numpy as np

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


def encoder_weights(depth, sk=False):
    """Names of an encoder's weights in the order of the published code."""
    layers = _pairs("stem_{}", "123" if sk else [""])
    for group, count in enumerate(BLOCKS[depth], start=1):
        for i in range(1, count + 1):
            block = f"group{group}_block{i}_{{}}"
            shortcut = f"group{group}_block{i}_shortcut_{{}}"
            opening = _pairs(shortcut, [""]) if i == 1 else []
            if depth < 50:  # Here the shortcut is listed last.
                layers += _pairs(block, "12") + opening
                continue
            layers += opening + _pairs(block, "12")
            if sk:
                gate = f"group{group}_block{i}_sk_{{}}"
                layers += [*_pairs(gate, "1"), gate.format("conv2")]
            layers += _pairs(block, "3")
    return _weights(layers)


def head_weights(num_layers):
    """Names of a projection head's weights in the published order."""
    layers = [
        name
        for i in [*range(1, num_layers), None]
        for stem in ["z" if i is None else f"layer{i}"]
        for name in (f"{stem}_bn", f"{stem}_dense")
    ]
    return [w for w in _weights(layers) if w != "z_bn/beta"]


def fill(variables, names, start=0):
    """Gives `variables` the golden values; each must be named exactly once."""
    by_path = {v.path: v for v in variables}
    assert sorted(by_path) == sorted(names)
    for i, name in enumerate(names, start=start):
        by_path[name].assign(value(i, name, tuple(by_path[name].shape)))


def value(i, name, shape):
    x = np.random.Generator(np.random.PCG64(1000 + i)).standard_normal(shape)
    kind = name.rpartition("/")[2]
    if kind == "gamma":
        return 1 + 0.1 * x
    if kind == "moving_variance":
        return 1 + 0.2 * np.abs(x)
    if kind == "kernel":
        return x * np.sqrt(2 / np.prod(shape[:-1]))
    return 0.1 * x  # beta, moving_mean, bias


def _pairs(pattern, numbers):
    return [
        pattern.format(kind) + number
        for number, kind in itertools.product(numbers, ("conv", "bn"))
    ]


def _weights(layers):
    """All trainable weights first, then all moving statistics."""
    trained = {"conv": ["kernel"], "dens": ["kernel"], "bn": ["gamma", "beta"]}
    moving = {"bn": ["moving_mean", "moving_variance"]}
    return [
        f"{layer}/{variable}"
        for kinds in (trained, moving)
        for layer in layers
        for kind, names in kinds.items()
        if f"_{kind}" in layer
        for variable in names
    ]
