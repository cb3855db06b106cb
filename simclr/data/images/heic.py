"""HEIC, the format of phones: read where a decoder of it is installed.

The extra brings pi-heif-decoder, whose wheels hold libheif and libde265 (LGPL)
and no encoder. pillow-heif, whose wheels hold libx265 (GPL), is taken where a
user has installed it.
"""

import functools
import importlib
import importlib.util

from simclr.messages.errors import InputError
from simclr.messages.extras import install

EXTENSIONS = frozenset(["heic", "heif", "hif"])
_MODULES = ("pi_heif", "pillow_heif")


@functools.cache
def module():
    """The name of the decoder that is installed; "" for none."""
    return next(filter(importlib.util.find_spec, _MODULES), "")


def how():
    """What lets such images be read, for people."""
    return (
        f"{install('heic')} reads them; or convert them, "
        "magick mogrify -format jpg *.heic"
    )


def plugin():
    """Pillow's class of HEIC images.

    Raises:
        InputError: no decoder is installed.
    """
    if not module():
        raise InputError(f"a HEIC image: {how()}")
    return importlib.import_module(module()).HeifImageFile
