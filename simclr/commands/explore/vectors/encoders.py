"""What tells the encoder of a store from others."""

import hashlib
import os

from simclr import config as config_lib
from simclr.inference import shard_writer
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.runs import weights


def facts_of(run, trained):
    """What the store keeps of an encoder, a dict."""
    # Strides, padding and the pixels' normalization are no weights.
    config = config_lib.settled(trained.config)
    net = backbones.encoder_settings(config.model)
    digest = shard_writer.digest(trained.model)
    text = f"{digest} {net} {trained.image_size}".encode()
    return {
        "fingerprint": hashlib.blake2b(text, digest_size=8).hexdigest(),
        "run": os.path.abspath(os.path.expanduser(run)),
        "step": trained.step,
        "image_size": trained.image_size,
    }


def load(store, run, strategy):
    """The encoder whose vectors a store's searches use.

    Args:
        store: Store.
        run: run folder; "": where it was loaded from.
        strategy: to load it for.

    Returns:
        weights.Trained.

    Raises:
        InputError: there is no such run, or its encoder is another one.
    """
    wanted = store.current
    path = run or wanted.run
    trained = weights.load_encoder(path, strategy)
    facts = facts_of(path, trained)
    require_same(path, facts, wanted.fingerprint, store.path)
    return trained


def require_same(run, facts, fingerprint, store):
    """Raises InputError where a run's encoder is not the store's."""
    if facts["fingerprint"] != fingerprint:
        raise InputError(
            f"{run}, step {facts['step']}, holds another encoder than the one "
            f"that the vectors of {store} are of: say --run=RUN of that one."
        )
