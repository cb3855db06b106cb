"""From the facts of a machine to what is wrong, in words, and what to type.

tensorflow-tpu 2.19.1 brings the libtpu that it needs; 2.20.0 takes whatever is
newest, and from libtpu 0.0.41 on the import ends the process (BUILD_NOTES.md).
"""

import dataclasses
import re

from simclr.messages.extras import install

_WHEELS = ("tensorflow", "tensorflow-cpu", "tensorflow-tpu")
_REMOVE = "pip uninstall -y tensorflow tensorflow-cpu tensorflow-tpu"
_NEWEST_LIBTPU = (0, 0, 24)  # That TensorFlow 2.20 was seen to start with.


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing.

    Attributes:
        good: whether it is as it should be.
        text: what it is.
        remedy: commands to type, list of str.
    """

    good: bool
    text: str
    remedy: tuple = ()


def diagnose(facts):
    """What is good and what is wrong, the causes before the effects.

    Args:
        facts: facts.Facts.

    Returns:
        list of Finding.
    """
    if not any(name in facts.installed for name in _WHEELS):
        return [
            Finding(
                False,
                "TensorFlow is not installed.",
                (install(_extra(facts)),),
            )
        ]
    findings = [
        *_wheels(facts),
        *_libtpu(facts),
        *_import(facts),
        *_keras(facts),
        *_datasets(facts),
        *_tpu(facts),
        *_gpu(facts),
        *_storage(facts),
    ]
    if facts.answer and not (facts.tpus or facts.gpus):
        findings.append(
            Finding(True, "There is no TPU or GPU; runs use the CPU.")
        )
    return findings


def _extra(facts):
    """The extra that fits the machine."""
    return "tpu" if _on_tpu(facts) else "gpu" if facts.gpus else "cpu"


def _on_tpu(facts):
    return bool(facts.tpus) or "TPU_NAME" in facts.environ


def _fresh(facts):
    """A clean environment with the right TensorFlow."""
    if "KAGGLE_KERNEL_RUN_TYPE" in facts.environ:
        # Its image is not to be repaired from inside a running notebook.
        return (
            "python -m venv /kaggle/working/venv",
            f"/kaggle/working/venv/bin/{install(_extra(facts))}",
            "/kaggle/working/venv/bin/simclr doctor",
        )
    return (_REMOVE, _again(_extra(facts)))


def _again(extra):
    """The command that installs an extra over whatever is there."""
    return install(extra).replace("install", "install --force-reinstall", 1)


def _wheels(facts):
    found = [name for name in _WHEELS if name in facts.installed]
    named = " and ".join(f"{n} {facts.installed[n]}" for n in found)
    if len(found) > 1:
        return [
            Finding(
                False,
                f"{named} are installed over each other: they are one package "
                "under several names, and whichever came last is what runs.",
                _fresh(facts),
            )
        ]
    return [Finding(True, f"{named} is installed.")]


def _libtpu(facts):
    wheel, libtpu = (
        facts.installed.get(name) for name in ("tensorflow-tpu", "libtpu")
    )
    if not (wheel and libtpu):
        return []
    if _numbers(wheel)[:2] < (2, 20) or _numbers(libtpu) <= _NEWEST_LIBTPU:
        return []
    return [
        Finding(
            False,
            f"libtpu {libtpu} is too new for tensorflow-tpu {wheel}, which "
            "then ends the process at its import.",
            ("pip install 'libtpu==0.0.23.1'",),
        )
    ]


def _import(facts):
    if facts.answer:
        return []
    if facts.ending < 0:
        return [
            Finding(
                False,
                f"`import tensorflow` ends the process (signal "
                f"{-facts.ending}): a library in it does not fit.",
                _fresh(facts),
            )
        ]
    last = facts.complaint.splitlines()[-1:] or ["no reason given"]
    return [
        Finding(False, f"`import tensorflow` fails: {last[0]}", _fresh(facts))
    ]


def _keras(facts):
    findings = []
    backend = facts.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        findings.append(
            Finding(
                False,
                f"KERAS_BACKEND is {backend}; this package trains on "
                "tensorflow.",
                ("unset KERAS_BACKEND",),
            )
        )
    if not facts.answer:
        return findings
    legacy = facts.environ.get("TF_USE_LEGACY_KERAS", "0").lower()
    if legacy in ("1", "true"):
        findings.append(
            Finding(
                False,
                "TF_USE_LEGACY_KERAS is set: TensorFlow then uses Keras 2.",
                ("unset TF_USE_LEGACY_KERAS",),
            )
        )
    elif _numbers(facts.answer["keras"]) < (3, 5):
        findings.append(
            Finding(
                False,
                f"Keras {facts.answer['keras']} is in use; 3.5 or newer is "
                "needed.",
                ("pip install --upgrade 'keras>=3.5,<4'",),
            )
        )
    return findings


def _datasets(facts):
    metadata, protobuf = (
        facts.installed.get(x) for x in ("tensorflow-metadata", "protobuf")
    )
    if not (metadata and protobuf):
        return []
    if _numbers(metadata) < (1, 21) or _numbers(protobuf) >= (6, 31):
        return []
    return [
        Finding(
            False,
            f"tensorflow-metadata {metadata} does not load with protobuf "
            f"{protobuf}: tensorflow_datasets is then empty, and tfds: is not "
            "to be had.",
            ("pip install 'tensorflow-metadata<1.18'",),
        )
    ]


def _tpu(facts):
    if not _on_tpu(facts):
        if "tensorflow-tpu" not in facts.installed:
            return []
        return [
            Finding(
                False,
                "tensorflow-tpu is installed, but there is no TPU in /dev "
                "(accel*, vfio/*; a container must be --privileged to see "
                "it). TensorFlow then asks for one for minutes.",
                _fresh(facts),
            )
        ]
    where = _count(facts.tpus, "TPU chip") if facts.tpus else "A TPU"
    findings = [
        Finding(
            False,
            f"Process {process} holds the TPU, which one process can use at a "
            f"time: {command} (jax takes it at its first computation).",
            (f"kill {process}",),
        )
        for process, command in facts.holders.items()
    ]
    wheels = [name for name in _WHEELS if name in facts.installed]
    if "tensorflow-tpu" not in wheels:
        kaggle = (
            " This is Kaggle's image, which has TensorFlow for the CPU and "
            "leaves the TPU to jax."
            if "KAGGLE_KERNEL_RUN_TYPE" in facts.environ
            else ""
        )
        findings.append(
            Finding(
                False,
                f"{where} can be seen, but {wheels[0]} has no TPU support."
                f"{kaggle}",
                _fresh(facts),
            )
        )
    elif "libtpu" not in facts.installed:
        findings.append(
            Finding(
                False,
                "tensorflow-tpu is installed without libtpu, the TPU's driver.",
                (_again("tpu"),),
            )
        )
    if not findings and facts.answer:
        findings.append(Finding(True, f"{where} can be used: --strategy=tpu."))
    return findings


def _gpu(facts):
    if not facts.gpus:
        return []
    gpus = _count(facts.gpus, "GPU")
    seen = facts.answer["gpus"] if facts.answer else 0
    if seen:
        return [Finding(True, f"{gpus}; TensorFlow sees {seen}.")]
    hidden = facts.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return [
            Finding(
                False,
                f"{gpus} hidden by CUDA_VISIBLE_DEVICES={hidden!r}.",
                ("unset CUDA_VISIBLE_DEVICES",),
            )
        ]
    if not facts.answer:
        return []
    if not facts.answer["cuda"]:
        return [
            Finding(
                False,
                f"{gpus} there, but this TensorFlow was built without CUDA.",
                _fresh(facts),
            )
        ]
    text = f"{gpus} there, but TensorFlow finds no CUDA libraries that fit it"
    if "nvidia-cudnn-cu12" not in facts.installed:
        text += ": they are not installed"
    return [Finding(False, f"{text}.", (_again("gpu"),))]


def _storage(facts):
    if not facts.answer or "gs" in facts.answer["schemes"]:
        return []
    if not _on_tpu(facts):
        return []  # Nobody asked for it here.
    return [
        Finding(
            False,
            "This TensorFlow cannot read gs:// paths.",
            ("pip install tensorflow-io-gcs-filesystem",),
        )
    ]


def _count(devices, name):
    return f"{len(devices)} {name}{'s' * (len(devices) != 1)}"


def _numbers(version):
    return tuple(int(n) for n in re.findall(r"\d+", version)[:4])
