"""The parts of an encoder: which stay as they are, how fast the others learn.

A layer's name begins with its part's (backbones.py). A net from outside is one
part, whatever its layers are called.
"""


def freeze(encoder, parts, last):
    """Stops training up to a part; its batch norm keeps its statistics too.

    A layer with trainable=False runs its batch norm in inference mode, whatever
    the call says. (The published TF2 code sets the flag on wrappers before
    their layers exist, and goes on updating the statistics.)

    Args:
        encoder: Keras model.
        parts: tuple of str, its parts from the pixels on.
        last: the last of them that stays as it is; "none": all learn.
    """
    if last == "none":
        return
    if last == parts[-1]:
        encoder.trainable = False
        return
    frozen = parts[: parts.index(last) + 1]
    for layer in encoder.layers:
        if _part(layer, parts) in frozen:
            layer.trainable = False


def lr_factors(encoder, parts, decay):
    """Shares of the learning rate, smaller from the last part down.

    The last part's is `decay`, that of the part below it `decay` squared, ...
    (layer-wise learning rate decay, as BEiT and MAE fine-tune; there a part is
    a block).

    Args:
        encoder: Keras model.
        parts: tuple of str, its parts from the pixels on.
        decay: in (0, 1]; 1: all are 1.

    Returns:
        list of (Keras variable, float), of all that the encoder trains.
    """
    return [
        (variable, decay ** (len(parts) - parts.index(_part(layer, parts))))
        for layer in encoder.layers
        for variable in layer.trainable_variables
    ]


def _part(layer, parts):
    """The part that a layer belongs to."""
    name = layer.name.partition("_")[0]
    return name if name in parts else parts[-1]
