"""What weight decay reaches: decided by the kind of a variable, here alone."""

import re

# Class tokens and learned positions, whatever library the layer is from.
_PLACE = re.compile(r"class_token|cls_token|pos_emb|position")


def kind(variable):
    """What a Keras variable is.

    Returns:
        "bias"; "scale": a norm's gamma or beta, a layer scale; "place": a
        class token, a position embedding; or "kernel", all else.
    """
    if variable.name.endswith("bias"):
        return "bias"
    if len(variable.shape) < 2:
        return "scale"
    return "place" if _PLACE.search(variable.path) else "kernel"


def no_decay_variables(*models):
    """Trained variables that weight decay leaves alone: all but kernels.

    Args:
        *models: built Keras models or layers.

    Returns:
        list of Keras variables, in their order.
    """
    return [
        variable
        for model in models
        for variable in model.trainable_variables
        if kind(variable) != "kernel"
    ]


def decayed_by_loss(variables, *, biases):
    """What decays where decay is a term of the loss (SGD, Adam).

    Args:
        variables: list of Keras variables.
        biases: bool, whether biases do, as in SimCLR's code.

    Returns:
        list of Keras variables, in their order.
    """
    kinds = {"kernel", "bias"} if biases else {"kernel"}
    return [v for v in variables if kind(v) in kinds]
