"""What a trained encoder is to be compared with: itself untrained, and pixels.

They are scored beside the trained one at the first evaluation, from weights
that are made anew, so that training need not wait for them; and kept for other
runs on the same images.
"""

import functools
import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

import simclr
from simclr.data import probes
from simclr.engines.strategies import is_accelerator
from simclr.inference.forward import Infer
from simclr.models import backbones
from simclr.runs import best, weight_arrays, weights
from simclr.storage import cache, json_text


def untrained(config, strategy):
    """The encoder that a run begins with, an Infer.

    Raises:
        InputError: the weights that the run started from are gone.
    """
    arrays = None
    if config.init:
        arrays = weight_arrays.read_weights(config.init, model=config.model)
    encoder = weights.encoder_from(config, arrays, strategy=strategy)
    return Infer(encoder, strategy)


def place(config, parts, *, image_size, total_steps, strategy):
    """Where in the cache the baselines of a run lie, or would; "" for nowhere.

    Nowhere for weights that come from outside: under the same name there may
    be others another time.

    Args:
        config: the Config.
        parts: split.Parts.
        image_size: side of the views that are scored, pixels.
        total_steps: int; alignment is of views after the last step.
        strategy: as for is_accelerator.
    """
    if config.init or config.model.name not in backbones.BACKBONES:
        return ""
    return cache.path_for(
        "baselines.json",
        *(_code(), tf.__version__, is_accelerator(strategy)),
        *(config.seed, config.model, config.augment, config.train.precision),
        *(config.data.image_size, image_size, total_steps),
        [_digest(part) for part in (parts.fit, parts.score, parts.look)],
    )


def read(path):
    """The baselines at a `place`, a dict of floats, or None."""
    data = cache.read(path) if path else None
    if data is None:
        return None
    try:
        return json_text.parse(data)
    except ValueError:  # Damaged is as good as not there.
        return None


def write(path, baselines):
    """Keeps baselines at a `place`."""
    if path:
        cache.write(path, json.dumps(baselines).encode())


def written(rows):
    """The baselines that a run has written.

    Args:
        rows: its rows of metrics.

    Returns:
        dict; empty for none.
    """
    names = {f"{first}effective_rank" for first in ("untrained_", best.START)}
    for row in rows:
        if row["step"] == 0 and names & row.keys():
            return row
    return {}


def known(monitor, workers, written):
    """Baselines, where every worker has them; None: all have to score them.

    Args:
        monitor: what this worker scores with.
        workers: workers.Workers, who all ask.
        written: as the function of this name returns it.
    """
    found = written or monitor.known_baselines()
    everyone = workers.gather([float(found is not None)]).all()
    return found if everyone else None


@functools.cache
def _code():
    """A digest of this package: a change of it may change the scores."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(simclr.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(part):
    """Of a part's images and labels; None of no part."""
    if part is None:
        return None
    digest = hashlib.sha256(
        probes.digest(part.reader.source, part.rows).encode()
    )
    if part.labels is not None:
        digest.update(np.asarray(part.labels, np.int32).tobytes())
    return digest.hexdigest()
