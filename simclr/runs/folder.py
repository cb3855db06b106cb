"""The run folder: runs/NAME/{config.json, run.json, metrics.jsonl, ...}."""

import contextlib
import hashlib
import json
import math
import os

from simclr import config as config_lib
from simclr.messages.errors import InputError
from simclr.messages.hints import shown
from simclr.runs import checkpoint, continuing, older
from simclr.storage import json_text, missing
from simclr.storage.lock import locked
from simclr.storage.place import require_folder
from simclr.storage.regular import regular
from simclr.storage.whole import remove_unfinished, write_whole

# What run.json may hold, where it holds it.
_FACTS = {
    **{"format": int, "data": dict, "classes": list | None, "replicas": int},
    **{"notes": list, "origins": dict, "imported": dict, "stored_side": int},
    "changes": list,
}


@contextlib.contextmanager
def open_run(workdir, config, facts, *, new_images=False, total_steps=math.inf):
    """Starts a run folder, or checks that it may be resumed.

    A context manager that holds the folder: nobody else trains into it.

    Args:
        workdir: folder of the run; made when missing.
        config: Config of the run.
        facts: dict for run.json; see continuing.compare.
        new_images: as for continuing.compare.
        total_steps: int, of the run as it is now.

    Yields:
        continuing.Change, what is not as it was; None: nothing, or it is new.

    Raises:
        InputError: the folder holds another run (continuing.compare) or has
            done more steps, another process trains into it, or it is a file
            or a gs:// address. Nothing is written then.
    """
    if "://" in workdir:
        raise InputError(
            f"--workdir={workdir}: a run folder is on a local disk; copy it "
            "afterwards with gcloud storage rsync."
        )
    require_folder(workdir, f"--workdir={workdir}")
    os.makedirs(workdir, exist_ok=True)
    busy = (
        f"Another process trains into {workdir}; choose another --workdir, or "
        "wait for it."
    )
    with locked(workdir, busy):
        facts = {"format": older.FORMAT, **facts, "origins": _origins(config)}
        change = None
        remove_unfinished(checkpoints(workdir))
        # Without a checkpoint there is nothing that a new start could lose.
        if checkpoint.paths(checkpoints(workdir)):
            change = _go_on(workdir, config, facts, new_images, total_steps)
        else:
            _require_own_config(workdir)
            with contextlib.suppress(FileNotFoundError):
                os.remove(_finished(workdir))
            _begin(workdir, config, facts)
        yield change


def _begin(workdir, config, facts):
    write(workdir, "run.json", json.dumps(facts, indent=2) + "\n")
    write(workdir, "config.json", config_lib.to_json(config))


def _require_own_config(workdir):
    """A config.json of something else is no run to start over."""
    try:
        read_config(workdir)
    except ValueError as error:
        if os.path.exists(os.path.join(workdir, "config.json")):
            raise InputError(
                f"{workdir} holds a config.json that is not a run's ({error}); "
                "choose another --workdir."
            ) from None


def _go_on(workdir, config, facts, new_images, total_steps):
    """Writes down the Change with which a run goes on, if there is one."""
    old = read_facts(workdir)
    older.require_current(workdir, old)
    config = config_lib.settled(config)
    change = continuing.compare(
        workdir,
        read_config(workdir),
        config,
        old,
        facts,
        new_images=new_images,
    )
    if change:
        step = checkpoint.step_of(checkpoint.paths(checkpoints(workdir))[-1])
        if step > total_steps or (change.data and step == total_steps):
            raise InputError(
                f"{workdir} has done {step} steps, and these images make "
                f"{total_steps}: none is left to train on them. Raise epochs, "
                "or choose another --workdir to train anew."
            )
        if change.steps:
            with contextlib.suppress(FileNotFoundError):
                os.remove(_finished(workdir))
        # Where weights of the start no longer lie, what they were still counts.
        origins = {
            path: digest or old.get("origins", {}).get(path)
            for path, digest in facts["origins"].items()
        }
        facts = {
            "data": facts["data"],
            "origins": origins,
            "changes": [
                *old.get("changes", []),
                {"step": step, "what": change.lines},
            ],
        }
        _begin(workdir, config, {**old, **facts})
    return change


