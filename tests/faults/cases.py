"""The commands that are killed, each small: what they write, and where."""

import json
import os
import pathlib
import sys
from typing import NamedTuple

from tests import tiny
from tests.test_process import free_port

_RECIPE = """
import dataclasses
from simclr.config import Classifier, Distill, Train
from simclr.config.stages import Pipeline
from tests import tiny

PHOTOS = {photos!r}
config = tiny.config(
    PHOTOS,
    epochs=2,
    train=Train(log_steps=2, eval_epochs=1.0, checkpoint_epochs=0.5),
)
"""
_RECIPES = {
    "pretrain": "",
    "finetune": """
config = dataclasses.replace(
    config, task="finetune", classifier=Classifier(from_layer=1)
)
""",
    "distill": """
config = dataclasses.replace(
    config, task="distill", distill=Distill(cache=True)
)
""",
    "pipeline": """
pipeline = Pipeline(
    stages={
        "pretrain": dataclasses.replace(config, epochs=1),
        "teacher": dataclasses.replace(
            config,
            task="finetune",
            init="pretrain",
            epochs=1,
            classifier=Classifier(from_layer=1),
        ),
    }
)
""",
}


class Case(NamedTuple):
    """A command on a folder of its own.

    Attributes:
        words: function of the folder to the command's words, a list.
        copied: name of a run or store that the folder gets first, as
            FOLDER/NAME; "".
        store: name of the folder's store, of which the rows count; "".
        workers: int, how many processes run it together.
    """

    words: object
    copied: str = ""
    store: str = ""
    workers: int = 1


def write_material(place):
    """Photos, recipes; the runs are made by `first_runs`.

    Args:
        place: folder, new.
    """
    place = pathlib.Path(place)
    tiny.write_photos(place / "photos")
    for name in _RECIPES:
        text = recipe(name, str(place / "photos"))
        (place / f"{name}.py").write_text(text)


def recipe(name, photos):
    """The text of a recipe file: "pretrain", "finetune" and so on."""
    return _RECIPE.format(photos=photos) + _RECIPES[name]


def first_runs(place):
    """dict of run -> words of the command that makes it in `place`."""
    return {
        "base": [
            *("pretrain", f"--config={place}/pretrain.py", "--strategy=cpu"),
            f"--workdir={place}/base",
        ],
        "teacher": [
            *("finetune", f"--config={place}/finetune.py", "--strategy=cpu"),
            *(f"--init={place}/base", f"--workdir={place}/teacher"),
        ],
        "store": [
            *("embed", f"{place}/base", f"{place}/photos", "--strategy=cpu"),
            *(f"--out={place}/store", "--day=2026-11-28"),
        ],
    }


def cases(place):
    """dict of name -> Case, on the material in `place`."""

    def training(name, *more, workers=1):
        def words(folder):
            return [
                *(name, f"--config={place}/{name}.py"),
                *(f"--workdir={folder}/run", *more),
            ]

        return Case(words, workers=workers)

    def run(*words, **more):
        return Case(lambda folder: [w.format(folder) for w in words], **more)

    cpu = "--strategy=cpu"
    return {
        "pretrain": training("pretrain", cpu),
        "pretrain, 2 replicas": training("pretrain", cpu, "--replicas=2"),
        "pretrain, 2 workers": training("pretrain", workers=2),
        "finetune": training("finetune", cpu, f"--init={place}/base"),
        "distill": training("distill", cpu, f"--teacher={place}/teacher"),
        "pipeline": run(
            *("pipeline", f"{place}/pipeline.py", "--workdir={}/runs", cpu)
        ),
        "prepare": run(
            *("prepare", f"{place}/photos", "{}/shards", "--shard_mb=0.01")
        ),
        "embed": run(
            *("embed", f"{place}/base", f"{place}/photos"),
            *("--out={}/store", "--day=2026-11-28", cpu),
            store="store",
        ),
        "dedup": run(
            *("dedup", "{}/store", "--threshold=0.5", "--out={}/dedup"),
            copied="store",
            store="store",
        ),
        "export": run(
            *("export", f"{place}/teacher", f"--data={place}/photos"),
            *("--out={}/export", "--format=keras,savedmodel"),
        ),
        "lower": run(
            *("lower", f"--config={place}/pretrain.py", "--workdir={}/run")
        ),
        "evaluate": run("evaluate", "{}/base", cpu, copied="base"),
    }


def environment(case, place):
    """What each process of a case finds, a list of dicts."""
    env = {
        **os.environ,
        "PYTHONPATH": os.getcwd(),
        "XDG_CACHE_HOME": os.path.join(place, "cache"),
        "JAX_PLATFORMS": "cpu",
    }
    if case.workers == 1:
        return [env]
    hosts = [f"localhost:{free_port()}" for _ in range(case.workers)]
    return [
        {
            **env,
            "TF_CONFIG": json.dumps(
                {
                    "cluster": {"worker": hosts},
                    "task": {"type": "worker", "index": index},
                }
            ),
        }
        for index in range(case.workers)
    ]


def command(words, at_write=None):
    """The line that runs a command.

    Args:
        words: of the command.
        at_write: (n, signal's number) where a signal comes with the n-th
            file that takes its name; None.
    """
    if at_write is None:
        return [sys.executable, "-m", "simclr", *words]
    return [
        *(sys.executable, "-m", "tests.faults.at_write"),
        *map(str, map(int, at_write)),
        *words,
    ]
