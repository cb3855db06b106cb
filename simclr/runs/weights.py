"""The weights of a run, read: the one place that does so for use.

Resuming is not use: it takes a whole state back, optimizer and all
(training/loop.py, pjrt/runner.py).

Letters: n images, s side of an image, f features, k classes.
"""

import contextlib
import dataclasses
import random

import keras
import tensorflow as tf

from simclr import config as config_lib
from simclr.models import classifier as classifier_lib
from simclr.models import dtypes, heads
from simclr.models.backbones import build_encoder
from simclr.models.variables import named_variables
from simclr.published import start
from simclr.runs import checkpoint, classes, weight_arrays
from simclr.runs import folder as run_folder


@dataclasses.dataclass(frozen=True)
class Trained:
    """A net as a run left it, and what its images must be like.

    Attributes:
        model: keras.Model from images, float [n, s, s, 3] in [0, 1], to
            features h [n, f] or logits [n, k], at least float32. Unless it is
            called with training=True it is in inference mode.
        models: dict of role -> Keras model, its parts, whose variables a
            checkpoint calls "role/path".
        image_size: s, side of the images that evaluation shows it, pixels; how
            they are cut is data/images/center_crop.py's.
        normalization: of pixels, as config.Model has it, done by the model
            itself; "auto" where a model from outside has one of its own.
        class_names: list of str; None for an encoder, and where an import does
            not tell them.
        num_classes: k; 0 for an encoder.
        config: Config of the run.
        step: int, of the checkpoint.
    """

    model: keras.Model
    models: dict
    image_size: int
    normalization: str
    class_names: list | None
    num_classes: int
    config: config_lib.Config
    step: int


def load_encoder(path, strategy=None):
    """The encoder of a run: of pretrain, finetune, distill, import or lower.

    Args:
        path: run folder (its newest checkpoint), or a checkpoint in one; or a
            file of published weights.
        strategy: tf.distribute strategy that holds the variables; None: the
            one in whose scope this is called.

    Returns:
        Trained, whose model gives features.

    Raises:
        InputError: the folder is no run, or has no checkpoint; or that is
            damaged or of another net.
    """
    if start.is_published(path):
        fit, source = start.find(path, None)
        config = config_lib.Config(
            model=fit.model, data=config_lib.Data(image_size=fit.net.image_size)
        )
        step, arrays = 0, fit.read(source)
    else:
        config = run_folder.read_config(weight_arrays.run_of(path))
        step, arrays = weight_arrays.read(path)
    models, model = _encoder(config, arrays, strategy)
    return _trained(models, model, config, step)


def load_parts(path):
    """All of a run's net that has a use: for export.

    Args:
        path: run folder, or a checkpoint in one.

    Returns:
        Trained, which computes in float32 whatever it was trained in. Of a
        classifier as `load_classifier`; of another run as `load_encoder`, whose
        `models` have the whole projection head, too, as "head", where the run
        keeps it.

    Raises:
        InputError: as `load_encoder`.
    """
    run = weight_arrays.run_of(path)
    config = run_folder.read_config(run)
    imported = run_folder.read_facts(run).get("imported") or {}
    if config.classifies or imported.get("probe_input"):
        return load_classifier(path, precision="float32")
    step, arrays = weight_arrays.read(path)
    models, model = _encoder(config, arrays, None, "float32")
    if any(name.startswith("head/") for name in arrays):
        with _built_for(config, None, "float32"):
            head = heads.build_head(config.model, model.output.shape[-1])
        _assign({"head": head}, arrays)
        models = {**models, "head": head}
    return _trained(models, model, config, step)


def load_classifier(path, strategy=None, order=None, precision=""):
    """The classifier of a run: of finetune or distill, or an import's.

    Args:
        path, strategy: as in `load_encoder`.
        order: list of str, its classes in the order that its logits are to
            have; None: its own.
        precision: as config.Train.precision; "": the run's.

    Returns:
        Trained, whose model gives logits.

    Raises:
        InputError: as `load_encoder`; or the run is no classifier.
    """
    run = weight_arrays.run_of(path)
    config, class_names, num_classes = classes.describe(run)
    step, arrays = weight_arrays.read(path)
    if "probe/probe/kernel" in arrays:  # An import's linear head.
        for name in ("kernel", "bias"):
            arrays[f"classifier/classifier/{name}"] = arrays.pop(
                f"probe/probe/{name}"
            )
    if order:
        arrays = weight_arrays.reordered(arrays, classes.names_of(run), order)
        class_names = class_names and list(order)
    with _built_for(config, strategy, precision):
        models = classifier_lib.build(config, num_classes).models
        encoder = models["encoder"]
        x = encoder(encoder.input)["h"]
        if "head" in models:
            x = models["head"](x)
        logits = models["classifier"](x)
        model = keras.Model(encoder.input, logits, name="classifier")
    _assign(models, arrays)
    return _trained(models, model, config, step, class_names, num_classes)


def encoder_from(config, arrays=None, strategy=None):
    """An encoder whose weights belong to no run yet.

    Args:
        config: Config.
        arrays: dict of "role/path" -> array, as a checkpoint has them; None:
            fresh weights, by the config's seed.
        strategy: as in `load_encoder`.

    Returns:
        keras.Model, as Trained.model.

    Raises:
        InputError: the weights are of another net.
    """
    _, model = _encoder(config, arrays, strategy)
    return model


def newest_step(workdir):
    """The step of a run's newest checkpoint, without reading it; or None."""
    found = checkpoint.paths(run_folder.checkpoints(workdir))
    return checkpoint.step_of(found[-1]) if found else None


def _encoder(config, arrays, strategy, precision=""):
    """({"encoder": the net with all its ends}, the model to h)."""
    with _built_for(config, strategy, precision):
        encoder = build_encoder(config.model, config.data.image_size)
        model = keras.Model(
            encoder.input, encoder.output["h"], name=encoder.name
        )
    models = {"encoder": encoder}
    if arrays is not None:
        _assign(models, arrays)
    return models, model


@contextlib.contextmanager
def _built_for(config, strategy, precision=""):
    """In a run's precision, or another, by its seed; the process's own are put
    back."""
    state = random.getstate()
    random.seed(config.seed)  # Where Keras's initializers take their seeds.
    try:
        with (
            (strategy or tf.distribute.get_strategy()).scope(),
            dtypes.precision(precision or config.train.precision),
        ):
            yield
    finally:
        random.setstate(state)


def _assign(models, arrays):
    """Puts into models what a checkpoint has under their names."""
    variables = named_variables(**models)
    of_models = tuple(f"{role}/" for role in models)
    checkpoint.assign(
        variables,
        {
            name: array
            for name, array in arrays.items()
            # Of a projection head that goes on, a classifier takes a part.
            if name in variables
            or (name.startswith(of_models) and not name.startswith("head/"))
        },
    )


def _trained(models, model, config, step, class_names=None, num_classes=0):
    return Trained(
        model=model,
        models=models,
        image_size=config_lib.eval_image_size(config),
        normalization=config.model.normalization,
        class_names=class_names,
        num_classes=num_classes,
        config=config,
        step=step,
    )
