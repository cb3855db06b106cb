"""Which devices a run uses, as a tf.distribute strategy."""

import faulthandler
import functools
import glob
import os

import tensorflow as tf

from simclr.engines import ENGINES, KINDS
from simclr.engines.pjrt_devices import PjrtDevices
from simclr.executors import cpus, hosts, meeting
from simclr.messages.counts import counted
from simclr.messages.errors import InputError, first_line
from simclr.messages.extras import install

_JOIN_S = 300  # Of processes that have met; slow machines and GPUs included.


def make_strategy(
    kind="auto", replicas=0, engine="tensorflow", *, together=False
):
    """A strategy over this machine's (or this cluster's) devices.

    Args:
        kind: "tpu" (TPUStrategy), "gpu" (MirroredStrategy over the GPUs),
            "cpu", "multiworker" (MultiWorkerMirroredStrategy by TF_CONFIG), or
            "auto": the first of tpu, gpu, cpu that is there. A cluster of one
            process is one machine: "auto".
        replicas: logical CPU replicas (kind "cpu") or number of GPUs to use;
            0 takes all GPUs, or one CPU replica.
        engine: "tensorflow", or "pjrt": jax's devices of that kind.
        together: bool, "auto" takes the cluster that TF_CONFIG names.

    Returns:
        (strategy, description); call before anything else touches a device.

    Raises:
        InputError: an unknown kind, devices that are not there, or a bad
            TF_CONFIG.
        ClusterError: another process of the cluster did not come.
    """
    if kind not in KINDS:
        raise InputError(
            f"--strategy={kind}; choose one of {', '.join(KINDS)}."
        )
    if engine not in ENGINES:
        raise InputError(
            f"--engine={engine}; choose one of {', '.join(ENGINES)}."
        )
    cluster = hosts.named()
    if cluster is not None and not cluster.others:
        kind = "auto" if kind == "multiworker" else kind
    elif cluster is not None and kind == "auto" and together:
        kind = "multiworker"
    if engine == "pjrt":
        several = kind == "multiworker"
        devices = PjrtDevices(
            "auto" if several else kind, replicas, several=several
        )
        return devices, devices.description
    if kind == "multiworker":
        return _multiworker(cluster)
    if kind == "auto":
        kind = _detect()
    return {"tpu": _tpu, "gpu": _gpu, "cpu": _cpu}[kind](replicas)


def is_accelerator(strategy):
    """Whether the step runs on a GPU or TPU."""
    if isinstance(strategy, PjrtDevices):
        return strategy.platform != "cpu"
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return True
    if isinstance(strategy, tf.distribute.OneDeviceStrategy):
        return "GPU" in strategy.extended.worker_devices[0]
    return bool(tf.config.list_logical_devices("GPU"))


def is_chief(strategy):
    """Whether this process is the one that writes files."""
    if isinstance(strategy, PjrtDevices):
        return strategy.index == 0
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    cluster = tf.train.ClusterSpec(resolver.cluster_spec()).as_dict()
    chief = "chief" if "chief" in cluster else "worker"
    return (resolver.task_type, resolver.task_id) == (chief, 0)


def _detect():
    if glob.glob("/dev/accel*") or os.environ.get("TPU_NAME"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def _tpu(replicas):
    del replicas  # A TPU slice is used whole.
    return _tpu_strategy()


@functools.cache  # A second start of the TPU system would lose what is on it.
def _tpu_strategy():
    try:
        # "local" is the TPU VM this process runs on.
        name = os.environ.get("TPU_NAME", "local")
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        raise InputError(
            "No TPU answers this TensorFlow; on a TPU VM install "
            f"{install('tpu')}, not [cpu]. ({first_line(error)})"
        ) from error
    _require_one_host(strategy)
    return strategy, f"{strategy.num_replicas_in_sync} TPU cores"


def _require_one_host(strategy):
    """Refuses a slice whose other hosts would have to load images.

    tf.distribute makes a data set on every host, driven from this one, and
    Python functions, which ours needs, run in this process alone.
    """
    hosts = strategy.extended.num_hosts
    if hosts > 1:
        raise InputError(
            f"This TPU slice has {hosts} hosts, and TensorFlow's engine loads "
            "images on one: say --engine=pjrt --strategy=multiworker, the same "
            "command on every host."
        )


def _gpu(replicas):
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) < max(1, replicas):
        raise InputError(
            f"{len(gpus)} GPUs are visible, {max(1, replicas)} are asked for; "
            f"{install('gpu')}, or use --strategy=cpu."
        )
    gpus = gpus[: replicas or len(gpus)]
    if _configured(tf.config.set_visible_devices, gpus, "GPU"):
        for gpu in gpus:
            _configured(tf.config.experimental.set_memory_growth, gpu, True)
    there = tf.config.list_logical_devices("GPU")
    if len(there) < len(gpus):
        raise _running(f"{len(there)} GPUs", f"{len(gpus)}")
    if len(gpus) > 1:
        return _mirrored("GPU", len(gpus)), f"{len(gpus)} GPUs"
    if len(there) > 1:
        return _one("GPU:0"), "1 GPU"
    return tf.distribute.get_strategy(), "1 GPU"


def _cpu(replicas):
    _configured(tf.config.set_visible_devices, [], "GPU")
    if replicas <= 1:
        words = f"CPU, {counted(cpus.count(), 'core')}"
        if tf.config.get_visible_devices("GPU"):
            return _one("CPU:0"), words
        # The default strategy: same interface, none of the copying.
        return tf.distribute.get_strategy(), words
    _configured(
        tf.config.set_logical_device_configuration,
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * replicas,
    )
    there = len(tf.config.list_logical_devices("CPU"))
    if there < replicas:
        raise _running(f"{there} logical CPU replicas", f"{replicas}")
    return _mirrored("CPU", replicas), f"CPU, {replicas} logical replicas"


@functools.cache  # TensorFlow's collectives know one of a kind in a process.
def _mirrored(kind, count):
    devices = [f"{kind}:{i}" for i in range(count)]
    return tf.distribute.MirroredStrategy(devices)


@functools.cache  # A net that lies there already need not be read again.
def _one(device):
    return tf.distribute.OneDeviceStrategy(device)


def _configured(configure, *arguments):
    """Sets up devices; False where TensorFlow runs already, as it is then."""
    try:
        configure(*arguments)
    except RuntimeError:
        return False
    return True


def _running(there, wanted):
    return InputError(
        f"TensorFlow runs already in this process, with {there}; {wanted} are "
        "asked for: ask before anything uses it, or in a new process."
    )


@functools.cache  # It must be the first thing that TensorFlow does.
def _multiworker_strategy(cluster):
    meeting.meet(cluster)
    # If one of them is gone again, TensorFlow waits for it in C++ and keeps
    # Python's lock: no thread of ours would ever run.
    faulthandler.dump_traceback_later(_JOIN_S, exit=True, file=2)
    try:
        with meeting.own_signals():
            return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        faulthandler.cancel_dump_traceback_later()


def _multiworker(cluster):
    if cluster is None:
        raise InputError(
            "--strategy=multiworker needs TF_CONFIG, a JSON text with the "
            "cluster's workers and this process's task."
        )
    strategy = _multiworker_strategy(cluster)
    return strategy, (
        f"{counted(len(cluster.processes), 'worker')}, "
        f"{counted(strategy.num_replicas_in_sync, 'replica')}"
    )
