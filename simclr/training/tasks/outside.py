"""A task that no strategy holds, to be lowered."""

import keras

from simclr.training.tasks import TASKS


def build_task(config, *, num_examples, num_classes):
    """The config's task, built outside any strategy, to be lowered.

    Args:
        config: Config.
        num_examples: images in an epoch.
        num_classes: classes among the labels; 0: there are none.
    """
    policy = keras.config.dtype_policy()
    try:
        return TASKS[config.task](
            config, num_examples=num_examples, num_classes=num_classes
        )
    finally:
        keras.config.set_dtype_policy(policy)
