"""What a score is of: which weights, which images, which labels."""

import hashlib
import os
import tempfile

from simclr import config as config_lib
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import absolute, open_source
from simclr.messages.errors import InputError
from simclr.messages.names import run_name
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.storage import json_text


def readers(own, data, labels, eval_data, eval_labels):
    """Readers of the images to fit on and of those held out, or None.

    Args:
        own: config.Data of the run.
        data, labels, eval_data, eval_labels: what the user said instead.

    Raises:
        InputError: labels of held-out images without the images; or as
            open_source.
    """
    source = open_source(
        data or own.source, labels=labels or ("" if data else own.labels)
    )
    eval_data = eval_data or ("" if data else own.eval_source)
    if not eval_data:
        if eval_labels:
            raise InputError(
                "--eval_labels go with --eval_data, which is missing."
            )
        return Reader(source), None
    if absolute(eval_data) == own.eval_source:
        eval_labels = eval_labels or own.eval_labels
    return Reader(source), Reader(open_source(eval_data, labels=eval_labels))


def counts(**parts):
    """Which images each split.Part is of, and how many, for results.json."""
    return {
        name: {"source": part.reader.source.name, "count": len(part)}
        for name, part in parts.items()
        if part is not None
    }


def named(data, eval_data):
    """The images that a user named, as they are called in any folder."""
    return [absolute(data), absolute(eval_data)]


def suffix(results, spec, of, *, imported):
    """What ends the names of the files of a score on images that were named.

    Args:
        results: path of the results, without what this gives and ".json".
        spec: str, the images whose name the files bear.
        of: list of str, as from `named`.
        imported: bool, whether the run holds imported weights. Those have no
            images of their own: the first that they are scored on need no
            name.

    Returns:
        str: _NAME after the images; where the results of that name are of
        others that are called so, photos/test of two folders, the digits of a
        digest after it.
    """
    name = f"_{run_name(spec)}"
    digits = _digest(*(x.encode() for x in of))[:8]
    for end in ("", name) if imported else (name,):
        if not _of_others(f"{results}{end}.json", of):
            return end
    return f"{name}_{digits}"


def _of_others(path, of):
    """Whether a file holds the results of other images than `of`."""
    try:
        return json_text.read(path)["identity"].get("of", of) != of
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def identity(workdir, *, of, **parts):
    """What a score belongs to, as digests, for results.json.

    Args:
        workdir: run folder.
        of: list of str, as from `named`.
        **parts: split.Part, or None, of each role.

    Returns:
        dict: "run", of the config and the newest checkpoint's weights, "of",
        and one for each part's images and labels.

    Raises:
        InputError: the run has no checkpoint.
    """
    found = checkpoint.paths(run_folder.checkpoints(workdir))
    if not found:
        raise InputError(f"{workdir} has no checkpoint yet.")
    config = config_lib.to_json(run_folder.read_config(workdir))
    return {
        "run": _digest(config.encode(), checkpoint.digest(found[-1])),
        "of": of,
        **{
            name: _digest(
                part.reader.source.fingerprint().encode(),
                part.rows.tobytes(),
                b"" if part.labels is None else part.labels.tobytes(),
                "\0".join(part.reader.source.class_names or ()).encode(),
            )
            for name, part in parts.items()
            if part is not None
        },
    }


def before(path, identity):
    """The results that a file holds of just this; None where it does not."""
    try:
        results = json_text.read(path)
    except (OSError, ValueError):
        return None
    return results if results.get("identity") == identity else None


def require_writable(folder):
    """Makes a folder, and refuses one that nobody can write to, before work.

    Raises:
        InputError: it cannot be made, or written to.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written to ({error.strerror}): say "
            "--out=FOLDER, which can."
        ) from None


def _digest(*parts):
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
