"""Names of ConvNeXt-T in the paper's code, torchvision, timm and Keras."""

import re

from simclr.published.families.family import TORCH, Family, by_layer

_NET = "convnext_tiny"
_BLOCK = re.compile(r"group(\d)_block(\d+)_(conv|norm|dense1|dense2|scale)")
_VARIABLES = {**TORCH, "scale": "gamma"}


def _parts(layer):
    """(group, block, role); counted from 0, block None between the groups."""
    if match := _BLOCK.fullmatch(layer):
        return int(match.group(1)) - 1, int(match.group(2)) - 1, match.group(3)
    part, _, role = layer.partition("_")
    group = {"stem": 0, "final": 4}.get(part)
    return int(part[-1]) - 1 if group is None else group, None, role


def _facebook(layer):
    group, block, role = _parts(layer)
    if group == 4:
        return "norm"
    if block is None:
        # The stem's norm comes after it, the others before their convolution.
        first = "conv" if group == 0 else "norm"
        return f"downsample_layers.{group}.{int(role != first)}"
    role = {
        "conv": ".dwconv",
        "norm": ".norm",
        "dense1": ".pwconv1",
        "dense2": ".pwconv2",
        "scale": "",
    }[role]
    return f"stages.{group}.{block}{role}"


def _timm(layer):
    group, block, role = _parts(layer)
    if group == 4:
        return "head.norm"
    if block is None:
        if group == 0:
            return f"stem.{int(role == 'norm')}"
        return f"stages.{group}.downsample.{int(role == 'conv')}"
    role = {
        "conv": ".conv_dw",
        "norm": ".norm",
        "dense1": ".mlp.fc1",
        "dense2": ".mlp.fc2",
        "scale": "",
    }[role]
    return f"stages.{group}.blocks.{block}{role}"


def _torchvision(layer):
    group, block, role = _parts(layer)
    if group == 4:
        return "classifier.0"
    if block is None:
        first = "conv" if group == 0 else "norm"
        return f"features.{2 * group}.{int(role != first)}"
    at = f"features.{2 * group + 1}.{block}"
    if role == "scale":
        return at
    place = {"conv": 0, "norm": 2, "dense1": 3, "dense2": 5}[role]
    return f"{at}.block.{place}"


def _keras(layer):
    group, block, role = _parts(layer)
    if group == 4:
        return f"{_NET}_head_layernorm"
    kind = {"conv": "conv", "norm": "layernorm"}
    if block is None and group == 0:
        return f"{_NET}_stem_{kind[role]}"
    if block is None:
        return f"{_NET}_downsampling_{kind[role]}_{group - 1}"
    role = {
        "conv": "depthwise_conv",
        "norm": "layernorm",
        "dense1": "pointwise_conv_1",
        "dense2": "pointwise_conv_2",
        "scale": "layer_scale",
    }[role]
    return f"{_NET}_stage_{group}_block_{block}_{role}"


def _if_named(*names):
    """`Family.recognise` by names."""

    def recognise(shapes):
        if set(names) <= set(shapes):
            return {"name": _NET, "stem": "imagenet"} | _IMAGENET
        return None

    return recognise


_IMAGENET = {"normalization": "imagenet"}

FAMILIES = (
    Family(
        library="ConvNeXt's code",
        style="torch",
        recognise=_if_named("downsample_layers.0.0.weight"),
        pieces=by_layer(_facebook, _VARIABLES),
        left={r"head\.": "classifier"},
    ),
    Family(
        library="timm",
        style="torch",
        recognise=_if_named("stages.0.blocks.0.conv_dw.weight"),
        pieces=by_layer(_timm, _VARIABLES),
        left={r"head\.fc\.": "classifier"},
    ),
    Family(
        library="torchvision",
        style="torch",
        recognise=_if_named("features.1.0.layer_scale"),
        pieces=by_layer(_torchvision, {**TORCH, "scale": "layer_scale"}),
        left={r"classifier\.2\.": "classifier"},
    ),
    Family(
        library="keras.applications",
        style="keras",
        recognise=_if_named(f"{_NET}_stem_conv/kernel"),
        pieces=by_layer(_keras, {"scale": "gamma"}, "/"),
        left={
            rf"{_NET}_head_dense/": "classifier",
            rf"{_NET}_prestem_normalization/": "pixels",
        },
    ),
)
