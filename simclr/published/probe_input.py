"""What the linear head of a published checkpoint sits on, where it shows.

SimCLRv2's 1 % and 10 % fine-tuned nets keep the first layer of the projection
head (ft_proj_selector=1): their linear head takes that layer's output, which
is as long as h. Shapes alone cannot tell the two; what was trained can.
"""

import re

_KEEPS_FIRST = re.compile(r"finetuned?_(?:1|10)(?:pct|percent)")


def probe_input(source, fit, path):
    """The end of the net that the linear head takes, and how that is known.

    Args:
        source: source.Source of the file.
        fit: fit.Fit of it.
        path: where the file lies; the published folders' names tell.

    Returns:
        (end, reason): "h", "layer1", ..., "z", or "" where it cannot be known.
    """
    heads, shapes = fit.heads, source.shapes
    inputs = shapes[fit.paths["probe/probe/kernel"]][0]
    if not heads.num_layers:
        return "h", "there is no projection head"
    if inputs != fit.net.features:
        return "z", f"it takes {inputs} numbers, as many as a projection has"
    if not heads.whole:
        last = heads.num_layers - 1
        return f"layer{last}", f"the file's head ends with layer {last}"
    layers = [key in source.trained for key in heads.dense_keys]
    if _fine_tuned(source, fit) and not all(layers):
        if not any(layers):
            return "h", "no layer of the projection head was trained"
        last = max(i for i, trained in enumerate(layers, 1) if trained)
        return (
            f"layer{last}",
            f"of the projection head, layers up to {last} were fine-tuned "
            "(they have optimizer slots)",
        )
    if _KEEPS_FIRST.search(path):
        return "layer1", "published 1 % and 10 % fine-tuned nets keep layer 1"
    return "", (
        f"h and the hidden layers all have {inputs} numbers; published nets "
        "take h, and layer1 when fine-tuned on 1 % or 10 % of the labels"
    )


def _fine_tuned(source, fit):
    """Whether a gradient reached both the linear head and the encoder."""
    encoder = any(
        key in source.trained
        for path, key in fit.paths.items()
        if path.startswith("encoder/")
    )
    return encoder and fit.paths["probe/probe/kernel"] in source.trained
