"""Which family a file of weights is of, and the place of every weight in it."""

import collections
import dataclasses
import functools
import re

import numpy as np

from simclr.config import Model
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.published import fit as fit_lib
from simclr.published.families import (
    convnext,
    keras_resnet,
    mobile,
    timm_config,
    vit,
)
from simclr.published.projection_layers import ProjectionLayers

FAMILIES = (
    *mobile.FAMILIES,
    *convnext.FAMILIES,
    *vit.FAMILIES,
    *keras_resnet.FAMILIES,
)
_SIZE = 224  # Pixels of nearly all such nets' images.
# Keras numbers layers and variables without a name through a process; before
# Keras 3 a depthwise kernel had a name of its own.
_ALIASES = (
    (r"^layer_normalization(_\d+)?/", "convnext_tiny_head_layernorm/"),
    (r"_layer_scale/variable(_\d+)?$", "_layer_scale/gamma"),
    (r"/depthwise_kernel$", "/kernel"),
)


@dataclasses.dataclass(frozen=True)
class KnownNet:
    """What is known of an encoder that a family's file holds."""

    words: str
    features: int
    image_size: int


def fit(source):
    """Maps every weight of a file of one of the families.

    Args:
        source: source.Source. What belongs to no encoder goes to its `left`.

    Returns:
        fit.Fit; None where no family knows the file.

    Raises:
        InputError: weights that are missing, extra or of another shape,
            listed; or a net of the kind that does not fit.
    """
    for family in FAMILIES:
        keys = _by_name(source, family.style)
        shapes = {name: source.shapes[key] for name, key in keys.items()}
        fields = family.recognise(shapes)
        if fields:
            return _fit(source, family, keys, fields)
    return None


def _by_name(source, style):
    """dict of published name -> key."""
    found = {}
    for key, name in source.names.get(style, {}).items():
        for pattern, ours in _ALIASES if style == "keras" else ():
            name = re.sub(pattern, ours, name)
        # Of two keys of one name, the second has no place.
        found[key if name in found else name] = key
    return found


@functools.lru_cache(maxsize=8)
def _variables(model):
    """({path: shape} of an encoder's variables, the length of h)."""
    net = backbones.build_encoder(model)
    shapes = {v.path: tuple(v.shape) for v in net.variables}
    return shapes, net.output["h"].shape[-1]


def _fit(source, family, keys, fields):
    notes = ["no projection head in the file: z = h, model.head_layers is 0"]
    if "timm" in family.library:
        notes += _told_by_timm(source, family, fields)
    model = Model(head_layers=0, **fields)
    expected, features = _variables(model)
    known = KnownNet(
        f"{backbones.describe(model)} by the names of {family.library}",
        features,
        _image_size(model),
    )
    paths, make, shapes, names, used = {}, {}, {}, {}, set()
    for path, piece in family.pieces(list(expected)).items():
        names[path] = " + ".join(piece.names)
        there = [keys[name] for name in piece.names if name in keys]
        used.update(there)
        if len(there) == len(piece.names):
            paths[path] = tuple(there)
            make[path] = functools.partial(_ours, piece.make, expected[path])
            shapes[path] = _shape(make[path], [source.shapes[k] for k in there])
    lines = fit_lib.problems(expected, shapes, names)
    left = collections.Counter()
    for name, key in keys.items():
        if key not in used:
            words = family.left_out(name)
            left[words] += 1
            lines += [] if words else [f"{key} is extra"]
    if lines:
        raise InputError(fit_lib.refusal(known.words, lines))
    source.left |= left
    return fit_lib.Fit(
        net=known,
        heads=ProjectionLayers({}),
        model=model,
        paths={f"encoder/{path}": found for path, found in paths.items()},
        num_classes=0,
        notes=notes,
        make={f"encoder/{path}": each for path, each in make.items()},
    )


def _told_by_timm(source, family, fields):
    """Puts what timm's config.json says into the fields; returns notes."""
    told, sure = timm_config.fields(source.path, fields)
    fields |= told
    if sure or not family.note:
        return []
    names = ("normalization", "padding", "norm_epsilon", "heads")
    taken = [f"model.{n}={fields[n]}" for n in names if n in fields]
    return [
        f"{family.note}. Taken: {', '.join(taken)}; --set model.NAME=VALUE "
        "says another"
    ]


def _image_size(model):
    """Side of the images that such a net was trained on, pixels, or near it."""
    if model.position_grid and _SIZE % model.patch:
        return model.position_grid * model.patch
    return _SIZE


def _ours(make, shape, *arrays):
    """A weight of ours of arrays of the file, in the layout that ours has."""
    array = make(*arrays) if make else arrays[0]
    # A depthwise kernel, [h, w, 1, c] in the file.
    if array.ndim == 4 and array.shape[2:] == (1, *shape[2:3]):
        return array.swapaxes(2, 3)
    # Dense layers may be 1x1 convolutions elsewhere; scales, [c, 1, 1].
    is_same = [n for n in array.shape if n > 1] == [n for n in shape if n > 1]
    return array.reshape(shape) if is_same else array


def _shape(make, shapes):
    """The shape that `make` gives, without reading an array."""
    nothing = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    try:
        return make(*nothing).shape
    except ValueError:  # What was to be split does not divide.
        return shapes[0]
