"""A config in words, for tables and pictures."""

import os

from simclr.losses import objectives


def method(config):
    """How a run was trained, a few words such as "SimCLR" or "distilled".

    Args:
        config: the Config.
    """
    if config.task == "pretrain":
        return objectives.words(config.loss.name)
    if config.task == "distill":
        return "distilled"
    if config.task == "distill_encoder":
        return f"student of {os.path.basename(config.distill_encoder.teacher)}"
    return "fine-tuned" if config.init else "supervised"
