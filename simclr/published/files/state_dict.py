"""A PyTorch state's names and axes, whatever kind of file it lies in."""

import collections
import re

from simclr.published.files.source import Source

# What wraps the net in a full checkpoint: DistributedDataParallel, the method.
_WRAPPING = re.compile(r"^(?:module\.)?(?:backbone\.)?")
# A ResNet without its last layer, as lightly's examples make one:
# Sequential(*list(resnet.children())[:-1]) numbers the parts.
_NUMBERED = dict(
    zip("014567", ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"))
)


def source(kind, shapes, read=None):
    """The Source of a state.

    Args:
        kind: what the file is, in words.
        shapes: dict of key -> shape, in PyTorch's layout.
        read: function of a key, its array in that layout; None: only names and
            shapes are asked for.
    """
    left = collections.Counter()
    names, ours = {}, {}
    for key, shape in shapes.items():
        name = _WRAPPING.sub("", key)
        if name.endswith("num_batches_tracked"):
            left["batch counters (num_batches_tracked)"] += 1
        elif re.fullmatch(r"module\.bn\.\w+", key):
            # No part of a net: Barlow Twins' loss normalizes with it.
            left["statistics of the Barlow Twins loss"] += 1
        else:
            names[key] = name
            ours[key] = _to_our_axes(tuple(shape))
    if "4.0.conv1.weight" in names.values():
        names = {key: _by_part(name) for key, name in names.items()}
    return Source(
        kind=kind,
        shapes=ours,
        names={"torch": names},
        read=lambda key: to_ours(read(key)),
        left=dict(left),
    )


def _by_part(name):
    """A ResNet's name of a weight, where its part is a number."""
    part, _, rest = name.partition(".")
    return f"{_NUMBERED.get(part, part)}.{rest}"


def to_ours(array):
    """A PyTorch weight in our layout: OIHW to HWIO, [out, in] to [in, out]."""
    return array.transpose(_to_our_axes(tuple(range(array.ndim))))


def _to_our_axes(items):
    """Reorders a tuple of four or two items from PyTorch's axes to ours."""
    if len(items) == 4:
        outputs, inputs, height, width = items
        return height, width, inputs, outputs
    return items[::-1] if len(items) == 2 else items
