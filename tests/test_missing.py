"""A path that is not there: what may be meant, in one line, before any work."""

import os

import pytest

from simclr import __main__ as cli
from simclr.storage import missing
from tests import tiny, tiny_encoder


def test_the_nearest_name_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    assert missing.hint(f"{tmp_path}/fotos") == (
        f"Did you mean {tmp_path}/photos?"
    )
    assert missing.hint(f"{tmp_path}/fotos/day") == (
        f"Did you mean {tmp_path}/photos?"
    )
    assert missing.hint(f"{tmp_path}/qqq") == (
        f"{tmp_path} exists, but has no 'qqq'."
    )


def test_what_is_there_in_another_way(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "a.zip").write_bytes(b"")
    told = missing.hint(f"{tmp_path}/link")
    assert told == f"{tmp_path}/link is a link to what does not exist."
    assert missing.hint(f"{tmp_path}/a.zip/x") == f"{tmp_path}/a.zip is a file."
    for nothing in ("", "gs://bucket/run"):
        assert missing.hint(nothing) == ""
    assert missing.message("", "run folder") == "There is no run folder ''."


@pytest.mark.parametrize(
    "line",
    [
        "pretrain --data={0}/fotos",
        "pretrain --data={0}/photos --labels={0}/lables.csv",
        "finetune --init={0}/runs --data={0}/fotos",
        "finetune --init={0}/photo --data={0}/photos",
        "finetune --init={0}/photo.keras --data={0}/photos",
        "distill --teacher={0}/photo.keras --data={0}/photos",
        "evaluate {0}/run --eval_data={0}/photos --eval_labels={0}/lables.csv",
        "cluster store --names={0}/lables.csv",
        "evaluate {0}/photo",
        "embed {0}/photo {0}/photos",
        "predict {0}/photo {0}/photos",
        "cluster {0}/photo",
    ],
)
def test_commands_tell_it(line, tmp_path, capsys):
    (tmp_path / "labels.csv").write_text("id,label\n")
    photos = tiny.write_photos(tmp_path / "photos", count=4)
    tiny_encoder.write(tmp_path / "run", photos)
    assert cli.main(line.format(tmp_path).split()) == 2
    said = capsys.readouterr().err
    known = "labels.csv" if "lables" in line else "photos"
    assert f"Did you mean {tmp_path}/{known}?" in said, said
    assert said.count("\n") == 1


def test_labels_of_a_page_come_by_its_command(tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=4)
    os.makedirs(tmp_path / "store/page")
    line = f"pretrain --data={photos} --labels={tmp_path}/store/page/labels.csv"
    assert cli.main(line.split()) == 2
    said = capsys.readouterr().err
    assert f"`simclr page {tmp_path}/store --serve` writes it with" in said
