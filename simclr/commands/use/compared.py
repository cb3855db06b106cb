"""The nets that an evaluation puts beside each other, each at its own size.

Letters: m images, s side of an image, f features.
"""

import dataclasses
import os
from collections.abc import Callable

from simclr.data import batches
from simclr.frozen.encoder import open_encoder
from simclr.frozen.files import SPELLINGS, is_encoder
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.inference.parts import embed_parts
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.models import backbones
from simclr.published import start
from simclr.runs import folder as run_folder
from simclr.runs import weights

RAW_PIXELS, UNTRAINED = "raw pixels", "untrained encoder"
TRAINED = "trained encoder"
_PAIRS = 1024  # Images whose two views measure alignment.
# Of a baseline's larger views as many as have so many numbers, 256 MiB.
_NUMBERS = 1 << 26
# A step that no run reaches: views it was not trained on.
_NEVER_TRAINED = 1 << 40


@dataclasses.dataclass(frozen=True)
class Compared:
    """A net of an evaluation.

    Attributes:
        name: str, of its row.
        encoder: what features.stream takes.
        image_size: s of the images that it is shown, pixels.
        view_size: s of the random views that measure its alignment.
        digest: str, of a net that the user names; "" of the run's own.
    """

    name: str
    encoder: Callable
    image_size: int
    view_size: int
    digest: str = ""


def open_baselines(paths, preprocessing, strategy):
    """The nets that a user wants to see beside the run.

    Args:
        paths: frozen encoders, run folders, or files of published weights.
        preprocessing: how the encoders take their images, see open_encoder.
        strategy: tf.distribute strategy, or PjrtDevices, for runs.

    Returns:
        list of Compared.

    Raises:
        InputError: there is no such net, or it is no encoder.
    """
    if preprocessing and not any(map(is_encoder, paths)):
        raise InputError(
            f"--preprocessing goes with --baseline=FILE, {SPELLINGS}; weights "
            "and runs know their pixels (model.normalization)."
        )
    paths = list(dict.fromkeys(paths))
    short = [os.path.basename(os.path.abspath(path)) for path in paths]
    return [
        _baseline(
            path,
            # Two of one name are told apart by their folders.
            path if short.count(name) > 1 else name,
            preprocessing,
            strategy,
        )
        for path, name in zip(paths, short)
    ]


def _baseline(path, name, preprocessing, strategy):
    if is_encoder(path):
        encoder = open_encoder(path, preprocessing)
        show(f"Baseline  {encoder.words}")
        size = encoder.image_size
        return Compared(name, encoder, size, size, encoder.digest)
    if not (run_folder.is_run(path) or start.is_published(path)):
        raise InputError(
            f"--baseline={path} is no frozen encoder ({SPELLINGS}), no run "
            "folder and no file of published weights."
        )
    trained = weights.load_encoder(path, strategy)
    step = f", step {trained.step}" if trained.step else ""
    show(
        f"Baseline  {path}{step}: {backbones.describe(trained.config.model)}, "
        f"{trained.image_size} pixels, pixels {trained.normalization!r}"
    )
    return Compared(
        name,
        Infer(trained.model, strategy),
        trained.image_size,
        trained.config.data.image_size,
        run_folder.weights_digest(path),
    )


def of_run(trained, strategy, names):
    """The run's own nets: raw pixels and the untrained encoder where `names`
    has them, the trained one last; a list of Compared."""
    sizes = trained.image_size, trained.config.data.image_size
    nets = []
    if RAW_PIXELS in names:
        nets.append(Compared(RAW_PIXELS, features.raw_pixels, *sizes))
    if UNTRAINED in names:
        fresh = weights.encoder_from(trained.config, strategy=strategy)
        nets.append(Compared(UNTRAINED, Infer(fresh, strategy), *sizes))
    return [*nets, Compared(TRAINED, Infer(trained.model, strategy), *sizes)]


def embed(nets, parts, workers):
    """Features of every image, once by each net though it may be of several
    parts: a pass for each size of images.

    Args:
        nets: list of Compared.
        parts: split.Parts.
        workers: workers.Workers.

    Returns:
        dict of a part's name -> (the Part as far as it can be read, dict of
        features h [m, f] by the nets' names, in their order).
    """
    own = {n: getattr(parts, n) for n in ("fit", "score", "look")}
    own = {name: part for name, part in own.items() if part}
    found = {name: {} for name in own}
    for size in dict.fromkeys(net.image_size for net in nets):
        passed = embed_parts(
            {net.name: net.encoder for net in nets if net.image_size == size},
            own,
            image_size=size,
            workers=workers,
        )
        for name, (part, h) in passed.items():
            own[name] = part
            found[name] |= h
    return {
        name: (part, {net.name: found[name][net.name] for net in nets})
        for name, part in own.items()
    }


def views(nets, reader, config):
    """Random views of the same images, for every size of them.

    Args:
        nets: list of Compared.
        reader: Reader of the images.
        config: Config of the run, whose augmentations these are.

    Returns:
        dict of s -> (first views, second views), float32 [n, s, s, 3 + p] in
        [0, 1], p planes of the source's.
    """
    counts = {
        net.view_size: max(1, min(_PAIRS, _NUMBERS // (3 * net.view_size**2)))
        for net in nets
    }
    counts[config.data.image_size] = _PAIRS
    return {
        size: batches.sample_views(
            reader,
            seed=config.seed,
            step=_NEVER_TRAINED,
            count=min(count, len(reader.source)),
            image_size=size,
            augment=config.augment,
        )
        for size, count in counts.items()
    }
