"""Names of the nets of inverted residuals: MobileNetV3, EfficientNets.

A block of ours is called by its group, which keeps one resolution, and its
place there. Others count blocks through the net, or in stages of their own.
"""

import re

from simclr.published.families.family import TORCH, Family, by_layer

_LAYER = re.compile(
    r"group(\d+)_block(\d+)_(expand|depthwise|project|se)_(conv|bn)(\d?)"
)
# Blocks in each of our groups, and in each of timm's stages.
_GROUPS = {
    "mobilenet_v3_small": (1, 2, 5, 3),
    "mobilenet_v3_large": (1, 2, 3, 6, 3),
    "efficientnet_v2_b0": (1, 2, 2, 3, 5, 8),
    "efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
}
_STAGES = {
    **_GROUPS,
    "mobilenet_v3_small": (1, 2, 3, 2, 3),
    "mobilenet_v3_large": (1, 2, 3, 4, 2, 3),
}


class _Blocks:
    """Which layers the blocks of a net have.

    Args:
        net: name of the backbone.
        paths: our variables' paths.
    """

    def __init__(self, net, paths):
        self.groups, self.stages = _GROUPS[net], _STAGES[net]
        self._roles = {}
        for path in paths:
            if match := _LAYER.match(path):
                group, block, role = match.group(1, 2, 3)
                number = self.number(int(group), int(block))
                self._roles.setdefault(number, set()).add(role)

    def number(self, group, block):
        """A block's place in the net, from 0; group and block are from 1."""
        return sum(self.groups[: group - 1]) + block - 1

    def stage(self, number):
        """(stage, place in it) of a block, both from 0."""
        for stage, count in enumerate(self.stages):
            if number < count:
                return stage, number
            number -= count
        raise IndexError(number)

    def roles(self, number):
        """Its kinds of layers, in the order of the pixels' way."""
        order = ("expand", "depthwise", "se", "project")
        return [role for role in order if role in self._roles[number]]


def _pieces(net, rename, variables=TORCH, joint="."):
    """`Family.pieces` by `rename(blocks, number, role, kind, place)`.

    It is given -1 for the stem and None for the last convolution as the
    number; `kind` is "conv" or "bn", `place` "1" or "2" in squeeze-excitation.
    """

    def pieces(paths):
        blocks = _Blocks(net, paths)

        def layer(name):
            part, _, kind = name.partition("_")
            if part in ("stem", "final"):
                number = -1 if part == "stem" else None
                return rename(blocks, number, part, kind, "")
            group, block, *rest = _LAYER.fullmatch(name).groups()
            return rename(blocks, blocks.number(int(group), int(block)), *rest)

        return by_layer(layer, variables, joint)(paths)

    return pieces


def _timm(blocks, number, role, kind, place):
    if role == "stem":
        return {"conv": "conv_stem", "bn": "bn1"}[kind]
    if role == "final":
        if len(blocks.stages) == len(blocks.groups):  # EfficientNets.
            return {"conv": "conv_head", "bn": "bn2"}[kind]
        name = {"conv": "conv", "bn": "bn1"}[kind]
        return f"blocks.{len(blocks.stages)}.0.{name}"
    stage, i = blocks.stage(number)
    roles = blocks.roles(number)
    if role == "se":
        name = {"1": "se.conv_reduce", "2": "se.conv_expand"}[place]
    elif kind == "bn":
        name = f"bn{1 + [r for r in roles if r != 'se'].index(role)}"
    elif roles == ["project"]:
        name = "conv"
    elif "depthwise" not in roles:
        name = {"expand": "conv_exp", "project": "conv_pwl"}[role]
    elif "expand" not in roles:
        name = {"depthwise": "conv_dw", "project": "conv_pw"}[role]
    else:
        name = {
            "expand": "conv_pw",
            "depthwise": "conv_dw",
            "project": "conv_pwl",
        }[role]
    return f"blocks.{stage}.{i}.{name}"


def _torchvision(blocks, number, role, kind, place):
    last = {"conv": "0", "bn": "1"}[kind]
    if role in ("stem", "final"):
        at = 0 if role == "stem" else 1 + sum(blocks.groups)
        return f"features.{at}.{last}"
    at = blocks.roles(number).index(role)
    last = f"fc{place}" if role == "se" else last
    return f"features.{number + 1}.block.{at}.{last}"


def _lukemelas(blocks, number, role, kind, place):
    if role == "stem":
        return {"conv": "_conv_stem", "bn": "_bn0"}[kind]
    if role == "final":
        return {"conv": "_conv_head", "bn": "_bn1"}[kind]
    at = ("expand", "depthwise", "project").index(role)
    name = f"_bn{at}" if kind == "bn" else f"_{role}_conv"
    return f"_blocks.{number}.{name}"


