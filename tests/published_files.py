"""Checkpoints as the published programs write them, for tests.

Names, shapes and order come from tests/golden/published_names.json, which the
published TF2 code printed; values are the golden ones (tests/published.py).
"""

import json
import pathlib
import re

import numpy as np
import tensorflow as tf

from tests import published

NAMES = json.loads(
    (pathlib.Path(__file__).parent / "golden/published_names.json").read_text()
)
# Number of a convolution or batch norm in the order in which it was made.
_CREATED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?/(\w+)$")


def values(net):
    """Published TF2 name -> golden value: "r18_cifar", "head3", "model", ..."""
    found = {}
    for i, (name, shape) in enumerate(NAMES[net]):
        kind = name.rpartition("/")[2]
        array = published.value(i, f"layer/{kind}", tuple(shape))
        found[name] = array.astype(np.float32)
    return found


def tf1_name(name):
    """The same variable in the TF1 program.

    It makes layers in the same order and counts them in one scope.
    """
    if name.startswith("resnet/"):
        return "base_model/" + _CREATED.search(name).group(0)
    name = name.replace("projection_head", "head_contrastive")
    name = re.sub(r"batch_norm_relu\w*/", "", name)
    return re.sub(r"(dense|batch_normalization)_\d+", r"\1", name)


def write_tf1(prefix, tensors):
    """A checkpoint without an object graph, as tf.train.Saver writes it."""
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(tensors[name]) for name in names],
    )
    return str(prefix)


def objects(named, *, net_options=None, full_names=True):
    """The published TF2 program's objects, as a tree of tf.Modules.

    Args:
        named: published TF2 name -> array.
        net_options: dict of bottleneck, blocks, sk, cifar.
        full_names: whether variables bear their published names.

    Returns:
        (root with resnet_model, _projection_head, supervised_head, dict of
        name -> tf.Variable).
    """
    variables = {
        name: tf.Variable(array, name=name if full_names else "x")
        for name, array in named.items()
    }
    root = tf.Module()
    encoder = {n: v for n, v in variables.items() if n.startswith("resnet/")}
    root.resnet_model = _resnet(encoder, **net_options)
    root._projection_head = tf.Module()
    root._projection_head.linear_layers = []
    for j in range(9):
        part = {n: v for n, v in variables.items() if f"/nl_{j}/" in n}
        if part:
            layer = tf.Module()
            layer.dense, layer.bn_relu = tf.Module(), tf.Module()
            layer.bn_relu.bn = tf.Module()
            for name, variable in part.items():
                owner = layer.dense if "/dense" in name else layer.bn_relu.bn
                setattr(owner, name.rpartition("/")[2], variable)
            root._projection_head.linear_layers.append(layer)
    probe = {n: v for n, v in variables.items() if "head_supervised" in n}
    if probe:
        root.supervised_head = tf.Module()
        root.supervised_head.linear_layer = tf.Module()
        dense = root.supervised_head.linear_layer.dense = tf.Module()
        for name, variable in probe.items():
            setattr(dense, name.rpartition("/")[2], variable)
    return root, variables


