"""Batches on their way to the replicas.

tf.distribute would put a data set of its own before every device, and no option
reaches those: TensorFlow tunes each in a thread, and whoever destroys the
iterator may wait for that thread's sleep, up to a minute (docs/design.md). So
replicas take their batches from plain data sets, which are not tuned
(data/batches.py).
"""

import threading

import tensorflow as tf

from simclr.engines.workers import Workers

# Batches that wait on a GPU while it works on another.
_AHEAD = 2


class Batches:
    """The batches of this process's replicas; see data.batches.

    A context manager; once it is closed, the threads that made them are gone.

    Args:
        iterators: list of iterators, one for each replica, or one that has
            their batches in turn; nobody else keeps them.
        wait: bool, wait for the end of their threads.
    """

    def __init__(self, iterators, *, wait=True):
        self.iterators, self._wait = iterators, wait

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._wait:
            self.iterators.clear()
        else:
            threading.Thread(target=self.iterators.clear, daemon=True).start()


def of_replicas(datasets, strategy):
    """The Batches of a strategy's replicas.

    Args:
        datasets: function of a tf.distribute.InputContext to the tf.data
            Dataset of that input pipeline; see data.batches.training_batches.
        strategy: tf.distribute strategy.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        # A slice has several hosts, and each has a data set. These are
        # tf.distribute's: they end when they end.
        whole = strategy.distribute_datasets_from_function(datasets)
        return Batches([iter(whole)], wait=False)
    devices, index = _devices(strategy), Workers(strategy).index
    replicas = strategy.num_replicas_in_sync
    if not any("GPU" in device for device in devices):
        pipelines = replicas // len(devices)  # One for each worker.
        context = tf.distribute.InputContext(pipelines, index, replicas)
        return Batches([iter(datasets(context))])
    first = index * len(devices)
    return Batches(
        [
            ahead(
                datasets(
                    tf.distribute.InputContext(replicas, first + i, replicas)
                ),
                device,
            )
            for i, device in enumerate(devices)
        ]
    )


def take(iterators, strategy):
    """The next batch, as strategy.run takes it.

    Args:
        iterators: list, `Batches.iterators`, in a traced function perhaps.
        strategy: the strategy that they are of.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return next(iterators[0])
    count = len(_devices(strategy))
    shares = [next(iterators[i % len(iterators)]) for i in range(count)]
    return strategy.experimental_distribute_values_from_function(
        lambda context: shares[context.replica_id_in_sync_group % count]
    )


def device_names(strategy):
    """Full names of the devices of this process's replicas, list of str."""
    names = _devices(strategy)
    if names != [""]:
        return names
    found = tf.config.list_logical_devices("GPU")
    return [(found or tf.config.list_logical_devices("CPU"))[0].name]


def _devices(strategy):
    """Names of the devices of this process's replicas."""
    try:
        return strategy.extended.worker_devices
    except RuntimeError:  # The default strategy's one device has no name.
        return [""]


def ahead(dataset, device):
    """An iterator whose next elements are on a device already.

    Args:
        dataset: tf.data Dataset.
        device: str, the device's full name.
    """
    host = tf.DeviceSpec.from_string(device).replace(
        device_type="CPU", device_index=0
    )
    copied = dataset.apply(
        tf.data.experimental.copy_to_device(device, host.to_string())
    )
    with tf.device(device):
        # What is copied is another data set, which has none of the options.
        return iter(copied.prefetch(_AHEAD).with_options(dataset.options()))
