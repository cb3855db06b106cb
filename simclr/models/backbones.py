"""The backbones: how each is built, its parts, its options, words for it.

A new net costs a file in simclr/models/encoders/ and a row here. The table
imports no TensorFlow, for configs are read without it; `build_encoder` does.
"""

import collections.abc
import dataclasses
import importlib
import re

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean
from simclr.models.normalizations import NORMALIZATIONS

# Rules that an option of config.Model may have, beside a tuple of choices.
POSITIVE, NOT_NEGATIVE = "> 0", ">= 0"
_SMALL = 64  # Pixels up to which stem="auto" keeps the full resolution.
_PATCHES = (16, 8, 4)  # Pixels of patch=0, the largest first ...
_FEWEST = 7  # ... with at least so many in a row.
_OUTSIDE = re.compile(r"[\w.]+:[\w.]+")


@dataclasses.dataclass(frozen=True)
class Backbone:
    """One row of the table.

    Attributes:
        make: "module:function" below simclr/models/encoders/. The function
            takes `options` by name and returns a functional keras.Model from
            images [n, h, w, 3] in [0, 1] to a dict of its parts' ends and "h",
            the features [n, f], at least float32. A layer's name begins with
            its part's.
        parts: what `classifier.freeze` may name, from the pixels on.
        options: dict of field of config.Model -> its rule. Other backbones'
            options have their defaults.
        words: function of a config.Model to its name in a paper's words.
        normalization: of the pixels, what model.normalization=auto means.
        biases_decay: whether SGD and Adam decay biases, as SimCLR's code does.
    """

    make: str
    parts: tuple
    options: dict
    words: collections.abc.Callable
    normalization: str = "imagenet"
    biases_decay: bool = False


def _resnet_words(model):
    sk = "+SK" if model.sk_ratio else ""
    return f"ResNet-{model.depth} x{model.width:g}{sk}"


def _groups(count):
    return tuple(f"group{i}" for i in range(1, count + 1))


_PIXELS = {"normalization": ("auto", *NORMALIZATIONS)}
_STEM = {"stem": ("auto", "cifar", "imagenet"), **_PIXELS}
_CONVOLUTIONS = {
    **_STEM,
    "padding": ("same", "symmetric"),
    "norm_epsilon": NOT_NEGATIVE,
}
_PATCH = {
    "patch": (0, *range(4, 17)),
    "freeze_patch": (True, False),
    "heads": (0, 3, 6, 12),
    "position_grid": NOT_NEGATIVE,
    "layer_scale": (False, True),
    **_PIXELS,
}
_VIT_PARTS = ("stem", *(f"block{i}" for i in range(1, 13)), "final")

BACKBONES = {
    "resnet": Backbone(
        make="resnet:resnet",
        parts=("stem", *_groups(4)),
        options={
            "depth": (10, 18, 34, 50, 101, 152, 200),
            "width": POSITIVE,
            "stem": ("auto", "cifar", "half", "imagenet", "torchvision"),
            "shortcut": ("every_group", "where_needed"),
            "stride_kernel": (3, 1),
            "sk_ratio": NOT_NEGATIVE,
            "se_ratio": NOT_NEGATIVE,
            **_PIXELS,
            "extra_planes": NOT_NEGATIVE,
        },
        words=_resnet_words,
        normalization="none",
        biases_decay=True,
    ),
    "mobilenet_v3_small": Backbone(
        make="mobilenet_v3:small",
        parts=("stem", *_groups(4), "final"),
        options=_CONVOLUTIONS,
        words=lambda model: "MobileNetV3-Small",
        normalization="inception",
    ),
    "mobilenet_v3_large": Backbone(
        make="mobilenet_v3:large",
        parts=("stem", *_groups(5), "final"),
        options=_CONVOLUTIONS,
        words=lambda model: "MobileNetV3-Large",
        normalization="inception",
    ),
    "efficientnet_v2_b0": Backbone(
        make="efficientnet:v2_b0",
        parts=("stem", *_groups(6), "final"),
        options=_CONVOLUTIONS,
        words=lambda model: "EfficientNetV2-B0",
    ),
    "efficientnet_lite0": Backbone(
        make="efficientnet:lite0",
        parts=("stem", *_groups(7), "final"),
        options=_CONVOLUTIONS,
        words=lambda model: "EfficientNet-Lite0",
        normalization="lite",
    ),
    "convnext_tiny": Backbone(
        make="convnext:tiny",
        parts=("stem", *_groups(4), "final"),
        options=_STEM,
        words=lambda model: "ConvNeXt-T",
    ),
    "vit_small": Backbone(
        make="vit:small",
        parts=_VIT_PARTS,
        options=_PATCH,
        words=lambda model: f"ViT-S/{model.patch}",
    ),
    "vit_base": Backbone(
        make="vit:base",
        parts=_VIT_PARTS,
        options=_PATCH,
        words=lambda model: f"ViT-B/{model.patch}",
    ),
    "conv_n": Backbone(
        make="conv_n:conv_n",
        parts=(*_groups(3), "final"),
        options={"width": POSITIVE, "extra_planes": NOT_NEGATIVE, **_PIXELS},
        words=lambda model: f"ConvN x{model.width:g}",
        normalization="none",
    ),
}


