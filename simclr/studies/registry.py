"""The studies, by name; a new one is a file and a row."""

import importlib

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

# Name of the study, and the module beside this that sets STUDY.
STUDIES = {
    "augmentations": "simclr.augmentations",
    "removal": "simclr.removal",
    "batch": "simclr.batch",
    "temperature": "simclr.temperature",
    "head": "simclr.head",
    "width": "simclr.width",
    "colour": "simclr.colour",
    "labels": "simclrv2.labels",
    "few_labels": "simclrv2.few_labels",
    "barlow": "barlow",
    "generalized": "intriguing.generalized",
    "multidigits": "intriguing.multidigits",
    "digit_size": "intriguing.digit_size",
    "digit_on_image": "intriguing.digit_on_image",
    "randbits": "intriguing.randbits",
}


def get(name):
    """The Study of a name.

    Raises:
        InputError: there is none.
    """
    if name not in STUDIES:
        raise InputError(
            f"There is no study {name!r}, only {', '.join(STUDIES)}."
            f"{did_you_mean(name, STUDIES)}"
        )
    module = importlib.import_module(f"simclr.studies.{STUDIES[name]}")
    return module.STUDY