def _keras_mobilenet(blocks, number, role, kind, place):
    if role in ("stem", "final"):
        name = {"stem": "conv", "final": "conv_1"}[role]
    else:
        block = f"expanded_conv_{number}" if number else "expanded_conv"
        if role == "se":
            numbered = {"1": "", "2": "_1"}[place]
            return f"{block}_squeeze_excite_conv{numbered}"
        name = f"{block}_{role}"
    return f"{name}_bn" if kind == "bn" else name


def _keras_efficientnet(blocks, number, role, kind, place):
    if role in ("stem", "final"):
        return f"{ {'stem': 'stem', 'final': 'top'}[role] }_{kind}"
    stage, i = blocks.stage(number)
    block = f"block{stage + 1}{chr(ord('a') + i)}_"
    if role == "se":
        return block + {"1": "se_reduce", "2": "se_expand"}[place]
    if role == "depthwise":
        return block + {"conv": "dwconv2", "bn": "bn"}[kind]
    return f"{block}{role}_{kind}"


def _if_named(net, *names, absent=(), **fields):
    """`Family.recognise` by names that are there, and names that are not."""

    def recognise(shapes):
        if set(names) <= set(shapes) and not set(absent) & set(shapes):
            return {"name": net, "stem": "imagenet", **fields}
        return None

    return recognise


_CLASSIFIER = {r"classifier\b": "classifier"}
_PYTORCH = {"padding": "symmetric", "normalization": "imagenet"}
_TIMM_NOTE = (
    "timm's nets called tf_... pad as TensorFlow does and have another epsilon "
    "and normalization: neither names nor shapes tell them from the others"
)


def _timm_family(net, *names, absent=(), left=None, **fields):
    return Family(
        library="timm",
        style="torch",
        recognise=_if_named(
            net,
            "conv_stem.weight",
            *names,
            absent=absent,
            **(fields or {**_PYTORCH, "norm_epsilon": 1e-5}),
        ),
        pieces=_pieces(net, _timm),
        left={**_CLASSIFIER, **(left or {})},
        note="" if fields else _TIMM_NOTE,
    )


# MobileNetV3's layer between the pooled features and the classes.
_BEHIND_POOL = {r"conv_head\b": "classifier", r"norm_head\b": "classifier"}

FAMILIES = (
    Family(
        library="EfficientNet-PyTorch",
        style="torch",
        recognise=_if_named(
            "efficientnet_lite0", "_conv_stem.weight", normalization="lite"
        ),
        pieces=_pieces("efficientnet_lite0", _lukemelas),
        left={r"_fc\b": "classifier"},
    ),
    _timm_family(
        "efficientnet_lite0",
        "blocks.6.0.conv_pwl.weight",
        absent=("blocks.2.0.se.conv_reduce.weight",),
    ),
    _timm_family(
        "efficientnet_v2_b0",
        "blocks.1.0.conv_exp.weight",
        normalization="imagenet",  # tf_efficientnetv2_b0 is the only one.
    ),
    _timm_family(
        "mobilenet_v3_large", "blocks.6.0.conv.weight", left=_BEHIND_POOL
    ),
    _timm_family(
        "mobilenet_v3_small",
        "blocks.5.0.conv.weight",
        absent=("blocks.6.0.conv.weight",),
        left=_BEHIND_POOL,
    ),
    *(
        Family(
            library="torchvision",
            style="torch",
            recognise=_if_named(
                net,
                "features.1.block.0.0.weight",
                f"features.{1 + sum(_GROUPS[net])}.1.weight",
                **_PYTORCH,
            ),
            pieces=_pieces(net, _torchvision),
            left=_CLASSIFIER,
        )
        for net in ("mobilenet_v3_large", "mobilenet_v3_small")
    ),
    *(
        Family(
            library="keras.applications",
            style="keras",
            recognise=_if_named(
                net,
                "expanded_conv_project/kernel",
                f"expanded_conv_{sum(_GROUPS[net]) - 1}_project/kernel",
                absent=(f"expanded_conv_{sum(_GROUPS[net])}_project/kernel",),
                normalization="inception",
            ),
            pieces=_pieces(net, _keras_mobilenet, {}, "/"),
            left={r"conv_2/|logits/": "classifier"},
        )
        for net in ("mobilenet_v3_large", "mobilenet_v3_small")
    ),
    Family(
        library="keras.applications",
        style="keras",
        recognise=_if_named(
            "efficientnet_v2_b0",
            "stem_conv/kernel",
            "block6h_project_conv/kernel",
            normalization="imagenet",
        ),
        pieces=_pieces("efficientnet_v2_b0", _keras_efficientnet, {}, "/"),
        left={r"predictions/": "classifier", r"normalization/": "pixels"},
    ),
)
