"""The commands and their flags: flags -> config and strategy -> one command."""

import os
import sys

from absl import flags

from simclr import command_line, startup
from simclr.command_line import Command

USAGE = """\
Self-supervised image training: from a folder of photos to an encoder.

  simclr pretrain --data=PHOTOS       train an encoder without labels
  simclr finetune --init=RUN          a classifier from few labels
  simclr distill --teacher=RUN        a small student of a classifier
  simclr pipeline RECIPE              these stages, one by one, with a table
  simclr evaluate RUN                 scores of a run, with pictures
  simclr predict RUN DATA             a classifier's answers, as a CSV file
  simclr import CHECKPOINT            a run from published weights
  simclr check DATA                   read every image, list the bad ones
  simclr prepare DATA FOLDER          pack images into large shards

DATA is a folder, folder:PATH, tfds:NAME[/SPLIT], tfrecord:GLOB,
arrayrecord:GLOB or sample[/train|/test].
simclr COMMAND --help shows the flags of a command.
"""


def run():
    """Entry point of the `simclr` console command."""
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a run stopped half-way leaves the input pipeline's threads
    # in Python code, and the interpreter's end and theirs can wait for each
    # other for ever.
    os._exit(status)


def main(argv):
    """Runs one command; see command_line.main."""
    return command_line.main(argv, COMMANDS, USAGE)


def _define_device(values):
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "tpu", "gpu", "cpu", "multiworker"],
        "Devices to use; auto takes the best that is there.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "replicas",
        0,
        "Number of GPUs, or of logical CPU replicas; 0: all GPUs, one CPU.",
        lower_bound=0,
        flag_values=values,
    )


def _define_eval_labels(values):
    flags.DEFINE_string(
        "eval_labels", "", "A labels.csv for --eval_data.", flag_values=values
    )


def _define_training(values, default_data, with_recipe=True):
    """Flags of every command that trains."""
    flags.DEFINE_string(
        "data",
        "",
        "Images to train on: a folder of photos, tfds:NAME, tfrecord:GLOB, "
        f"arrayrecord:GLOB or sample.{default_data}",
        flag_values=values,
    )
    flags.DEFINE_string(
        "labels", "", "A labels.csv (id,label), if any.", flag_values=values
    )
    flags.DEFINE_string(
        "eval_data",
        "",
        f"Held-out labelled images, if any.{default_data}",
        flag_values=values,
    )
    _define_eval_labels(values)
    if with_recipe:
        flags.DEFINE_string(
            "config",
            "",
            "A recipe, configs/NAME.py; without one a recipe is chosen from "
            "the images and the device.",
            flag_values=values,
        )
    flags.DEFINE_multi_string(
        "set", [], "KEY=VALUE over the recipe; repeatable.", flag_values=values
    )
    flags.DEFINE_string(
        "workdir",
        "",
        "The run folder; the same command goes on where it stopped. Default: "
        "runs/NAME after the recipe or the data.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_hours",
        0.0,
        "Save and exit with status 75 after so many hours; 0: no limit.",
        lower_bound=0.0,
        flag_values=values,
    )
    _define_device(values)


def _train(command, values, recipe, **more):
    """Runs a command that trains; its flags are _define_training's and more."""
    from simclr.training.stopping import EXIT_STOPPED

    stopped = command.run(
        data=values.data,
        labels=values.labels,
        eval_data=values.eval_data,
        eval_labels=values.eval_labels,
        recipe=os.path.expanduser(recipe),
        overrides=values.set,
        workdir=os.path.expanduser(values.workdir),
        strategy_kind=values.strategy,
        replicas=values.replicas,
        max_hours=values.max_hours,
        **more,
    )
    return EXIT_STOPPED if stopped else 0


def _define_label_fraction(values):
    flags.DEFINE_float(
        "label_fraction",
        0.0,
        "Use this share of the labels, as many of each class, chosen by the "
        "seed and written to labels.csv in the run folder; 0: all.",
        flag_values=values,
    )


def _define_init(values, text):
    flags.DEFINE_string("init", "", text, flag_values=values)


def _define_pretrain(values):
    _define_training(values, "")
    _define_init(
        values,
        "Weights to start from: a run folder or a checkpoint. (Resuming needs "
        "no flag: it is the same command again.)",
    )