def get(name):
    """The row of a name.

    A name with a colon is a Keras model from outside, whole in one part; see
    simclr/models/encoders/outside.py.

    Raises:
        InputError: there is no such backbone.
    """
    if _OUTSIDE.fullmatch(name):
        return Backbone(
            make="", parts=("encoder",), options={}, words=lambda model: name
        )
    if name not in BACKBONES:
        raise InputError(
            f"model.name is {name!r}; choose one of {', '.join(BACKBONES)}, or "
            "name a function that makes a Keras model, package.module:function."
            f"{did_you_mean(name, BACKBONES)}"
        )
    return BACKBONES[name]


def describe(model):
    """A config.Model in a paper's words, such as ResNet-50 x2+SK."""
    return get(model.name).words(model)


def parts(model):
    """The parts of a config.Model's encoder, from the pixels on."""
    return get(model.name).parts


def options():
    """Names of the fields of config.Model that belong to some backbones."""
    return {name for row in BACKBONES.values() for name in row.options}


def require_option(model, name):
    """Stops where a field of config.Model says nothing to its backbone.

    Raises:
        InputError: the field is another backbone's option.
    """
    own = get(model.name).options
    if name in options() and name not in own:
        takes = ", ".join(f"model.{option}" for option in own) or "no option"
        raise InputError(
            f"model.{name} is not for {model.name}, which takes {takes}."
        )


def check(model):
    """Stops where an option of a config.Model is out of range.

    Raises:
        InputError: no such backbone, or an option's bad value.
    """
    for name, rule in get(model.name).options.items():
        value = getattr(model, name)
        if rule in (POSITIVE, NOT_NEGATIVE):
            if value < 0 or (value == 0 and rule == POSITIVE):
                raise InputError(f"model.{name} is {value}; it must be {rule}.")
        elif value not in rule:
            raise InputError(
                f"model.{name} is {value!r}; choose one of "
                f"{', '.join(map(str, rule))}."
            )


def settle(model, *, image_size, eval_image_size):
    """The config.Model that says by itself which net it is.

    Args:
        model: config.Model, checked.
        image_size: side of the views in training, pixels.
        eval_image_size: side of the images in evaluation, pixels.

    Returns:
        config.Model: what was left open ("auto") is chosen by the backbone and
        the images' size, and options of other backbones have their defaults.

    Raises:
        InputError: patches do not fill the images.
    """
    own = get(model.name).options
    settled = {
        field.name: field.default
        for field in dataclasses.fields(model)
        if field.name in options() - set(own)
    }
    if "normalization" in own:
        settled["normalization"] = _normalization(model)
    if "stem" in own and model.stem == "auto":
        settled["stem"] = "cifar" if image_size <= _SMALL else "imagenet"
    if "patch" in own:
        patch = model.patch or _patch(image_size)
        settled["patch"] = patch
        for size in (image_size, eval_image_size):
            if size % patch:
                raise InputError(
                    f"{model.name} takes images of a multiple of model.patch, "
                    f"{patch} pixels, not of {size}."
                )
    return dataclasses.replace(model, **settled)


def _normalization(model):
    """What normalization of the pixels a config.Model has, "auto" or not."""
    if model.normalization == "auto":
        return get(model.name).normalization
    return model.normalization


def _patch(image_size):
    fitting = [
        patch
        for patch in _PATCHES
        if image_size % patch == 0 and image_size // patch >= _FEWEST
    ]
    return fitting[0] if fitting else _PATCHES[-1]


def encoder_settings(model):
    """What of a config.Model its encoder is made by, a dict."""
    own = ("name", *get(model.name).options)
    return {name: getattr(model, name) for name in own}


def build_encoder(model, image_size=None):
    """The encoder f of a config.Model, weights fresh.

    Args:
        model: config.Model; without `image_size` one that names its stem or
            its patch.
        image_size: side of the views in training, pixels: it settles what the
            model leaves open, and functions from outside may ask for it. The
            other nets take any size.
    """
    if image_size:
        model = settle(model, image_size=image_size, eval_image_size=image_size)
    row = get(model.name)
    if not row.make:
        outside = importlib.import_module("simclr.models.encoders.outside")
        return outside.build(model.name, image_size)
    module, _, function = row.make.partition(":")
    module = importlib.import_module(f"simclr.models.encoders.{module}")
    options = {name: getattr(model, name) for name in row.options}
    if "normalization" in options:
        options["normalization"] = _normalization(model)
    return getattr(module, function)(**options)
