"""The commands, by name, and the overview of them."""

import textwrap

from simclr.cli.command import Command
from simclr.data.sources.registry import SPELLINGS
from simclr.runs.stopping import EXIT_STOPPED

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

{sources}
simclr COMMAND --help shows the flags of a command.
""".format(sources=textwrap.fill(f"DATA is {SPELLINGS}."))


def _training(run):
    return EXIT_STOPPED if run.stopped else 0


def _good(result):
    return 0 if result else 1


COMMANDS = {
    "pretrain": Command("train.pretrain", _training),
    "finetune": Command("train.finetune", _training),
    "distill": Command("train.distill", _training),
    "pipeline": Command("train.pipeline", _training),
    "evaluate": Command("use.evaluate"),
    "predict": Command("use.predict"),
    "import": Command("tools.import_weights", _good),
    "compile": Command(
        "tools.compile_step", lambda facts: _good(all(x["fits"] for x in facts))
    ),
    "lower": Command("tools.lower"),
    "doctor": Command("tools.doctor", _good),
    "check": Command("tools.check", lambda bad: 1 if bad else 0),
    "prepare": Command("tools.prepare"),
}
