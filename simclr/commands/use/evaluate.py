"""`simclr evaluate`: scores a finished or running run, with pictures."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.evaluation import MAX_IMAGES
from simclr.frozen.files import SPELLINGS
from simclr.messages.errors import InputError
from simclr.messages.say import show

Data = Annotated[
    arguments.Path,
    "Labelled images to fit kNN and the probe on; default: the run's. A "
    "classifier is scored on them if there is no `eval_data`.",
]
EvalData = Annotated[
    arguments.Path,
    "Labelled images to score; default: the run's held-out images.",
]
MaxImages = Annotated[
    arguments.Count,
    "Largest number of images to fit kNN and the probe on, and to score; 0: "
    "all.",
]
Baselines = Annotated[bool, "Also score raw pixels and the untrained encoder."]
Baseline = Annotated[
    tuple[str, ...],
    f"Another encoder to score beside the run: {SPELLINGS}, a file of "
    "published weights, or a run folder; repeatable.",
    arguments.PATH,
    arguments.REPEATABLE,
]
Classifier = Annotated[
    bool | None,
    "Score the classifier (accuracy, confusion, calibration), not the encoder. "
    "Default: in runs of finetune and distill, without a `baseline`.",
]

Out = Annotated[
    arguments.Path,
    "Folder for the results, for example if the run folder is read-only; "
    "default: the run folder.",
]


@command
def evaluate(
    run: arguments.Run,
    *,
    data: Data = "",
    labels: arguments.Labels = "",
    eval_data: EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    max_images: MaxImages = MAX_IMAGES,
    baselines: Baselines = True,
    baseline: Baseline = (),
    preprocessing: arguments.Preprocessing = "",
    classifier: Classifier = None,
    out: Out = "",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    quiet: arguments.Quiet = False,
):
    """Scores a run: kNN, linear probe, neighbours; a classifier's accuracy.

    Returns:
        dict, as written to results.json in the run folder, or `out`.

    Raises:
        InputError: no run, no checkpoint, images that cannot be scored, or a
            baseline that is no encoder.
    """
    from simclr.commands.train import train_data
    from simclr.runs import classes
    from simclr.runs import folder as run_folder

    config = run_folder.read_config(run)
    if classifier is None:
        classifier = config.classifies and not baseline
    if classifier and baseline:
        raise InputError(
            "--baseline is of encoders: say --noclassifier, which scores the "
            "features of a classifier."
        )
    if classifier:
        classes.describe(run)  # What is none stops it here.
    train_data.require_there(
        data,
        eval_data,
        labels=(
            labels,
            eval_labels if eval_data or config.data.eval_source else "",
        ),
    )
    devices = take_devices(strategy, replicas, engine)
    show(f"Devices   {devices.words}")
    given = {
        "data": data,
        "labels": labels,
        "eval_data": eval_data,
        "eval_labels": eval_labels,
        "max_images": max_images,
        "out": out,
    }
    if classifier:
        from simclr.commands.use import evaluate_classifier

        return evaluate_classifier.score(run, devices.strategy, **given)
    from simclr.commands.use import evaluate_encoder

    names = evaluate_encoder.BASELINES if baselines else ()
    return evaluate_encoder.score(
        run,
        devices.strategy,
        baselines=names,
        beside=baseline,
        preprocessing=preprocessing,
        **given,
    )
