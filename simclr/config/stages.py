"""Several stages in one recipe: `simclr pipeline` runs them one by one.

A recipe holds `pipeline = Pipeline(...)`. Stages have names, and a later one
points at an earlier one by its name where a config has a run's path: in `init`,
`distill.teachers` and `distill_encoder.teacher`.
"""

import dataclasses
import os

from simclr import config as config_lib
from simclr.config import Config
from simclr.config.load import read_recipe
from simclr.config.rules import check_seed, check_share
from simclr.config.values import Typed
from simclr.messages.errors import InputError


@dataclasses.dataclass(frozen=True)
class Pipeline(Typed):
    """Stages in the order in which they run.

    Attributes:
        stages: dict of name -> Config. Stages that are no pretraining are all
            given the same few labels.
        label_fraction: share of the labels that they are given, as in
            `simclr finetune --label_fraction`; 0: all there are.
        seed: int, chooses those labels.
    """

    stages: dict
    label_fraction: float = 0.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_share("label_fraction", self.label_fraction)
        check_seed(self.seed)


def load(path, overrides=()):
    """Reads `pipeline` from a recipe file.

    Args:
        path: of the recipe.
        overrides: list of STAGE.KEY=VALUE, for one stage, or KEY=VALUE, for
            all of them; KEY as in a stage's own recipe.

    Returns:
        Pipeline; seed=N is its seed, too.

    Raises:
        InputError: no such recipe or none of several stages, a stage that
            points at none before it, or an override that fits no stage.
    """
    pipeline = read_recipe(path).get("pipeline")
    if not isinstance(pipeline, Pipeline):
        raise InputError(
            f"{path} does not set pipeline = Pipeline(...); a recipe of one "
            "stage is for that stage's command."
        )
    stages = dict(pipeline.stages)
    _require_order(path, stages)
    given = {name: [] for name in stages}
    for override in overrides:
        name, dot, rest = override.partition(".")
        if dot and name in stages:
            given[name].append(rest)
        else:
            for values in given.values():
                values.append(override)
    stages = {
        name: config_lib.override(config, given[name])
        for name, config in stages.items()
    }
    seed = next(
        (int(o[5:]) for o in reversed(overrides) if o.startswith("seed=")),
        pipeline.seed,
    )
    return dataclasses.replace(pipeline, stages=stages, seed=seed)


def linked(config, folders):
    """A stage's config with the run folders of the stages that it points at.

    Args:
        config: Config of the stage.
        folders: dict of name -> run folder of the stages before it; what is no
            name there is a run folder itself.
    """
    return with_origins(config, lambda path: folders.get(path, path))


def with_origins(config, place):
    """A config that begins with and learns from what lies at other paths.

    Args:
        config: Config.
        place: function of a path, "" for none, to another.
    """
    learned = config.distill_encoder
    return dataclasses.replace(
        config,
        init=place(config.init),
        distill=dataclasses.replace(
            config.distill, teachers=tuple(map(place, config.distill.teachers))
        ),
        distill_encoder=dataclasses.replace(
            learned, teacher=place(learned.teacher)
        ),
    )


def with_pretrained(pipeline, config):
    """The pipeline for a run that has been pretrained already.

    Stages with the net of the pretraining take the run's.

    Args:
        pipeline: Pipeline.
        config: Config of the run.
    """
    nets = [c.model for c in pipeline.stages.values() if not c.classifies]
    stages = {
        name: dataclasses.replace(stage, model=config.model)
        if stage.model in nets
        else stage
        for name, stage in pipeline.stages.items()
    }
    return dataclasses.replace(pipeline, stages=stages)


def with_teacher(pipeline, path):
    """The pipeline whose encoders learn from another one, all of them.

    Args:
        pipeline: Pipeline.
        path: absolute, of a run, an import or a frozen encoder.

    Raises:
        InputError: no stage learns from an encoder.
    """
    taught = [
        name
        for name, stage in pipeline.stages.items()
        if stage.task == "distill_encoder"
    ]
    if not taught:
        raise InputError(
            "--teacher is for a stage of distill_encoder, and the recipe has "
            "none."
        )
    stages = dict(pipeline.stages)
    for name in taught:
        stages[name] = dataclasses.replace(
            stages[name],
            distill_encoder=dataclasses.replace(
                stages[name].distill_encoder, teacher=path
            ),
        )
    return dataclasses.replace(pipeline, stages=stages)


def require_teachers(path, pipeline):
    """Stops where a stage learns from an encoder that nobody named.

    Raises:
        InputError: one does.
    """
    for name, stage in pipeline.stages.items():
        wanted = stage.distill_encoder.teacher
        if stage.task == "distill_encoder" and not wanted:
            raise InputError(
                f"{path}: stage {name!r} has no teacher: say --teacher=ENCODER."
            )


def _require_order(path, stages):
    """Every stage points at stages before it."""
    before = []
    for name, config in stages.items():
        if not isinstance(config, Config):
            raise InputError(f"{path}: stage {name!r} is no Config.")
        for other in config.origins:
            there = other == "imagenet" or os.path.exists(other)
            if other not in before and not there:
                raise InputError(
                    f"{path}: stage {name!r} builds on {other!r}, which is no "
                    f"stage before it ({', '.join(before) or 'none'}) and no "
                    "file or folder."
                )
        before.append(name)
