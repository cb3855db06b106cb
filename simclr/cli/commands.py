"""The commands, by name, and the overview of them."""

import textwrap

from simclr.cli.command import Command
from simclr.data.sources.registry import SPELLINGS
from simclr.messages.signals import EXIT_STOPPED


def _training(run):
    return EXIT_STOPPED if run.stopped else 0


def _good(result):
    return 0 if result else 1


COMMANDS = {
    "pretrain": Command("train.pretrain", _training),
    "finetune": Command("train.finetune", _training),
    "distill": Command("train.distill", _training),
    "pipeline": Command("train.pipeline", _training),
    "study": Command("study.study", _training),
    "study --list": Command("study.study_list"),
    "study recipes": Command("study.study_recipes"),
    "study grid": Command("study.study_grid", _training),
    "study local_features": Command("study.study_local_features"),
    "evaluate": Command("use.evaluate"),
    "predict": Command("use.predict"),
    "export": Command("use.export_run"),
    "embed": Command("explore.embed"),
    "cluster": Command("explore.cluster"),
    "assign": Command("explore.assign"),
    "day": Command("explore.day"),
    "dedup": Command("explore.dedup"),
    "neighbours": Command("explore.neighbours"),
    "select": Command("explore.select"),
    "page": Command("explore.page"),
    "health": Command("explore.health"),
    "embeddings export": Command("explore.export_embeddings"),
    "import": Command("tools.import_weights", _good),
    "compile": Command(
        "tools.compile_step", lambda facts: _good(all(x["fits"] for x in facts))
    ),
    "lower": Command("tools.lower"),
    "doctor": Command("tools.doctor", _good),
    "check": Command("tools.check", lambda bad: 1 if bad else 0),
    "prepare": Command("tools.prepare"),
}


_COLUMN = 34  # Where the words begin: after the longest call.


def usage():
    """The overview, a text: what each command does, and what DATA is."""
    lines = []
    for name, command in COMMANDS.items():
        call = " ".join(["  simclr", name, *command.words])
        lines.append(
            textwrap.fill(
                command.summary,
                initial_indent=f"{call:{_COLUMN}}",
                subsequent_indent=" " * _COLUMN,
                width=80,
            )
        )
    return "\n".join(
        [
            "Self-supervised image training, from a folder of photos to an "
            "encoder:\nsimclr pretrain --data=PHOTOS\n",
            *lines,
            "",
            textwrap.fill(f"DATA is {SPELLINGS}.", width=80),
            "simclr COMMAND --help shows the flags of a command.",
        ]
    )
