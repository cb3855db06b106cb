"""A run folder made of published weights."""

import collections
import hashlib
import os
import re
import shlex

import keras
import numpy as np
import tensorflow as tf

from simclr import __version__
from simclr.commands.run import Run
from simclr.config import Config, Data, override
from simclr.messages.errors import InputError
from simclr.messages.say import say, show
from simclr.models.heads import build_head
from simclr.models.variables import named_variables
from simclr.published import compare, detect
from simclr.published.files import opened
from simclr.published.probe_input import probe_input
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder

_PARTS = {
    "encoder": "encoder",
    "head": "projection head",
    "probe": "linear head",
}
# Names of files and folders that say nothing about what is in them.
_NAMELESS = re.compile(
    r"model\.ckpt(-\d+)?|ckpt-\d+|variables|saved_model|hub|checkpoint"
)


def run(path, *, workdir="", check="", overrides=()):
    """Imports a checkpoint.

    Args:
        path: a TF1 or TF2 checkpoint, a SavedModel's folder, or a file of
            PyTorch's or Keras's names (published/files/opened.py).
        workdir: the run folder; "": runs/NAME after the checkpoint.
        check: folder of a SavedModel to compare the encoder with; "": none.
        overrides: list of KEY=VALUE, what the file does not tell of its net.

    Returns:
        Run; None when the encoder is not as the SavedModel's.

    Raises:
        InputError: no checkpoint, one that fits no known net, or a folder that
            holds another run.
    """
    source = opened.read(path)
    fit = detect.detect(source)
    config = _config(fit, overrides)
    arrays = fit.read(source)
    notes = [f"imported from {path} ({source.kind})", *source.notes, *fit.notes]
    if overrides:
        notes.append(f"changed by --set: {', '.join(overrides)}")
    end = ""
    if fit.num_classes:
        end, reason = probe_input(source, fit, os.path.abspath(path))
        notes.append(
            f"the linear head ({fit.num_classes:,} classes) takes "
            f"{end or 'an end of the net that the file does not tell'}: "
            f"{reason}"
        )
    _report(path, source, fit, notes[1:])
    if check and not _same(config, arrays, check):
        return None
    if not fit.heads.whole:
        arrays |= _fresh_end(config, fit)
        notes.append(
            "the file's projection head has no last layer: head/z_dense and "
            "head/z_bn are new, untrained"
        )

    workdir = workdir or os.path.join("runs", _name(path))
    facts = {
        "data": {"images": 0, "fingerprint": ""},
        "classes": None,
        "imported": {
            "path": path,
            "weights": _digest(arrays),
            "left_out": source.left,
            "num_classes": fit.num_classes,
            "probe_input": end,
        },
        "tensorflow": tf.__version__,
        "simclr": __version__,
        "notes": notes,
    }
    _write(workdir, config, facts, arrays)
    quoted = shlex.quote(workdir)
    show(f"Run       {workdir}; next: simclr evaluate {quoted} --data=IMAGES")
    return Run(workdir)


def _config(fit, overrides):
    """The Config of a run with the net that was found."""
    size = fit.net.image_size
    return override(
        Config(data=Data(image_size=size), model=fit.model), overrides
    )


def _report(path, source, fit, notes):
    """Prints what was found, mapped and left out."""
    left = sum(source.left.values())
    show(f"Read      {path}: {source.kind}")
    head = "no projection head"
    if fit.heads.num_layers:
        head = (
            f"projection head of {fit.heads.num_layers} layers to "
            f"{fit.model.head_dim}"
        )
    classes = "no linear head"
    if fit.num_classes:
        classes = f"linear head of {fit.num_classes:,} classes"
    show(f"Found     {fit.net.words}; {head}; {classes}")
    counts = collections.Counter(name.split("/")[0] for name in fit.paths)
    parts = ", ".join(f"{_PARTS[p]} {counts[p]}" for p in _PARTS if counts[p])
    show(
        f"Mapped    {parts}: {len(fit.paths)} of "
        f"{len(fit.paths) + left} tensors"
    )
    kinds = ", ".join(f"{kind} {n}" for kind, n in source.left.items())
    show(f"Left out  {kinds + f': {left} tensors' if left else 'nothing'}")
    for note in notes:
        show(f"Note      {note}")


def _same(config, arrays, folder):
    """Whether the encoder gives the features of the SavedModel."""
    difference = compare.largest_difference(
        weights.encoder_from(config, arrays), folder, config.data.image_size
    )
    same = difference <= compare.TOLERANCE
    show(
        f"Check     largest relative difference {difference:.2g} from {folder}"
    )
    if not same:
        say(
            f"simclr: the imported encoder differs by {difference:.2g} from "
            f"{folder}, more than {compare.TOLERANCE:g}; nothing was written."
        )
    return same


def _fresh_end(config, fit):
    """The last layer of a head that ends before it, as training starts it."""
    keras.utils.set_random_seed(config.seed)
    head = build_head(config.model, fit.net.features)
    named = named_variables(head=head)
    return {n: np.asarray(v) for n, v in named.items() if n not in fit.paths}


def _write(workdir, config, facts, arrays):
    """The run folder, unless it holds this very import already."""
    folder = run_folder.checkpoints(workdir)
    begun = checkpoint.paths(folder)
    if begun:
        old = run_folder.read_facts(workdir).get("imported", {})
        if old.get("weights") != facts["imported"]["weights"]:
            raise InputError(
                f"{workdir} holds another run; choose another --workdir, or "
                "delete that folder."
            )
    with run_folder.open_run(workdir, config, facts):
        if not begun:  # What was made of the same weights since stays as it is.
            checkpoint.save(folder, 0, arrays)


def _digest(arrays):
    """A fingerprint of named arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]))
    return digest.hexdigest()


def _name(path):
    """A run's name: the last part of the path that says something."""
    for part in reversed(os.path.abspath(path).split(os.sep)):
        name = opened.bare_name(part)
        if name and not _NAMELESS.fullmatch(name):
            return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
    return "imported"
