"""metrics.jsonl: what is read of it, and what a resumed run keeps."""

import json

import pytest

from simclr.runs import metrics
from simclr.runs.metrics import Rows


def write(path, *lines):
    path.write_bytes(b"\n".join(lines))


def row(step, **values):
    return json.dumps({"step": step, **values}).encode()


@pytest.mark.parametrize(
    "damage",
    [
        b'{"step": 4, "lo',
        b"\x00\xff\xfe",
        b"17",
        b"[]",
        b'{"x": 1}',
        b"[" * 99999,
    ],
)
def test_a_damaged_line_in_the_middle_takes_no_other_with_it(
    tmp_path, capsys, damage
):
    path = tmp_path / "metrics.jsonl"
    kept = [{"step": s, "loss": 0.5} for s in (2, 6, 8)]
    first, *later = [row(**values) for values in kept]
    write(path, first, damage, *later, row(10, loss=1.0), b"")
    assert [r["step"] for r in metrics.read(path)] == [2, 6, 8, 10]
    with Rows(tmp_path, 8) as rows:
        assert "1 damaged line left out, the first is line 2" in (
            capsys.readouterr().err
        )
        rows.write(9, loss=0.25)
    assert metrics.read(path) == [*kept, {"step": 9, "loss": 0.25}]


def test_a_last_line_cut_by_a_kill_is_nothing_to_speak_of(tmp_path, capsys):
    path = tmp_path / "metrics.jsonl"
    write(path, row(2, loss=0.5), row(4, loss=0.5)[:9])
    Rows(tmp_path, 4).close()
    assert capsys.readouterr().err == ""
    assert metrics.read(path) == [{"step": 2, "loss": 0.5}]


def test_what_came_after_the_checkpoint_is_written_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [row(0, untrained_knn=0.1), row(4, loss=0.5), row(4, knn=0.5)]
    write(path, *lines, row(6, loss=0.5), b"")
    Rows(tmp_path, 4).close()
    assert [list(r) for r in metrics.read(path)] == [
        ["step", "untrained_knn"],
        ["step", "loss"],
    ]
