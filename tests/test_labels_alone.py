"""The gain of pretraining over what the labels give by themselves."""

import pytest

from simclr.evaluation import labels_alone, report

ROWS = [
    {
        "name": "pretrain",
        "kind": "linear probe",
        "top1": 0.69,
        "images": 9,
        "raw_pixels": 0.61,
    },
    {"name": "supervised", "kind": "supervised", "top1": 0.65, "images": 9},
    {"name": "teacher", "kind": "fine-tuned", "top1": 0.71, "images": 9},
    {"name": "student", "kind": "distilled", "top1": None, "images": None},
]


def test_the_gain_is_over_the_better_of_pixels_and_the_net_from_scratch():
    rows = labels_alone.compared(ROWS)
    assert [row["name"] for row in rows] == ["raw pixels"] + [
        row["name"] for row in ROWS
    ]
    assert rows[0]["top1"] == 0.61
    gains = {row["name"]: row["gain"] for row in rows if "gain" in row}
    assert gains == pytest.approx({"pretrain": 0.04, "teacher": 0.06})
    better = [{**ROWS[0], "raw_pixels": 0.68}, *ROWS[1:]]
    gains = [row.get("gain") for row in labels_alone.compared(better)]
    assert gains[1] == pytest.approx(0.01) and gains[3] == pytest.approx(0.03)
    text = report.stages_table(rows)
    assert "+4.0 points" in text and "over the labels alone" in text


def test_without_labels_alone_there_is_no_gain():
    rows = [{**ROWS[0], "raw_pixels": None}, ROWS[2]]
    assert labels_alone.compared(rows) == rows
    assert labels_alone.compared([]) == []
