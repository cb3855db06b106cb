"""The operations that a view may be made of, by name.

A new one costs a file in simclr/data/views/operations/ and a row here;
operation.py says what both are. The table imports no TensorFlow.
"""

from simclr.data import random_keys as keys
from simclr.data.views.operation import (
    ORDER,
    SEED,
    SHARED,
    Draw,
    Operation,
    Strength,
)
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

OPERATIONS = {
    # Where it lies is found before there are planes (crop.py, device_crop.py).
    "crop": Operation(
        {"area": Strength((0.08, 1.0), low=1e-6, high=1)}, prob=None
    ),
    "flip": Operation(prob=0.5, key=keys.FLIP),
    "jitter": Operation(
        {
            "brightness": Strength(0.8, high=100),
            "contrast": Strength(0.8, high=100),
            "saturation": Strength(0.8, high=100),
            "hue": Strength(0.2, high=100),
            "brightness_rule": Strength(
                "multiply", choices=("multiply", "add")
            ),
        },
        prob=0.8,
        key=keys.JITTER,
        draws={
            "brightness": Draw(keys.BRIGHTNESS),
            "contrast": Draw(keys.CONTRAST),
            "saturation": Draw(keys.SATURATION),
            "hue": Draw(keys.HUE),
            "order": Draw(keys.JITTER_ORDER, ORDER),
        },
    ),
    "gray": Operation(prob=0.2, key=keys.GRAY),
    "blur": Operation(
        {"sigma": Strength((0.1, 2.0), low=0.01, high=1000)},
        prob=0.5,
        key=keys.BLUR,
        draws={"sigma": Draw(keys.BLUR_SIGMA, SHARED)},
    ),
    "solarize": Operation(
        {"threshold": Strength(0.5, high=1)}, prob=0.2, key=keys.SOLARIZE
    ),
    "cutout": Operation(
        {"size": Strength(0.5, high=1), "fill": Strength(0.5, high=1)},
        key=keys.CUTOUT,
        draws={
            "cutout_row": Draw(keys.CUTOUT_ROW),
            "cutout_column": Draw(keys.CUTOUT_COLUMN),
        },
    ),
    "sobel": Operation(key=keys.SOBEL),
    "noise": Operation(
        {"deviation": Strength(0.1, high=1)},
        key=keys.NOISE,
        draws={"noise_seed": Draw(keys.NOISE_SEED, SEED)},
    ),
    "rotate": Operation(
        key=keys.ROTATE, draws={"quarter_turns": Draw(keys.QUARTER_TURNS)}
    ),
}


def get(name):
    """The row of a name.

    Raises:
        InputError: there is no such operation.
    """
    if name not in OPERATIONS:
        raise InputError(
            f"There is no operation {name!r}; choose among "
            f"{', '.join(OPERATIONS)}.{did_you_mean(name, OPERATIONS)}"
        )
    return OPERATIONS[name]
