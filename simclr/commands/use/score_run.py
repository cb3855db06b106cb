"""The score of any run, for a table of several: `simclr pipeline`, studies."""

from simclr.commands.use import evaluate_classifier, evaluate_encoder
from simclr.engines.strategies import is_chief
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.models import backbones
from simclr.runs import folder as run_folder

# What a row of the table is, by the task and whether it had weights to start.
_KINDS = {
    ("pretrain", False): "linear probe",
    ("pretrain", True): "linear probe",
    ("distill_encoder", False): "linear probe",
    ("distill_encoder", True): "linear probe",
    ("finetune", False): "supervised",
    ("finetune", True): "fine-tuned",
    ("distill", False): "distilled",
    ("distill", True): "distilled",
}


def score_run(run, out, *, strategy, images, rest=""):
    """Scores a run, unless that very score is there already.

    Args:
        run: run folder of any task.
        out: folder for what the evaluation writes.
        strategy: tf.distribute strategy, or PjrtDevices.
        images: config.Data: what an encoder's probe is fitted on, and what is
            scored.
        rest: labels of more of these images than a classifier was trained on,
            as in config.Data.labels: what they have more is scored where no
            images are held out.

    Returns:
        dict of a row: "kind" and "net" (str); "top1" (share in [0, 1], of the
        linear probe for an encoder) and "images" (int, how many were scored),
        None where none could be, which is said; for an encoder "knn" and
        "raw_pixels", the top-1 of a probe of the pixels alone, likewise. On a
        worker that is not the chief: None.

    Raises:
        InputError: the images that were named to be scored cannot be.
    """
    config = run_folder.read_config(run)
    row = {
        "kind": _KINDS[config.task, bool(config.init)],
        "net": backbones.describe(config.model),
        "top1": None,
        "images": None,
    }
    try:
        if not config.classifies:
            results = evaluate_encoder.score(
                run,
                strategy,
                data=images.source,
                labels=images.labels,
                eval_data=images.eval_source,
                eval_labels=images.eval_labels,
                baselines=(evaluate_encoder.RAW_PIXELS,),
                out=out,
                again=False,
            )
        else:
            own = config.data
            left = not own.eval_source and own.source == images.source
            results = evaluate_classifier.score(
                run, strategy, labels=rest if left else "", out=out, again=False
            )
    except InputError as error:
        if images.eval_source or config.data.eval_source:
            raise  # Images that somebody named for it are to be scored.
        show(f"Not scored: {error}")
        return row if is_chief(strategy) else None
    if not is_chief(strategy):
        return None
    trained = results["rows"][-1]
    if not config.classifies:
        row |= {
            "top1": trained.get("linear_top1"),
            "knn": trained.get("knn_top1"),
            "raw_pixels": results["rows"][0].get("linear_top1"),
        }
    else:
        row["top1"] = trained["top1"]
    if row["top1"] is not None:
        row["images"] = results["images"]["score"]["count"]
    return row