def weights_digest(path):
    """What tells a run's newest weights from others, without reading them.

    Args:
        path: a run folder, or a checkpoint.

    Returns:
        16 hexadecimal digits; None where there is no checkpoint.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        path = (checkpoint.paths(checkpoints(path)) or [""])[-1]
    if not os.path.isfile(path):
        return None
    digest = checkpoint.digest(path)
    return hashlib.blake2b(digest, digest_size=8).hexdigest()


def changed_origins(workdir, config):
    """What a run started from and what holds other weights now.

    Args:
        workdir: run folder.
        config: its Config.

    Returns:
        list of str, paths of `init` and of teachers. What is gone is not
        among them, nor is anything of a run that did not note its origins.
    """
    noted = {}
    if os.path.exists(os.path.join(workdir, "run.json")):
        noted = read_facts(workdir).get("origins", noted)
    return [
        path
        for path, digest in _origins(config).items()
        if digest and noted.get(path, digest) != digest
    ]


def _origins(config):
    """Dict of path -> digest of the weights that a run starts from."""
    return {path: weights_digest(path) for path in config.origins}


def require_still_there(workdir):
    """Stops where a run's folder went while it was trained.

    A checkpoint without its config.json would be no run.

    Raises:
        InputError: it went.
    """
    if not is_run(workdir):
        raise InputError(
            f"{workdir} has no config.json any more: it was moved or deleted "
            "while it was trained. Put it back and start again: it goes on "
            "from its last checkpoint."
        )


def is_run(path):
    """Whether a path is a run folder."""
    return os.path.isfile(os.path.join(path, "config.json"))


def read_config(workdir):
    """The Config of a run folder.

    Raises:
        InputError: there is no run in the folder, or its config is damaged.
    """
    path = os.path.join(workdir, "config.json")
    try:
        with open(path, "rb", opener=regular) as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        if not ("://" in workdir or os.path.exists(workdir)):
            why = missing.message(workdir, "run folder")
            raise InputError(why) from None
        why = "is a file" if os.path.isfile(workdir) else "has no config.json"
        raise InputError(
            f"{workdir} is no run folder: it {why}. `simclr import` makes a "
            "run of published weights."
        ) from None
    facts = os.path.join(workdir, "run.json")
    number = older.FORMAT
    if os.path.exists(facts):
        number = older.format_of(read_facts(workdir))
    try:
        if number < older.FORMAT:
            values = json_text.parse(text)
            if isinstance(values, dict):
                text = json.dumps(older.translated(values, number))
        return config_lib.from_json(text)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def read_facts(workdir):
    """The facts that `open_run` wrote.

    Raises:
        InputError: they are missing or damaged.
    """
    facts = read_json(workdir, "run.json")
    if facts is None:
        raise InputError(f"{workdir} is no run folder: it has no run.json.")
    if not isinstance(facts, dict):
        raise InputError(f"{workdir}/run.json is damaged: it holds no facts.")
    for name, kinds in _FACTS.items():
        if name in facts and not isinstance(facts[name], kinds):
            raise InputError(
                f"{workdir}/run.json is damaged: {name} is "
                f"{shown(facts[name])}."
            )
    return facts


def read_json(workdir, name):
    """What a JSON file of the run holds; None: there is no such file.

    Raises:
        InputError: it is damaged.
    """
    path = os.path.join(workdir, name)
    try:
        return json_text.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}.") from error


def write(workdir, name, text):
    """Writes a text file of the run whole, or not at all."""
    write_whole(os.path.join(workdir, name), text)


def checkpoints(workdir):
    """Where a run keeps its checkpoints."""
    return os.path.join(workdir, "checkpoints")


def mark_finished(workdir, step):
    """Notes that nothing is left to do, after the evaluation of the last step.

    Args:
        workdir: run folder.
        step: int, of its last checkpoint.
    """
    write_whole(_finished(workdir), f"{step}\n")


def is_finished(workdir):
    """Whether the run went to its end: all steps, and the last evaluation."""
    newest = checkpoint.paths(checkpoints(workdir))
    try:
        with open(_finished(workdir), opener=regular) as file:
            step = int(file.read())
    except (OSError, ValueError):
        return False
    return bool(newest) and newest[-1] == checkpoint.path_of(
        checkpoints(workdir), step
    )


def _finished(workdir):
    return os.path.join(workdir, "finished")
