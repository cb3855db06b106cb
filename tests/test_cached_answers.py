"""Teachers' answers, kept, are told from those of other weights."""

import numpy as np

from simclr.config import Distill
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training import cached_answers


class NoImages(list):
    def fingerprint(self):
        return ""


def test_a_teacher_trained_again_to_the_same_step_is_another(tmp_path):
    folder = run_folder.checkpoints(str(tmp_path))
    distill = Distill(teachers=(str(tmp_path),))

    def key(value):
        checkpoint.save(folder, 5, {"w": np.full(2, value)})
        return cached_answers._key(distill, NoImages())

    assert key(0.0) == key(0.0) != key(1.0)
