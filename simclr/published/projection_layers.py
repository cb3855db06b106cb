"""The heads in a file of published weights: projection head, linear head.

Letters: f features, d projection dimensions, k classes.
"""

import dataclasses
import re

from simclr.published.resnet_layers import BN_VARIABLES

# head_contrastive/nl_0/dense/kernel,
# projection_head/nl_0/batch_norm_relu_21/sync_batch_normalization_21/gamma,
# model/_projection_head/linear_layers/0/bn_relu/bn/gamma.
_HEAD = re.compile(
    r"(?:head_contrastive|projection_head)(?:_\d+)?/(?:n?l_|linear_layers/)"
    r"(\d+)/(dense|bn_relu|batch_norm|sync_batch_norm)[^/]*/(?:.*/)?(\w+)$"
)
# head_supervised/linear_layer/dense_3/kernel.
_PROBE = re.compile(
    r"(?:head_supervised|supervised_head)(?:_\d+)?/linear_layer/"
    r"dense(?:_\d+)?/(kernel|bias)$"
)
# Barlow Twins' projector, a sequence of Linear, BatchNorm1d, ReLU.
_PROJECTOR = re.compile(r"projector\.(\d+)\.(\w+)$")
_TORCH_PROBE = {"fc.weight": "kernel", "fc.bias": "bias"}
_TORCH_NORM = dict(
    zip(("weight", "bias", "running_mean", "running_var"), BN_VARIABLES)
)


@dataclasses.dataclass
class ProjectionLayers:
    """The heads that a file holds.

    Attributes:
        paths: our path ("head/layer1_dense/kernel", "probe/probe/bias") -> key.
        num_layers: Dense layers of the head, the missing last one counted.
        whole: whether the last layer, which makes z, is there.
        norm: whether a batch norm follows the last layer.
        dense_keys: key of each Dense kernel, in order.
    """

    paths: dict
    num_layers: int = 0
    whole: bool = True
    norm: bool = True
    dense_keys: list = dataclasses.field(default_factory=list)


def find(names):
    """The heads among a file's names.

    Args:
        names: dict of key -> name, of any style.

    Returns:
        ProjectionLayers.
    """
    places, paths = {}, {}
    for key, name in names.items():
        place = _place(name)
        if place is None:
            continue
        if place[0] == "probe":
            paths[f"probe/probe/{place[1]}"] = key
        else:
            places[place] = key
    if not places:
        return ProjectionLayers(paths)
    last = max(number for number, _, _ in places)
    # Published hidden layers have an offset, and the last layer has none.
    whole = (last, "bn", "beta") not in places
    for (number, kind, variable), key in places.items():
        layer = "z" if whole and number == last else f"layer{number + 1}"
        paths[f"head/{layer}_{kind}/{variable}"] = key
    return ProjectionLayers(
        paths,
        num_layers=last + (1 if whole else 2),
        whole=whole,
        norm=not whole or (last, "bn", "gamma") in places,
        dense_keys=[
            places[i, "dense", "kernel"]
            for i in range(last + 1)
            if (i, "dense", "kernel") in places
        ],
    )


def head_shapes(features, hidden, out_dim, layers):
    """Weights of the projection head in simclr.models.heads.

    Args:
        features: f.
        hidden: width of the hidden layers.
        out_dim: d.
        layers: ProjectionLayers.

    Returns:
        dict of "head/..." -> shape, those of a missing last layer left out.
    """
    shapes, width = {}, features
    for i in range(1, layers.num_layers):
        shapes[f"head/layer{i}_dense/kernel"] = (width, hidden)
        for variable in BN_VARIABLES:
            shapes[f"head/layer{i}_bn/{variable}"] = (hidden,)
        width = hidden
    if layers.num_layers and layers.whole:
        shapes["head/z_dense/kernel"] = (width, out_dim)
        if layers.norm:
            for variable in ("gamma", "moving_mean", "moving_variance"):
                shapes[f"head/z_bn/{variable}"] = (out_dim,)
    return shapes


def _place(name):
    """("probe", variable), (number, kind, variable) or None."""
    if name in _TORCH_PROBE:
        return "probe", _TORCH_PROBE[name]
    if match := _PROBE.search(name):
        return "probe", match.group(1)
    if match := _HEAD.search(name):
        kind = "dense" if match.group(2) == "dense" else "bn"
        return int(match.group(1)), kind, match.group(3)
    if match := _PROJECTOR.fullmatch(name):
        place, variable = int(match.group(1)), match.group(2)
        if place % 3 == 0:
            return place // 3, "dense", variable.replace("weight", "kernel")
        return place // 3, "bn", _TORCH_NORM.get(variable, variable)
    return None
