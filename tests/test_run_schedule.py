"""When rows, checkpoints and evaluations are due."""

import dataclasses

import pytest

from simclr.runs.step_loop import RunSchedule
from tests import tiny


def schedule(log, checkpoint, evaluate, *, epoch, total):
    train = dataclasses.replace(
        tiny.CONFIG.train,
        log_steps=log,
        checkpoint_epochs=checkpoint,
        eval_epochs=evaluate,
    )
    config = dataclasses.replace(tiny.CONFIG, batch_size=1, train=train)
    return RunSchedule(config, epoch, total)


def stops_of(given, total):
    """dict of each stop -> what is done there: "c", "e" or both."""
    found, step = {}, 0
    while step < total:
        step = given.next(step)
        due = {"c": given.checkpoint, "e": given.evaluate}
        found[step] = "".join(k for k, is_due in due.items() if is_due(step))
    return found


def stops(*, total, **periods):
    return stops_of(schedule(**periods, total=total), total)


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        # A run is a step longer than its epochs: that step has no row alone.
        (
            {"log": 25, "checkpoint": 1, "evaluate": 1, "epoch": 50},
            {25: "", 50: "ce", 75: "", 101: "ce"},
        ),
        # A row of half as many steps waits, a checkpoint does not.
        (
            {"log": 40, "checkpoint": 0.8, "evaluate": 0, "epoch": 100},
            {40: "", 80: "c", 101: "c"},
        ),
        # An evaluation waits, though a row ends where it would have been.
        (
            {"log": 40, "checkpoint": 2, "evaluate": 0.8, "epoch": 100},
            {40: "", 80: "", 101: "ce"},
        ),
        # A row of more than half its period has a place of its own.
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
    assert stops(**periods, total=101) == expected


def test_each_step_may_have_a_row_the_last_one_too():
    found = stops(log=1, checkpoint=1, evaluate=0.0, epoch=40, total=101)
    assert list(found) == list(range(1, 102))
    assert [step for step, what in found.items() if what] == [40, 80, 101]


@pytest.mark.parametrize("total", [1, 2, 7, 26, 101])
@pytest.mark.parametrize("periods", [(1, 1, 1), (20, 0.1, 3), (7, 100, 0.3)])
def test_a_resumed_run_stops_at_the_same_steps(periods, total):
    """Whatever step it was killed at."""
    given = schedule(*periods, epoch=25, total=total)
    whole = list(stops_of(given, total))
    for step in range(total):
        assert given.next(step) == min(s for s in whole if s > step)
    assert whole[-1] == total and given.checkpoint(total)
