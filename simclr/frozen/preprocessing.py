"""How a frozen encoder takes its images: as its user, or a file, says.

A user says it in a line, "imagenet, size=224, output=image_embeds"; a file
beside the encoder in JSON: ours, or Hugging Face's preprocessor_config.json.
No TensorFlow here.
"""

import dataclasses
import os

from simclr.frozen.net import NCHW, NHWC
from simclr.messages.errors import InputError, first_line
from simclr.messages.hints import did_you_mean, shown
from simclr.models.normalizations import (
    NORMALIZATIONS,
    Normalization,
    standardized,
)
from simclr.storage import json_text

# Of nets that scale pixels themselves, as keras.applications' do.
BYTES = "bytes"
PIXELS = {**NORMALIZATIONS, BYTES: Normalization((255.0,) * 3, (0.0,) * 3)}
CLASS, MEAN = "class", "mean"
_CHOICES = {"pool": (CLASS, MEAN), "layout": (NHWC, NCHW)}
_TEXTS = ("output", *_CHOICES)
_OURS = "preprocessing.json"  # Inside a SavedModel's folder.
_HUGGING_FACE = "preprocessor_config.json"


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What is said of an encoder's images; "" or 0 is left to its graph.

    Attributes:
        pixels: str, a name of PIXELS, or "mean and std" of a file.
        normalization: Normalization; None where `pixels` is "".
        size: side of the images, pixels.
        output: name of the output that is taken.
        pool: CLASS (the first token) or MEAN, of an output of tokens or of a
            map.
        layout: NHWC or NCHW.
        said_by: what says `pixels`, for people.
    """

    pixels: str = ""
    normalization: Normalization | None = None
    size: int = 0
    output: str = ""
    pool: str = ""
    layout: str = ""
    said_by: str = ""


def read_preprocessing(path, text=""):
    """The Preprocessing of an encoder.

    Args:
        path: of the encoder.
        text: what the user says; it goes before what files beside it say.

    Raises:
        InputError: an unknown setting or a bad value, or a damaged file.
    """
    found = {}
    for file, parse in _beside(path):
        if os.path.isfile(file):
            found |= _file(file, parse)
    return Preprocessing(**{**found, **_line(text)})


def _beside(path):
    """[(file, its parser)] that may lie beside an encoder, the last wins."""
    if os.path.isdir(path):
        return [
            (os.path.join(path, _HUGGING_FACE), _hugging_face),
            (os.path.join(path, _OURS), _own),
        ]
    folder = os.path.dirname(os.path.abspath(path))
    of_model = os.path.dirname(folder)
    # Hugging Face's repositories keep their graphs in a folder of its own.
    inner = os.path.basename(folder) == "onnx"
    return [
        *([(os.path.join(of_model, _HUGGING_FACE), _hugging_face)] * inner),
        (os.path.join(folder, _HUGGING_FACE), _hugging_face),
        (f"{os.path.splitext(path)[0]}.json", _own),
    ]


def _file(file, parse):
    try:
        content = json_text.read(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {first_line(error)}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{file} holds no JSON object.")
    try:
        return parse(content, os.path.basename(file))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _line(text):
    """What a user's line says."""
    content = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            name, value = "normalization", name
        if name in content:
            raise InputError(f"--preprocessing says {name} twice.")
        content[name] = int(value) if value.isdecimal() else value
    try:
        return _own(content, "--preprocessing", line=True)
    except InputError as error:
        raise InputError(f"--preprocessing={text}: {error}") from None


def _own(content, said_by, line=False):
    """Settings as Preprocessing has them, from our own spelling."""
    known = ["normalization", "size", *_TEXTS]
    if not line:
        known += ["mean", "std"]
    for name, value in content.items():
        if name not in known:
            raise InputError(
                f"there is no setting {name!r}; there are {', '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
        if name in _TEXTS and not isinstance(value, str):
            raise InputError(f"{name} is {shown(value)}; it is a text.")
    found = {name: content[name] for name in _TEXTS if name in content}
    for name, choices in _CHOICES.items():
        if found.get(name, choices[0]) not in choices:
            raise InputError(
                f"{name} is {found[name]!r}; choose {' or '.join(choices)}."
            )
    if "size" in content:
        found["size"] = _size(content["size"])
    if "mean" in content or "std" in content:
        if "normalization" in content:
            raise InputError("say normalization, or mean and std, not both.")
        found |= _pixels(
            standardized(
                *_mean_and_std(content.get("mean"), content.get("std"))
            ),
            said_by,
        )
    elif "normalization" in content:
        name = content["normalization"]
        if not isinstance(name, str) or name not in PIXELS:
            raise InputError(
                f"there is no normalization {shown(name)}; choose one of "
                f"{', '.join(PIXELS)}.{did_you_mean(shown(name), PIXELS)}"
            )
        found |= {
            "pixels": name,
            "normalization": PIXELS[name],
            "said_by": said_by,
        }
    return found


def _hugging_face(content, said_by):
    """Settings from a preprocessor_config.json of Hugging Face.

    Bytes are multiplied by rescale_factor, then image_mean goes off and
    image_std divides. How the image is cut is ours (center_crop.py).
    """
    factor = content.get("rescale_factor", 1 / 255)
    if not content.get("do_rescale", True):
        factor = 1
    if not _is_number(factor):
        raise InputError(f"rescale_factor is {shown(factor)}.")
    mean, std = (0.0,) * 3, (1.0,) * 3
    if content.get("do_normalize", True):
        mean, std = _mean_and_std(
            content.get("image_mean", mean), content.get("image_std", std)
        )
    plain = standardized(mean, std)
    found = _pixels(
        Normalization(
            tuple(255 * factor * scale for scale in plain.scale), plain.offset
        ),
        said_by,
    )
    crop = (
        content.get("crop_size") if content.get("do_center_crop", True) else 0
    )
    if size := _side(crop) or _side(content.get("size")):
        found["size"] = _size(size)
    return found


def _side(size):
    """A side as Hugging Face spells it; 0 where it says none."""
    if isinstance(size, dict):
        sides = {
            size[k] for k in ("height", "width", "shortest_edge") if k in size
        }
        if len(sides) > 1:
            raise InputError(f"images are square here, not {shown(size)}.")
        return sides.pop() if sides else 0
    return size or 0


def _pixels(normalization, said_by):
    return {
        "pixels": "mean and std",
        "normalization": normalization,
        "said_by": said_by,
    }


def _mean_and_std(mean, std):
    for name, values in (("mean", mean), ("std", std)):
        good = isinstance(values, list | tuple) and len(values) == 3
        if not good or not all(map(_is_number, values)):
            raise InputError(f"{name} is {shown(values)}, not 3 numbers.")
    if min(std) <= 0:
        raise InputError(f"std is {shown(std)}; it must be > 0.")
    return tuple(mean), tuple(std)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(value):
    if type(value) is not int or value < 1:
        raise InputError(f"size is {shown(value)}; it is a number of pixels.")
    return value
