"""Published names of an encoder's weights and ours, in both directions.

A published name has as many spellings as there are ways to save it. `table`
writes down each in a canonical form, in which numbers that a framework gives
to layers of equal kind are counted from 0 in their own scope, so that neither
the number a program started with nor "sync_" batch norm changes them;
`canonical` brings a file's names into that form.

    tf1     base_model/conv2d.7/kernel             (the order of creation)
    tf2     resnet/block_group1/bottleneck_block.0/conv2d_fixed_padding.1/...
    object  resnet_model/block_groups/0/layers/0/conv_relu_dropblock_layers/...
    torch   layer1.0.conv1.weight
"""

import re

from simclr.published.resnet_layers import layers

STYLES = ("tf1", "tf2", "object", "torch")
_TORCH_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Numbers that are part of a name, not given by the framework.
_NUMBERED = re.compile(r"block_group\d+|nl_\d+|l_\d+|layer\d+")
_ROOTS = {"tf1": "base_model", "tf2": "resnet", "object": "resnet_model"}


def table(net, style):
    """Published canonical name -> our path, for every weight of an encoder.

    Args:
        net: resnet_layers.Net.
        style: one of STYLES.

    Returns:
        dict of str -> str; swap it for the other direction.
    """
    name_layers = {
        "tf1": _tf1_names,
        "tf2": _tf2_names,
        "object": _object_names,
        "torch": _torch_names,
    }[style]
    found = {}
    for layer, published in zip(layers(net), name_layers(net)):
        for variable in layer.variables:
            theirs = (
                f"{published}.{_TORCH_VARIABLES[variable]}"
                if style == "torch"
                else f"{published}/{variable}"
            )
            found[theirs] = f"{layer.name}/{variable}"
    return found


def canonical(names, style):
    """Canonical forms of a file's names.

    Args:
        names: iterable of str.
        style: one of STYLES.

    Returns:
        dict of name -> canonical form; names of other parts are left out.
    """
    if style == "torch":
        return {name: name for name in names}
    root = _ROOTS[style]
    found = {}
    for name in names:
        match = re.search(rf"(?:^|/)({root}(?:_\d+)?/.*)", name)
        if match:
            found[name] = match.group(1)
    if style == "object":
        return found
    # A global batch norm is not the same class as a local one in Keras 2.
    split = {
        name: path.replace("sync_batch_", "batch_").split("/")
        for name, path in found.items()
    }
    return _count_in_scope(split, from_least=style == "tf1")


def _count_in_scope(split, from_least):
    """Replaces each framework's number by its place among its siblings.

    Args:
        split: dict of name -> list of scopes, the last of them the variable.
        from_least: number - least number, so that a layer that is missing
            moves no other; else the place in order, for numbers with gaps.
    """
    done = {name: [] for name in split}
    for level in range(max(map(len, split.values()), default=0)):
        siblings = {}
        for name, scopes in split.items():
            if level < len(scopes) - 1:
                kind, number = _kind_and_number(scopes[level])
                key = (*done[name], kind)
                siblings.setdefault(key, {}).setdefault(number, []).append(name)
        for (*_, kind), numbers in siblings.items():
            for place, number in enumerate(sorted(numbers)):
                if from_least:
                    place = number - min(numbers)
                bare = number < 0 or level == 0
                for name in numbers[number]:
                    done[name].append(kind if bare else f"{kind}.{place}")
    return {
        name: "/".join([*scopes, split[name][-1]])
        for name, scopes in done.items()
    }


def _kind_and_number(scope):
    """("conv2d", 7) for conv2d_7 or conv2d.7; 0 for none, -1 where fixed."""
    if _NUMBERED.fullmatch(scope):
        return scope, -1
    kind, number = re.fullmatch(r"(.*?)(?:[._](\d+))?", scope).groups()
    return kind, int(number or 0)


