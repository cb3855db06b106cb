"""When rows, checkpoints and evaluations are due."""

import dataclasses

import pytest

from simclr.runs.step_loop import RunSchedule
from tests import tiny


def stops(*, log, checkpoint, evaluate, epoch, total):
    """dict of each stop -> what is done there: "c", "e" or both."""
    config = dataclasses.replace(
        tiny.CONFIG,
        batch_size=1,
        train=dataclasses.replace(
            tiny.CONFIG.train,
            log_steps=log,
            checkpoint_epochs=checkpoint,
            eval_epochs=evaluate,
        ),
    )
    schedule = RunSchedule(config, epoch, total)
    found, step = {}, 0
    while step < total:
        step = schedule.next(step)
        due = {"c": schedule.checkpoint, "e": schedule.evaluate}
        found[step] = "".join(k for k, is_due in due.items() if is_due(step))
    return found


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        # A run is a step longer than its epochs: that step has no row alone.
        (
            {"log": 25, "checkpoint": 1, "evaluate": 1, "epoch": 50},
            {25: "", 50: "ce", 75: "", 101: "ce"},
        ),
        ({"log": 1, "checkpoint": 1, "evaluate": 0, "epoch": 40}, None),
        # A row of half as many steps waits, a checkpoint does not.
        (
            {"log": 40, "checkpoint": 0.8, "evaluate": 0, "epoch": 100},
            {40: "", 80: "c", 101: "c"},
        ),
        # Nor does a row of more than half.
        (
            {"log": 30, "checkpoint": 2, "evaluate": 0.9, "epoch": 100},
            {30: "", 60: "", 101: "ce"},
        ),
        (
            {"log": 29, "checkpoint": 2, "evaluate": 0, "epoch": 100},
            {29: "", 58: "", 101: "c"},
        ),
        (
            {"log": 28, "checkpoint": 2, "evaluate": 0, "epoch": 100},
            {28: "", 56: "", 84: "", 101: "c"},
        ),
    ],
)
def test_what_is_due_just_before_the_end_waits_for_it(periods, expected):
    found = stops(**periods, total=101)
    if expected is None:  # Each step has a row, the last one too.
        assert list(found) == list(range(1, 102))
        assert [step for step, what in found.items() if what] == [40, 80, 101]
    else:
        assert found == expected
