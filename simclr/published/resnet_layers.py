"""The layers with weights of the published ResNets, in published order.

Names and shapes alone: no model is built, so that a net of 800 million weights
can be told from its checkpoint in milliseconds.
"""

import dataclasses

from simclr.models.encoders.resnet import BLOCKS

BN_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
# The one ratio of selective kernels that was published, and the least number
# of channels that it squeezes to.
SK_RATIO, _SK_LEAST = 0.0625, 32


@dataclasses.dataclass(frozen=True)
class Net:
    """What the shapes of an encoder's weights depend on."""

    depth: int
    width: int = 1
    sk_ratio: float = 0.0
    stem: str = "imagenet"  # Or "cifar" or "torchvision".
    shortcut: str = "every_group"  # Or "where_needed"; see resnet.py.

    @property
    def words(self):
        """The net in words."""
        sk = self.sk_ratio
        kernels = f", selective kernels {sk:g}" if sk else ""
        return f"ResNet-{self.depth} x{self.width}{kernels}, {self.stem} stem"

    @property
    def bottleneck(self):
        return self.depth >= 50

    @property
    def features(self):
        """f, length of the representation h."""
        return 512 * self.width * (4 if self.bottleneck else 1)

    @property
    def image_size(self):
        """Side of the images that such a net was trained on, pixels."""
        return 32 if self.stem == "cifar" else 224


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution or a batch norm.

    Attributes:
        group: 1 to 4; 0 is the stem.
        block: index in the group, from 0.
        role: ours within the block: "conv1", "bn1", "shortcut_conv", ...
        shape: of a convolution's kernel (h, w, in, out), or the batch norm's
            number of channels in a tuple.
    """

    group: int
    block: int
    role: str
    shape: tuple

    @property
    def name(self):
        """The layer's name in simclr.models.encoders.resnet."""
        if not self.group:
            return f"stem_{self.role}"
        return f"group{self.group}_block{self.block + 1}_{self.role}"

    @property
    def is_conv(self):
        return len(self.shape) == 4

    @property
    def variables(self):
        """Names of the layer's variables."""
        return ("kernel",) if self.is_conv else BN_VARIABLES


def layers(net):
    """Layers of `net` in the order in which the published code makes them.

    The shortcut of a group's first block comes before the block's own layers.

    Args:
        net: a Net.

    Returns:
        list of Layer.
    """
    channels = 64 * net.width
    if net.stem == "cifar":
        found = _conv_bn(0, 0, "", 3, 3, channels)
    elif net.sk_ratio:
        half = channels // 2
        found = (
            _conv_bn(0, 0, "1", 3, 3, half)
            + _conv_bn(0, 0, "2", 3, half, half)
            + _conv_bn(0, 0, "3", 3, half, channels)
        )
    else:
        found = _conv_bn(0, 0, "", 7, 3, channels)
    for group, count in enumerate(BLOCKS[net.depth], start=1):
        inner = 64 * net.width * 2 ** (group - 1)
        outer = inner * (4 if net.bottleneck else 1)
        for block in range(count):
            needed = group > 1 or channels != outer
            if block == 0 and (needed or net.shortcut == "every_group"):
                found += _conv_bn(
                    group, block, "", 1, channels, outer, "shortcut_"
                )
            make = _bottleneck if net.bottleneck else _basic
            found += make(group, block, channels, inner, net.sk_ratio)
            channels = outer
    return found


def names_and_shapes(net):
    """The encoder's weights.

    Args:
        net: a Net.

    Returns:
        dict of variable path in simclr.models.encoders.resnet -> shape.
    """
    return {
        f"{layer.name}/{variable}": layer.shape
        for layer in layers(net)
        for variable in layer.variables
    }


def _basic(group, block, channels, inner, sk_ratio):
    del sk_ratio  # As published: selective kernels are for bottlenecks.
    return _conv_bn(group, block, "1", 3, channels, inner) + _conv_bn(
        group, block, "2", 3, inner, inner
    )


def _bottleneck(group, block, channels, inner, sk_ratio):
    streams = 2 if sk_ratio else 1
    found = _conv_bn(group, block, "1", 1, channels, inner)
    found += _conv_bn(group, block, "2", 3, inner, streams * inner)
    if sk_ratio:
        squeezed = max(int(inner * sk_ratio), _SK_LEAST)
        found += _conv_bn(group, block, "1", 1, inner, squeezed, "sk_")
        found.append(
            Layer(group, block, "sk_conv2", (1, 1, squeezed, 2 * inner))
        )
    return found + _conv_bn(group, block, "3", 1, inner, 4 * inner)


def _conv_bn(group, block, number, kernel, channels, outputs, prefix=""):
    return [
        Layer(
            group,
            block,
            f"{prefix}conv{number}",
            (kernel, kernel, channels, outputs),
        ),
        Layer(group, block, f"{prefix}bn{number}", (outputs,)),
    ]
