"""The commands: values of flags -> one command."""

import os
import sys

from simclr.cli import command_flags, line
from simclr.cli.line import Command
from simclr.engines import startup

USAGE = """\
Self-supervised image training: from a folder of photos to an encoder.

  simclr pretrain --data=PHOTOS       train an encoder without labels
  simclr finetune --init=RUN          a classifier from few labels
  simclr distill --teacher=RUN        a small student of a classifier
  simclr pipeline RECIPE              these stages, one by one, with a table
  simclr evaluate RUN                 scores of a run, with pictures
  simclr predict RUN DATA             a classifier's answers, as a CSV file
  simclr import CHECKPOINT            a run from published weights
  simclr compile --config=RECIPE      will it fit and how fast is it on a TPU
  simclr lower --config=RECIPE        a run for a GPU without TensorFlow
  simclr doctor                       why no TPU or GPU is seen
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
    return line.main(argv, COMMANDS, USAGE)


def _train(command, values, recipe, **more):
    """Runs a command that trains; its flags are _define_training's and more."""
    from simclr.runs.stopping import EXIT_STOPPED

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
        engine=values.engine,
        max_hours=values.max_hours,
        **more,
    )
    return EXIT_STOPPED if stopped else 0


def _pretrain(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands.train import pretrain

    return _train(pretrain, values, values.config, init=values.init)


def _finetune(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands.train import finetune

    return _train(
        finetune,
        values,
        values.config,
        init=values.init,
        from_scratch=values.from_scratch,
        label_fraction=values.label_fraction,
    )


def _distill(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands.train import distill

    return _train(
        distill,
        values,
        values.config,
        teachers=values.teacher,
        init=values.init,
    )


def _pipeline(values, recipe):
    startup.start_tensorflow(values.debug)
    from simclr.commands.train import pipeline

    return _train(
        pipeline,
        values,
        recipe,
        label_fraction=values.label_fraction,
        pretrained=values.pretrained,
    )


def _evaluate(values, workdir):
    startup.start_tensorflow(values.debug)
    from simclr.commands.use import evaluate, evaluate_classifier
    from simclr.runs import folder as run_folder

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
        chosen = run_folder.read_config(workdir).task != "pretrain"
    if chosen:
        evaluate_classifier.run(workdir, **arguments)
    else:
        evaluate.run(workdir, baselines=values.baselines, **arguments)


def _predict(values, workdir, data):
    startup.start_tensorflow(values.debug)
    from simclr.commands.use import predict

    predict.run(
        os.path.expanduser(workdir),
        data,
        out=os.path.expanduser(values.out),
        top=values.top,
        probabilities=values.probabilities,
        strategy_kind=values.strategy,
        replicas=values.replicas,
    )


def _import(values, path):
    startup.start_tensorflow(values.debug)
    from simclr.commands.tools import import_weights

    same = import_weights.run(path, workdir=values.workdir, check=values.check)
    return 0 if same else 1


def _compile(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands.tools import compile_step

    fits = compile_step.run(
        os.path.expanduser(values.config),
        values.topology,
        overrides=values.set,
        data=values.data,
        images=values.images,
        classes=values.classes,
        search=values.search,
        code=values.code,
        out=os.path.expanduser(values.out),
    )
    return 0 if fits else 1


def _lower(values):
    startup.start_tensorflow(values.debug)
    from simclr.commands.tools import lower

    lower.run(
        recipe=os.path.expanduser(values.config),
        data=values.data,
        labels=values.labels,
        eval_data=values.eval_data,
        eval_labels=values.eval_labels,
        init=values.init,
        overrides=values.set,
        workdir=os.path.expanduser(values.workdir),
        replicas=values.replicas,
        side=values.side,
    )


def _doctor(values):
    del values
    from simclr.commands.tools import doctor

    return 0 if doctor.run() else 1


def _check(values, data):
    startup.be_quiet(values.debug)  # TensorFlow may not be needed at all.
    from simclr.data.images.check import check
    from simclr.data.sources.registry import open_source

    bad = check(
        open_source(data, labels=values.labels),
        out=os.path.expanduser(values.out),
    )
    return 1 if bad else 0


def _prepare(values, data, folder):
    startup.be_quiet(values.debug)
    from simclr.data.shards.prepare import prepare
    from simclr.data.sources.registry import open_source

    prepare(
        open_source(data, labels=values.labels),
        folder,
        file_format=values.format,
        shard_bytes=values.shard_mb * 1e6,
    )


COMMANDS = {
    "pretrain": Command(
        _pretrain,
        command_flags.pretrain,
        (),
        "Trains an encoder on images without labels.",
    ),
    "finetune": Command(
        _finetune,
        command_flags.finetune,
        (),
        "Trains a classifier from a pretrained encoder and few labels.",
    ),
    "distill": Command(
        _distill,
        command_flags.distill,
        (),
        "Trains a student on a teacher's labels for all images.",
    ),
    "pipeline": Command(
        _pipeline,
        command_flags.pipeline,
        ("RECIPE",),
        "Pretrains, fine-tunes, distills and scores each stage.",
    ),
    "evaluate": Command(
        _evaluate,
        command_flags.evaluate,
        ("RUN",),
        "Scores a run: kNN, linear probe, neighbours; a classifier's accuracy.",
    ),
    "predict": Command(
        _predict,
        command_flags.predict,
        ("RUN", "DATA"),
        "Writes a classifier's answers for new images to a CSV file.",
    ),
    "import": Command(
        _import,
        command_flags.import_weights,
        ("CHECKPOINT",),
        "Makes a run of published SimCLR or Barlow Twins weights.",
    ),
    "compile": Command(
        _compile,
        command_flags.compile_step,
        (),
        "Compiles a recipe's step for a TPU slice, without one: memory, speed.",
    ),
    "lower": Command(
        _lower,
        command_flags.lower,
        (),
        "Writes a run that trains by jax and NumPy alone, on a GPU, say.",
    ),
    "doctor": Command(
        _doctor,
        command_flags.doctor,
        (),
        "Says why no TPU or GPU is seen, and what to type.",
        needs_tensorflow=False,
    ),
    "check": Command(
        _check,
        command_flags.check,
        ("DATA",),
        "Reads every image and lists those that cannot be read.",
    ),
    "prepare": Command(
        _prepare,
        command_flags.prepare,
        ("DATA", "FOLDER"),
        "Packs images into large shards that read fast anywhere.",
    ),
}


if __name__ == "__main__":
    run()