def _pretrain(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands import pretrain

    return _train(pretrain, values, values.config, init=values.init)


def _define_finetune(values):
    _define_training(values, " Default: those of --init.")
    _define_init(values, "The pretrained run, or import, to start from.")
    flags.DEFINE_boolean(
        "from_scratch",
        False,
        "Take the net of --init, but none of its weights: the supervised "
        "baseline.",
        flag_values=values,
    )
    _define_label_fraction(values)


def _finetune(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands import finetune

    return _train(
        finetune,
        values,
        values.config,
        init=values.init,
        from_scratch=values.from_scratch,
        label_fraction=values.label_fraction,
    )


def _define_distill(values):
    _define_training(values, " Default: the teacher's.")
    flags.DEFINE_multi_string(
        "teacher",
        [],
        "A run of finetune or distill, or an import with a classifier; "
        "repeatable: several are averaged.",
        flag_values=values,
    )
    _define_init(
        values, "Weights to start from, if any, such as the teacher's own."
    )


def _distill(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands import distill

    return _train(
        distill,
        values,
        values.config,
        teachers=values.teacher,
        init=values.init,
    )


def _define_pipeline(values):
    _define_training(values, " Default: the recipe's.", with_recipe=False)
    _define_label_fraction(values)
    flags.DEFINE_string(
        "pretrained",
        "",
        "A pretrained run, or import, in place of the recipe's first stage.",
        flag_values=values,
    )


def _pipeline(values, recipe):
    startup.start_tensorflow(values.debug)
    from simclr.commands import pipeline

    return _train(
        pipeline,
        values,
        recipe,
        label_fraction=values.label_fraction,
        pretrained=values.pretrained,
    )


def _define_evaluate(values):
    flags.DEFINE_string(
        "data",
        "",
        "Labelled images to fit kNN and the probe on, or for a classifier to "
        "name; default: the run's.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "labels", "", "A labels.csv for --data.", flag_values=values
    )
    flags.DEFINE_string(
        "eval_data",
        "",
        "Labelled images to score; default: the run's held-out images.",
        flag_values=values,
    )
    _define_eval_labels(values)
    flags.DEFINE_integer(
        "max_images",
        200_000,
        "Fit kNN and the probe on, and score, at most so many images; 0: all.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "baselines",
        True,
        "Also score raw pixels and the untrained encoder.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "classifier",
        None,
        "Score the classifier (accuracy, confusion, calibration), not the "
        "encoder. Default: in runs of finetune and distill.",
        flag_values=values,
    )
    _define_device(values)


def _evaluate(values, workdir):
    startup.start_tensorflow(values.debug)
    from simclr.commands import evaluate, evaluate_classifier
    from simclr.training import rundir

    workdir = os.path.expanduser(workdir)
    arguments = {
        "data": values.data,
        "labels": values.labels,
        "eval_data": values.eval_data,
        "eval_labels": values.eval_labels,
        "max_images": values.max_images,
        "strategy_kind": values.strategy,
        "replicas": values.replicas,
    }
    chosen = values.classifier
    if chosen is None:
        chosen = rundir.read_config(workdir).task != "pretrain"
    if chosen:
        evaluate_classifier.run(workdir, **arguments)
    else:
        evaluate.run(workdir, baselines=values.baselines, **arguments)


def _define_predict(values):
    flags.DEFINE_string(
        "out",
        "predictions.csv",
        "The file to write; older predictions are replaced, nothing else.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "top",
        1,
        "Name so many classes of an image, the likeliest first.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "probabilities",
        False,
        "Also write the probability of every class, in a column p_CLASS each.",
        flag_values=values,
    )
    _define_device(values)


def _predict(values, workdir, data):
    startup.start_tensorflow(values.debug)
    from simclr.commands import predict

    predict.run(
        os.path.expanduser(workdir),
        data,
        out=os.path.expanduser(values.out),
        top=values.top,
        probabilities=values.probabilities,
        strategy_kind=values.strategy,
        replicas=values.replicas,
    )


def _define_import(values):
    flags.DEFINE_string(
        "workdir",
        "",
        "The run folder to write. Default: runs/NAME after the checkpoint.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "check",
        "",
        "Folder of the SavedModel published with the checkpoint: run it beside "
        "the imported encoder and fail where they differ.",
        flag_values=values,
    )


def _import(values, path):
    startup.start_tensorflow(values.debug)
    from simclr.commands import import_weights

    same = import_weights.run(path, workdir=values.workdir, check=values.check)
    return 0 if same else 1


def _define_check(values):
    flags.DEFINE_string("labels", "", "A labels.csv.", flag_values=values)
    flags.DEFINE_string(
        "out", "", "Write the bad images to this CSV too.", flag_values=values
    )


def _check(values, data):
    startup.be_quiet(values.debug)  # TensorFlow may not be needed at all.
    from simclr.data.check import check
    from simclr.data.sources import open_source

    bad = check(
        open_source(data, labels=values.labels),
        out=os.path.expanduser(values.out),
    )
    return 1 if bad else 0


def _define_prepare(values):
    flags.DEFINE_string("labels", "", "A labels.csv.", flag_values=values)
    flags.DEFINE_enum(
        "format",
        "arrayrecord",
        ["arrayrecord", "tfrecord"],
        "ArrayRecord reads at random; TFRecord is what others read.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "shard_mb", 100.0, "Size of a shard, MB.", flag_values=values
    )


def _prepare(values, data, folder):
    startup.be_quiet(values.debug)
    from simclr.data.prepare import prepare
    from simclr.data.sources import open_source

    prepare(
        open_source(data, labels=values.labels),
        folder,
        file_format=values.format,
        shard_bytes=values.shard_mb * 1e6,
    )


COMMANDS = {
    "pretrain": Command(
        _pretrain,
        _define_pretrain,
        (),
        "Trains an encoder on images without labels.",
    ),
    "finetune": Command(
        _finetune,
        _define_finetune,
        (),
        "Trains a classifier from a pretrained encoder and few labels.",
    ),
    "distill": Command(
        _distill,
        _define_distill,
        (),
        "Trains a student on a teacher's labels for all images.",
    ),
    "pipeline": Command(
        _pipeline,
        _define_pipeline,
        ("RECIPE",),
        "Pretrains, fine-tunes, distills and scores each stage.",
    ),
    "evaluate": Command(
        _evaluate,
        _define_evaluate,
        ("RUN",),
        "Scores a run: kNN, linear probe, neighbours; a classifier's accuracy.",
    ),
    "predict": Command(
        _predict,
        _define_predict,
        ("RUN", "DATA"),
        "Writes a classifier's answers for new images to a CSV file.",
    ),
    "import": Command(
        _import,
        _define_import,
        ("CHECKPOINT",),
        "Makes a run of published SimCLR or Barlow Twins weights.",
    ),
    "check": Command(
        _check,
        _define_check,
        ("DATA",),
        "Reads every image and lists those that cannot be read.",
    ),
    "prepare": Command(
        _prepare,
        _define_prepare,
        ("DATA", "FOLDER"),
        "Packs images into large shards that read fast anywhere.",
    ),
}


if __name__ == "__main__":
    run()
