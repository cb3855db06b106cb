"""What a run notes of its images in run.json, and what has changed since."""

import hashlib

import numpy as np
import tensorflow as tf

from simclr import __version__
from simclr.messages.say import say
from simclr.optimizers.schedules import total_steps
from simclr.training.tasks import optimizing


def facts_of(source, class_names, replicas, notes):
    """What run.json says about a run, a dict."""
    return {
        "data": data_facts(source),
        "classes": class_names,
        "replicas": replicas,
        "tensorflow": tf.__version__,
        "simclr": __version__,
        "notes": [*notes, *source.notes],
    }


def data_facts(source):
    """What tells a run's images from others, a dict."""
    facts = {"images": len(source), "fingerprint": source.fingerprint()}
    if source.labels is not None:
        digest = hashlib.blake2b(digest_size=8)
        digest.update(np.ascontiguousarray(source.labels, np.int64))
        digest.update("\0".join(source.class_names).encode())
        facts["labels"] = digest.hexdigest()
    return facts


def tell_changes(change, task, step):
    """Says what changed, and what another number of steps does to the rate.

    Args:
        change: runs.continuing.Change.
        task: the task that goes on.
        step: int, steps done.
    """
    for line in change.lines:
        say(f"Changed   {line}")
    if not change.steps:
        return
    before = total_steps(
        change.config.epochs, change.images, change.config.batch_size
    )
    old = optimizing.schedule(change.config, change.images, before)
    say(
        f"Rate      {float(old(min(step, before - 1))):.4g} -> "
        f"{float(task.schedule(step)):.4g} at step {step}: the decay now ends "
        f"at step {task.total_steps}, not {before}"
    )