def _resnet(variables, *, bottleneck, blocks, sk, cifar):
    """Layers in the order in which they are made, each with its variables."""
    made = {"conv2d": {}, "batch_normalization": {}}
    for name, variable in variables.items():
        kind, number, attribute = _CREATED.search(name).groups()
        made[kind].setdefault(int(number or 0), {})[attribute] = variable
    convs, norms = (iter(sorted(x.items())) for x in made.values())

    def owner(numbered):
        module = tf.Module()
        for attribute, variable in next(numbered)[1].items():
            setattr(module, attribute, variable)
        return module

    def conv():  # Conv2dFixedPadding
        module = tf.Module()
        module.conv2d = owner(convs)
        return module

    def norm():  # BatchNormRelu
        module = tf.Module()
        module.bn = owner(norms)
        return module

    def select():  # SK_Conv2D
        module = tf.Module()
        module.conv2d_fixed_padding, module.batch_norm_relu = conv(), norm()
        module.conv2d_0 = owner(convs)
        module.batch_norm_relu_1 = norm()
        module.conv2d_1 = owner(convs)
        return module

    def block(strides, project):
        module = tf.Module()
        none = tf.Module  # A layer without weights.
        shortcut = []
        if project:
            pools = [none() for _ in range(strides)] if sk else []
            shortcut = [*pools, conv(), norm()]
        if not bottleneck:
            module.shortcut_layers = shortcut
            module.conv2d_bn_layers = [conv(), norm(), conv(), norm()]
            return module
        module.projection_layers = shortcut
        first = [conv(), norm(), none()]
        inner = [select()] if sk else [conv(), norm()]
        module.conv_relu_dropblock_layers = [
            *first,
            *inner,
            none(),
            conv(),
            norm(),
            none(),
        ]
        return module

    net = tf.Module()
    none = tf.Module
    if cifar:
        net.initial_conv_relu_max_pool = [conv(), none(), norm(), none()]
    elif sk:
        stem = [conv(), norm(), conv(), norm(), conv(), none(), norm()]
        net.initial_conv_relu_max_pool = stem
    else:
        net.initial_conv_relu_max_pool = [conv(), none(), norm(), none()]
    net.block_groups = []
    for group, count in enumerate(blocks):
        module = tf.Module()
        module.layers = [
            block(2 if group and i == 0 else 1, i == 0) for i in range(count)
        ]
        net.block_groups.append(module)
    return net


class Published(tf.Module):
    """What the published program exports: a list of variables and a call."""

    def __init__(self, model, variables):
        super().__init__()
        self.model = model
        self.trainable_variables_list = [
            v for name, v in variables.items() if "moving" not in name
        ]


NETS = {
    "r18_cifar": {
        "bottleneck": False,
        "blocks": (2, 2, 2, 2),
        "sk": False,
        "cifar": True,
    },
    "r50_s64": {
        "bottleneck": True,
        "blocks": (3, 4, 6, 3),
        "sk": False,
        "cifar": False,
    },
    "r50_sk_s64": {
        "bottleneck": True,
        "blocks": (3, 4, 6, 3),
        "sk": True,
        "cifar": False,
    },
}
NETS["model"] = NETS["r18_cifar"]


def torch_shapes(blocks=(3, 4, 6, 3)):
    """Name -> shape of torchvision's bottleneck ResNet without its fc."""
    shapes = {}

    def conv(name, outputs, inputs, kernel):
        shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)

    def norm(name, channels):
        for variable in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{variable}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    inputs = 64
    for group, count in enumerate(blocks):
        width = 64 * 2**group
        for i in range(count):
            name = f"layer{group + 1}.{i}"
            sizes = (
                (width, inputs, 1),
                (width, width, 3),
                (4 * width, width, 1),
            )
            for k, (outputs, channels, kernel) in enumerate(sizes, start=1):
                conv(f"{name}.conv{k}", outputs, channels, kernel)
                norm(f"{name}.bn{k}", outputs)
            if i == 0:
                conv(f"{name}.downsample.0", 4 * width, inputs, 1)
                norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    return shapes


def torch_values(shapes):
    """Random weights at which features keep a sensible size."""
    rng = np.random.Generator(np.random.PCG64(7))
    found = {}
    for name, shape in shapes.items():
        x = rng.standard_normal(shape).astype(np.float32)
        if len(shape) > 1:
            x = x * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        elif name.endswith("running_var"):
            x = 1 + 0.2 * np.abs(x)
        elif name.endswith("weight"):
            x = 1 + 0.1 * x
        elif name.endswith("num_batches_tracked"):
            x = np.int64(100)
        else:
            x = 0.1 * x
        found[name] = np.asarray(x)
    return found
