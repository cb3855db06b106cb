"""What may change when a run goes on, and what makes it another run."""

import dataclasses

from simclr import config as config_lib
from simclr.config.values import keys
from simclr.messages.errors import InputError

# The weights do not depend on them.
FREE = frozenset(
    {
        "data.device_share",
        "data.eval_image_size",
        "data.eval_labels",
        "data.eval_source",
        "data.max_bad_share",
        "train.checkpoint_epochs",
        "train.eval_epochs",
        "train.eval_images",
        "train.keep_checkpoints",
        "train.log_steps",
    }
)
# Where something lies; what lies there is compared by its content.
IMAGES = frozenset({"data.source", "data.labels"})
WEIGHTS = frozenset({"init", "distill.teachers", "distill_encoder.teacher"})


@dataclasses.dataclass(frozen=True)
class Change:
    """What is not as it was when the run stopped.

    Attributes:
        lines: list of str, what changed.
        config: Config that it had.
        images: int, images that it had.
        steps: bool, whether the number of steps may be another.
        data: bool, whether there are other images or labels to train on.
    """

    lines: list
    config: config_lib.Config
    images: int
    steps: bool
    data: bool


def compare(workdir, old, new, before, now, *, new_images=False):
    """Compares a run with what it is to go on with.

    Settings of FREE may change, and epochs may become more. Images, labels and
    weights may lie elsewhere; they must be the same.

    Args:
        workdir: run folder, for messages.
        old, new: Config.
        before, now: facts for run.json: "data" (counts and fingerprints),
            "origins" (path -> digest of weights, or None) and "classes". What
            only one of them has is not compared.
        new_images: whether the images and their labels may be others, of the
            same classes.

    Returns:
        Change, or None.

    Raises:
        InputError: it is another run.
    """
    free, others = [], []
    for key in keys(config_lib.Config):
        was, value = config_lib.get(old, key), config_lib.get(new, key)
        if was == value:
            continue
        same = (
            key in FREE
            or key in IMAGES  # Compared below.
            or (key == "epochs" and value > was)
            or (key in WEIGHTS and _same_weights(was, value, before, now))
        )
        (free if same else others).append(f"{key}: {was!r} -> {value!r}")
    if others:
        raise InputError(
            f"{workdir} holds another run ({'; '.join(others[:4])}); say "
            "what it began with, or choose another --workdir."
        )
    for path, digest in now.get("origins", {}).items():
        noted = before.get("origins", {}).get(path)
        # The start is behind a run; its teachers are not.
        if path != new.init and noted and digest and noted != digest:
            raise InputError(
                f"{workdir} learned from other weights than {path} holds now; "
                "choose another --workdir."
            )
    was, data = before.get("data", {}), now["data"]
    images = was.get("images", data["images"])
    if _differ(was, data, "images", "fingerprint"):
        line = f"{images:,} images -> {data['images']:,}"
        if not new_images:
            raise InputError(
                f"{workdir} was trained on other images ({line}: others have "
                "labels, or other names or bytes). With --new_images it goes "
                "on with those that are there now; or choose another --workdir."
            )
        if new.task == "distill_encoder":
            raise InputError(
                f"{workdir} learns what its teacher sees in the images that it "
                f"began with ({line}). Choose another --workdir, and "
                f"--init={workdir} to begin with what it knows."
            )
        free.append(f"images: {line}, others than before")
    elif _differ(was, data, "labels") and not new_images:
        raise InputError(
            f"{workdir} was trained with other labels; --new_images goes on "
            "with those that are there now, or choose another --workdir."
        )
    elif _differ(was, data, "labels"):
        free.append("labels: others than before")
    if new_images and before.get("classes") != now.get("classes"):
        raise InputError(
            f"{workdir} knows other classes; choose another --workdir, and "
            f"--init={workdir}."
        )
    if not free:
        return None
    steps = old.epochs != new.epochs or images != data["images"]
    others = _differ(was, data, "images", "fingerprint", "labels")
    return Change(free, old, images, steps, others)


def _differ(was, data, *names):
    return any(
        was[name] != data[name]
        for name in names
        if name in was and name in data
    )


def _same_weights(was, value, before, now):
    """Whether weights that lie elsewhere are known to be the same."""
    was, value = ([x] if isinstance(x, str) else x for x in (was, value))
    old, new = before.get("origins", {}), now.get("origins", {})
    return len(was) == len(value) and all(
        a == b or (old.get(a) is not None and old[a] == new.get(b))
        for a, b in zip(was, value, strict=True)
    )