def _tf1_names(net):
    convs = norms = 0
    for layer in layers(net):
        if layer.is_conv:
            yield f"base_model/conv2d.{convs}"
            convs += 1
        else:
            yield f"base_model/batch_normalization.{norms}"
            norms += 1


def _tf2_names(net):
    kind = "bottleneck_block" if net.bottleneck else "residual_block"
    counts = {}

    def count(scope):
        counts[scope] = counts.get(scope, -1) + 1
        return f"{scope}.{counts[scope]}"

    for layer in layers(net):
        scope = "resnet"
        if layer.group:
            scope += f"/block_group{layer.group}/{kind}.{layer.block}"
        if net.sk_ratio and _selects_kernels(net, layer):
            scope += "/sk__conv2d.0"
        if layer.role in ("sk_conv1", "sk_conv2"):
            yield count(f"{scope}/conv2d")
        elif layer.is_conv:
            yield count(f"{scope}/conv2d_fixed_padding") + "/conv2d.0"
        else:
            yield count(f"{scope}/batch_norm_relu") + "/batch_normalization.0"


def _selects_kernels(net, layer):
    inside = layer.role in ("conv2", "bn2") or layer.role.startswith("sk_")
    return net.bottleneck and layer.group > 0 and inside


# Places in the lists of layers that the published objects keep; between them
# are layers without weights (activations, pools, DropBlock).
_STEM_PLACES = {
    "conv": 0,
    "bn": 2,
    "conv1": 0,
    "bn1": 1,
    "conv2": 2,
    "bn2": 3,
    "conv3": 4,
    "bn3": 6,
}
_BASIC_PLACES = {"conv1": 0, "bn1": 1, "conv2": 2, "bn2": 3}
_BOTTLENECK_PLACES = {
    "conv1": "0",
    "bn1": "1",
    "conv2": "3",
    "bn2": "4",
    "conv3": "6",
    "bn3": "7",
}
_SK_PLACES = {
    **_BOTTLENECK_PLACES,
    "conv2": "3/conv2d_fixed_padding",
    "bn2": "3/batch_norm_relu",
    "sk_conv1": "3/conv2d_0",
    "sk_bn1": "3/batch_norm_relu_1",
    "sk_conv2": "3/conv2d_1",
    "conv3": "5",
    "bn3": "6",
}


def _object_names(net):
    for layer in layers(net):
        last = "conv2d" if layer.is_conv else "bn"
        if not layer.group:
            scope = "resnet_model/initial_conv_relu_max_pool"
            yield f"{scope}/{_STEM_PLACES[layer.role]}/{last}"
            continue
        scope = (
            f"resnet_model/block_groups/{layer.group - 1}/layers/{layer.block}"
        )
        if layer.role.startswith("shortcut"):
            kind = "projection" if net.bottleneck else "shortcut"
            # ResNet-D pools first, and pads before that where it strides.
            pools = (1 + (layer.group > 1)) if net.sk_ratio else 0
            place = pools + (not layer.is_conv)
            yield f"{scope}/{kind}_layers/{place}/{last}"
        elif not net.bottleneck:
            place = _BASIC_PLACES[layer.role]
            yield f"{scope}/conv2d_bn_layers/{place}/{last}"
        else:
            places = _SK_PLACES if net.sk_ratio else _BOTTLENECK_PLACES
            scope += f"/conv_relu_dropblock_layers/{places[layer.role]}"
            gate = layer.role in ("sk_conv1", "sk_conv2")
            yield scope if gate else f"{scope}/{last}"


def _torch_names(net):
    shortcut = {"shortcut_conv": "downsample.0", "shortcut_bn": "downsample.1"}
    for layer in layers(net):
        if not layer.group:
            yield {"conv": "conv1", "bn": "bn1"}.get(layer.role, layer.role)
        else:
            role = shortcut.get(layer.role, layer.role)
            yield f"layer{layer.group}.{layer.block}.{role}"
