"""The program in docs/losses.md runs, and trains."""

import pathlib
import re

import numpy as np

from simclr.losses import objectives

TEXT = (pathlib.Path(__file__).parent.parent / "docs/losses.md").read_text()


def test_its_blocks_are_a_program():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}
    exec("\n".join(blocks), names)
    first, second = names["history"].history["loss"]
    assert second < first
    assert np.isfinite(float(names["loss"]))
    assert names["model"].optimizer.excluded == [
        v.path for v in names["net"].trainable_variables if len(v.shape) == 1
    ]


def test_its_table_has_every_objective_and_option():
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", TEXT, re.MULTILINE)
    options = {
        name: set(re.findall(r"`(\w+)", row[1]))
        for row in rows
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert options == {
        name: objectives.options(name)
        - {"block", "negatives", "negatives_filled"}
        for name in objectives.OBJECTIVES
    }
