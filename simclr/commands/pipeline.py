"""`simclr pipeline`: all stages of a recipe, each evaluated, then one table."""

import dataclasses
import json
import os
import time

from simclr.commands import evaluate, training
from simclr.commands.finetune import write_labels
from simclr.evaluation import report, stages_picture
from simclr.optimizers.schedules import total_steps
from simclr.pipeline_recipe import linked, load, with_pretrained
from simclr.training import checkpoint, rundir
from simclr.training.strategy import is_chief, make_strategy

# What a row of the table is, by the stage and whether it had weights to start.
_KINDS = {
    ("pretrain", False): "linear probe",
    ("pretrain", True): "linear probe",
    ("finetune", False): "supervised",
    ("finetune", True): "fine-tuned",
    ("distill", False): "distilled",
    ("distill", True): "distilled on",
}


def run(
    *,
    recipe,
    data="",
    labels="",
    label_fraction=0.0,
    eval_data="",
    eval_labels="",
    pretrained="",
    overrides=(),
    workdir="",
    strategy_kind="auto",
    replicas=0,
    max_hours=0.0,
):
    """Runs what is not done yet; see `simclr pipeline --help`.

    Every stage has a run folder, WORKDIR/NAME, and is skipped when it is
    finished and evaluated. The few labels lie in WORKDIR/labels.csv; the
    table in WORKDIR/stages.json and stages.png.

    Returns:
        "" when all is done, else why it stopped early (saved).

    Raises:
        ValueError: bad input, before any work.
    """
    pipeline = load(recipe, overrides)
    pretrained = training.absolute_run(pretrained)
    if pretrained:
        pipeline = with_pretrained(pipeline, rundir.read_config(pretrained))
    strategy, devices = make_strategy(strategy_kind, replicas)
    say = training.speaker(strategy)
    workdir = os.path.abspath(
        workdir or os.path.join("runs", rundir.run_name(recipe))
    )
    images = training.with_images(
        training.images_of(pretrained, data)
        if pretrained
        else next(iter(pipeline.stages.values())).data,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    fraction = label_fraction or pipeline.label_fraction
    few = images.labels
    if fraction:
        few = write_labels(images, fraction, pipeline.seed, workdir, strategy)
    say(f"Pipeline  {recipe}: {', '.join(pipeline.stages)}, in {workdir}")
    say(f"Labels    {few or 'all of ' + images.source}")
    started = time.monotonic()
    rows, folders = [], {}
    for name, config in pipeline.stages.items():
        folders[name] = os.path.join(workdir, name)
        if config.task == "pretrain" and pretrained:
            folders[name] = pretrained
            say(f"\nStage     {name}: {pretrained}")
            if is_chief(strategy):
                rows.append(
                    _evaluated(name, folders[name], workdir, few, strategy)
                )
            continue
        config = linked(config, folders)
        stage_images = training.sized(images, config)
        if config.task != "pretrain":
            stage_images = dataclasses.replace(stage_images, labels=few)
        config = dataclasses.replace(config, data=stage_images)
        if _is_finished(config, folders[name]):
            say(f"\nStage     {name}: done before")
        else:
            say(f"\nStage     {name}")
            stopped = training.train(
                config,
                folders[name],
                strategy,
                devices=devices,
                notes=[f"stage {name} of {recipe}"],
                overrides=overrides,
                max_hours=_hours_left(max_hours, started),
            )
            if stopped:
                return stopped
        if is_chief(strategy):
            rows.append(_evaluated(name, folders[name], workdir, few, strategy))
    if is_chief(strategy):
        rundir.write(
            workdir,
            "stages.json",
            json.dumps({"labels": few, "rows": rows}, indent=2) + "\n",
        )
        print(report.stages_table(rows))
        path = os.path.join(workdir, "stages.png")
        stages_picture.draw(path, title=os.path.basename(workdir), rows=rows)
        print(f"Look at {path}")
    return ""


def _is_finished(config, workdir):
    """Whether a run folder holds this very stage, trained to its end."""
    found = checkpoint.finished(rundir.checkpoints(workdir))
    if not found or rundir.read_config(workdir) != config:
        return False  # Another config is refused when the stage begins.
    images = rundir.read_facts(workdir)["data"]["images"]
    last = total_steps(config.epochs, images, config.batch_size)
    return os.path.basename(found[-1]) == f"step_{last:09d}.npz"


def _hours_left(max_hours, started):
    """What is left of --max_hours; 0: no limit."""
    if not max_hours:
        return 0.0
    return max(max_hours - (time.monotonic() - started) / 3600, 1e-9)


def _evaluated(name, run, workdir, few, strategy):
    """A row of the table; what has been evaluated before is not again."""
    out = os.path.join(workdir, name)
    path = os.path.join(out, "results.json")
    newest = checkpoint.finished(rundir.checkpoints(run))[-1]
    if not os.path.exists(path) or (
        os.path.getmtime(path) < os.path.getmtime(newest)
    ):
        os.makedirs(out, exist_ok=True)
        evaluate.score(run, strategy, labels=few, baselines=False, out=out)
    with open(path) as file:
        results = json.load(file)
    row = results["rows"][-1]
    config = rundir.read_config(run)
    return {
        "name": name,
        "kind": _KINDS[config.task, bool(config.init)],
        "net": training.describe_net(config),
        "parameters": results["parameters"],
        "images_per_second": results["images_per_second"],
        "top1": row.get("linear_top1", row.get("top1")),
    }
