"""A run as a kill leaves it, without a second run to kill."""

import shutil

from simclr.runs import checkpoint
from simclr.runs import folder as run_folder


def copied(run, step, to):
    """Callbacks for loop.train that copy the folder of a run at a step.

    What a copy has is what a process that was killed then would have left.
    A row comes before the checkpoint of its step: there is an earlier one, or
    the copy would begin anew.
    """

    def callback(row):
        if row["step"] == step:
            assert checkpoint.paths(run_folder.checkpoints(str(run)))
            shutil.copytree(run, to)

    return [callback]
