"""What a machine has that bears on accelerators, without touching it.

TensorFlow is asked in a child process: with the wrong libtpu its import ends
the process that tries it.
"""

import dataclasses
import glob
import importlib.metadata
import json
import os
import re
import subprocess
import sys

_NAMES = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-tpu",
    "tensorflow-io-gcs-filesystem",
    "keras",
    "tf-keras",
    "jax",
    "libtpu",
    "nvidia-cudnn-cu12",
    "protobuf",
    "tensorflow-metadata",
)
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "KAGGLE_KERNEL_RUN_TYPE",
    "KERAS_BACKEND",
    "TF_USE_LEGACY_KERAS",
    "TPU_NAME",
    "TPU_ACCELERATOR_TYPE",
)
_QUESTION = """
import json
import tensorflow as tf
import keras
print("\\n" + json.dumps({
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "cuda": tf.test.is_built_with_cuda(),
    "gpus": len(tf.config.list_physical_devices("GPU")),
    "schemes": [
        s if isinstance(s, str) else s.decode()
        for s in tf.io.gfile.get_registered_schemes()
    ],
}))
"""
_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Facts:
    """A machine.

    Attributes:
        installed: dict of distribution -> version, of those that matter.
        environ: dict of the variables that matter.
        tpus: device files of TPU chips.
        gpus: device files of NVIDIA GPUs.
        holders: dict of process id -> its command, of those that have a TPU
            chip open.
        answer: what TensorFlow said of itself, a dict; None: it did not.
        ending: exit status of the process that asked; negative: a signal.
        complaint: end of what that process wrote.
    """

    installed: dict
    environ: dict
    tpus: tuple = ()
    gpus: tuple = ()
    holders: dict = dataclasses.field(default_factory=dict)
    answer: dict | None = None
    ending: int = 0
    complaint: str = ""


def collect(root="/", path=None, environ=None):
    """The facts of this machine.

    Args:
        root: where dev and proc are.
        path: list of folders to look for packages in; None: as Python does.
        environ: environment variables; None: this process's.

    Returns:
        Facts.
    """
    environ = dict(os.environ if environ is None else environ)
    tpus = tuple(
        sorted(
            glob.glob(os.path.join(root, "dev/accel[0-9]*"))
            + glob.glob(os.path.join(root, "dev/vfio/[0-9]*"))
        )
    )
    answer, ending, complaint = _ask(path, environ, tpus)
    return Facts(
        installed=_installed(path),
        environ={k: environ[k] for k in _VARIABLES if k in environ},
        tpus=tpus,
        gpus=tuple(sorted(glob.glob(os.path.join(root, "dev/nvidia[0-9]*")))),
        holders=_holders(root, tpus),
        answer=answer,
        ending=ending,
        complaint=complaint,
    )


def _installed(path):
    keywords = {} if path is None else {"path": path}
    found = {}
    for package in importlib.metadata.distributions(**keywords):
        # As pip spells it. A broken folder has no name.
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"] or "").lower()
        if name in _NAMES:
            found.setdefault(name, package.version)
    return found


def _ask(path, environ, tpus):
    """Imports TensorFlow in a process of its own."""
    environ = environ | {"TF_CPP_MIN_LOG_LEVEL": "1"}
    if not tpus:  # libtpu would ask Google's machines for one, for minutes.
        environ["TPU_SKIP_MDS_QUERY"] = "1"
    if path is not None:
        environ["PYTHONPATH"] = os.pathsep.join(path)
    try:
        process = subprocess.run(
            [sys.executable, "-c", _QUESTION],
            env=environ,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, 0, f"no answer in {_SECONDS} seconds"
    complaint = process.stderr.strip()[-2000:]
    if process.returncode:
        return None, process.returncode, complaint
    return json.loads(process.stdout.splitlines()[-1]), 0, complaint


def _holders(root, devices):
    """Processes that have one of the devices open."""
    held = {}
    for link in glob.glob(os.path.join(root, "proc/[0-9]*/fd/*")):
        try:
            if os.readlink(link) not in devices:
                continue
            folder = os.path.dirname(os.path.dirname(link))
            with open(os.path.join(folder, "cmdline"), "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:  # It ended meanwhile, or belongs to somebody else.
            continue
        held[int(os.path.basename(folder))] = " ".join(words).strip()
    return held
