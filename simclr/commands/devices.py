"""TensorFlow, started, and the devices that a command runs on."""

import dataclasses

from simclr.engines import startup


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a command runs on.

    Attributes:
        strategy: tf.distribute strategy, or PjrtDevices.
        words: str, for people.
        chief: bool, this process writes files and speaks.
        replicas: int.
        accelerator: bool, steps run on GPUs or TPUs.
        precision: config.Train.precision in which they are fastest.
    """

    strategy: object
    words: str
    chief: bool
    replicas: int
    accelerator: bool
    precision: str


def take_devices(
    kind="auto", replicas=0, engine="tensorflow", *, together=False
):
    """Starts TensorFlow and takes the devices.

    Args:
        kind, replicas, engine, together: see make_strategy.

    Returns:
        Devices.

    Raises:
        InputError: no TensorFlow, or as for make_strategy.
        ClusterError: as for make_strategy.
    """
    startup.start_tensorflow()
    from simclr.engines import precisions, strategies

    strategy, words = strategies.make_strategy(
        kind, replicas, engine, together=together
    )
    return Devices(
        strategy=strategy,
        words=words,
        chief=strategies.is_chief(strategy),
        replicas=strategy.num_replicas_in_sync,
        accelerator=strategies.is_accelerator(strategy),
        precision=precisions.fastest(strategy),
    )
