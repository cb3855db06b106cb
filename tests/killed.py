"""A run as a kill leaves it, without a second run to kill."""

import shutil


def copied(run, step, to):
    """Callbacks for loop.train that copy the folder of a run at a step.

    What a copy has is what a process that was killed then would have left.
    """

    def callback(row):
        if row["step"] == step:
            shutil.copytree(run, to)

    return [callback]
