"""Published weights as the start of a run: a file, or "imagenet"."""

import os
import zipfile

from simclr.messages.errors import InputError
from simclr.published.files import opened
from simclr.storage.regular import regular

IMAGENET = "imagenet"


def is_published(init):
    """Whether a Config's `init` is published weights: no run, no checkpoint."""
    if init == IMAGENET:
        return True
    if not opened.is_weights(init) or os.path.isdir(os.path.expanduser(init)):
        return False
    return not _is_checkpoint(init)


def _is_checkpoint(path):
    """Whether a file is a checkpoint of ours, which has a step."""
    if not path.endswith(".npz"):
        return False
    try:
        with (
            open(os.path.expanduser(path), "rb", opener=regular) as archive,
            zipfile.ZipFile(archive) as file,
        ):
            return "step.npy" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return True  # Whatever is wrong with it, its reader says.


def find(init, model):
    """Published weights, fitted.

    Args:
        init: a Config's, for which `is_published` holds.
        model: config.Model, whose backbone "imagenet" is about; or None.

    Returns:
        (fit.Fit, source.Source).

    Raises:
        InputError: there is no such file, it is damaged or fits no net.
    """
    from simclr.published import detect

    if init == IMAGENET:
        if model is None:
            raise InputError(
                "imagenet says no net here: give a file (docs/pretrained.md)."
            )
        from simclr.published.families import applications

        source = applications.read(model)
        return detect.detect(source), source
    path = os.path.expanduser(init)
    opened.require(path)
    try:
        source = opened.read(path)
        return detect.detect(source), source
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
