"""Names of keras.applications' ResNet-50, 101 and 152 of the first version.

Their convolutions have biases, which batch norm takes away in training: they go
into the moving mean. So does its other epsilon into the moving variance.
"""

import re

from simclr.published.families.family import Family, Piece

_BLOCK = re.compile(r"group(\d)_block(\d+)_(shortcut_)?(conv|bn)(\d?)")
_EPSILON = 1.001e-5 - 1e-5  # Theirs less ours.
_DEPTHS = {  # By the blocks of the third and the second group.
    (6, 4): 50,
    (23, 4): 101,
    (36, 8): 152,
}


def _theirs(layer):
    if layer.startswith("stem_"):
        return layer.replace("stem", "conv1")
    group, block, shortcut, kind, place = _BLOCK.fullmatch(layer).groups()
    at = "0" if shortcut else place
    return f"conv{int(group) + 1}_block{block}_{at}_{kind}"


def _pieces(paths):
    found = {}
    for path in paths:
        layer, _, variable = path.rpartition("/")
        theirs = _theirs(layer)
        name = f"{theirs}/{variable}"
        if variable == "moving_mean":
            bias = f"{theirs.removesuffix('bn')}conv/bias"
            found[path] = Piece((name, bias), lambda mean, bias: mean - bias)
        elif variable == "moving_variance":
            found[path] = Piece((name,), lambda variance: variance + _EPSILON)
        else:
            found[path] = Piece((name,))
    return found


def _recognise(shapes):
    if not {"conv1_conv/bias", "conv2_block1_1_conv/kernel"} <= set(shapes):
        return None
    blocks = [
        max(
            int(match.group(1))
            for name in shapes
            if (match := re.match(rf"conv{group}_block(\d+)_1_conv/", name))
        )
        for group in (4, 3)
    ]
    return {
        "name": "resnet",
        "depth": _DEPTHS.get(tuple(blocks), 50),
        "stem": "torchvision",
        "stride_kernel": 1,
        "normalization": "caffe",
    }


FAMILIES = (
    Family(
        library="keras.applications",
        style="keras",
        recognise=_recognise,
        pieces=_pieces,
        left={r"predictions/|probs/": "classifier"},
    ),
)
