"""A net's files, written aside, checked, and given their names."""

import json
import os

from simclr.export import check, keras_file, saved_model
from simclr.export.formats import CARD, CLASSES, FORMATS
from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.storage.whole import (
    disk_fault,
    finish_any,
    remove_any,
    scratch_folder,
    write_whole,
)


def write(net, formats, images, out, card):
    """Writes the files that agree with the run; removes any that does not.

    Args:
        net: net.Net.
        formats: tuple of str, keys of FORMATS.
        images: list of uint8 [h, w, 3], to compare on.
        out: folder; what it has of an older export is replaced, and of a
            format whose new file is wrong, removed.
        card: function of the dict of format -> difference to the text of
            MODEL_CARD.md.

    Returns:
        dict of format -> the largest difference, a share of the range.

    Raises:
        InputError: a file cannot be written, or is wrong.
        OSError: the folder cannot be written, as where the disk is full: an
            older export stays as it was.
    """
    os.makedirs(out, exist_ok=True)
    with scratch_folder(os.path.join(out, "export")) as aside:
        wrong = _write_all(net, formats, aside, out)
        files = {
            kind: os.path.join(aside, FORMATS[kind][0])
            for kind in formats
            if kind not in wrong
        }
        say("Checking  each file against the run, in a process of its own")
        found = check.differences(net, images, files) if files else {}
        good = {k: d for k, d in found.items() if check.passed(d)}
        for kind in formats:
            path = os.path.join(out, FORMATS[kind][0])
            if kind in good:
                finish_any(files[kind], path)
            else:
                remove_any(path)
    older = [
        name
        for kind, (name, _) in FORMATS.items()
        if kind not in formats and os.path.lexists(os.path.join(out, name))
    ]
    if older:
        say(
            f"Left      {', '.join(older)}: of an older export, not in the card"
        )
    if good:
        names = os.path.join(out, CLASSES)
        if net.class_names:
            write_whole(names, json.dumps(net.class_names))
        else:
            remove_any(names)
        write_whole(os.path.join(out, CARD), card(good))
    for kind, difference in found.items():
        if isinstance(difference, str):
            wrong[kind] = f"it does not run: {difference}"
        elif kind not in good:
            wrong[kind] = (
                f"its outputs differ by {difference:.1e} of their range, more "
                f"than {check.BOUND:.0e}"
            )
    if wrong:
        said = "; ".join(f"{kind}: {why}" for kind, why in wrong.items())
        kept = ", ".join(good) or "nothing"
        raise InputError(f"Not exported: {said}. Written: {kept}.")
    return good


def _write_all(net, formats, folder, out):
    """Writes what can be written; dict of format -> why the others cannot.

    Args:
        net, formats, out: as in `write`.
        folder: where the files are written until they are checked.

    Raises:
        OSError: the disk takes no more, which is no format's fault.
    """
    wrong = {}
    path = {k: os.path.join(folder, name) for k, (name, _) in FORMATS.items()}
    steps = {}
    if "keras" in formats:
        steps["keras"] = lambda: keras_file.write(net, path["keras"])
    if {"savedmodel", "litert"} & set(formats):
        steps["savedmodel"] = lambda: saved_model.write(net, path["savedmodel"])
    if "onnx" in formats:
        from simclr.export import onnx_file

        steps["onnx"] = lambda: onnx_file.write(net, path["onnx"])
    if "litert" in formats:
        from simclr.export import litert_file

        steps["litert"] = lambda: litert_file.write(
            path["savedmodel"], path["litert"]
        )
    for kind, step in steps.items():
        say(f"Writing   {FORMATS[kind][0]}")
        try:
            step()
        except Exception as error:  # Converters raise what they like.
            file = os.path.join(out, FORMATS[kind][0])
            if fault := disk_fault(str(error), file):
                raise fault from None
            first = str(error).strip().splitlines() or [type(error).__name__]
            wrong[kind] = f"it cannot be written: {first[0]}"
    return {kind: why for kind, why in wrong.items() if kind in formats}
