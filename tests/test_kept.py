"""--keep: a run on the images that a list names, and it resumes exactly."""

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.data.sources import registry
from simclr.messages.errors import InputError
from simclr.runs import folder as run_folder
from tests import tiny


@pytest.fixture
def photos(tmp_path):
    return tiny.write_photos(tmp_path / "photos", count=24)


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def ids(source):
    return [source.id(i) for i in range(len(source))]


def test_some_images_of_a_source(photos, tmp_path):
    whole = registry.open_source(str(photos))
    names = ids(whole)
    listed = [names[7], f"{photos}/{names[2]}", "/elsewhere/x.png"]
    path = write(tmp_path / "list.csv", "id,why", *(f"{n},x" for n in listed))
    found = registry.open_source(f"keep:{path}:{photos}")
    assert ids(found) == [names[2], names[7]], "in the source's order"
    assert found.read(1) == whole.read(7) and found.stamp(0) == whole.stamp(2)
    np.testing.assert_array_equal(found.labels, whole.labels[[2, 7]])
    assert "2 of 24 images are kept" in found.notes[-1]
    assert found.fingerprint() != whole.fingerprint()


def test_a_column_that_says_which_are_kept(photos, tmp_path):
    names = ids(registry.open_source(str(photos)))
    rows = [f"{name},{i % 2 == 0}" for i, name in enumerate(names)]
    path = write(tmp_path / "report.csv", "id,kept", *rows)
    found = registry.open_source(f"keep:{path}:{photos}")
    assert ids(found) == names[::2]


def test_labels_are_of_the_whole_source(photos, tmp_path):
    names = ids(registry.open_source(str(photos)))
    rows = [f"{name},{i % 3}" for i, name in enumerate(names)]
    labels = write(tmp_path / "labels.csv", "id,label", *rows)
    path = write(tmp_path / "list.csv", "id", *names[:4])
    found = registry.open_source(f"keep:{path}:{photos}", labels=labels)
    assert found.labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "lines,words",
    [
        (["id", "nobody.png"], "1 id of 1 not in"),
        (["id", "/elsewhere/x.png"], "not in"),
        (["name", "x"], "must name a column id"),
        (["id"], "names no image"),
        ([], "must name a column id"),
    ],
)
def test_bad_lists(photos, tmp_path, lines, words):
    path = write(tmp_path / "list.csv", *lines)
    with pytest.raises(InputError, match=words):
        registry.open_source(f"keep:{path}:{photos}")


def test_spellings(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = registry.absolute("keep:list.csv:photos")
    assert found == f"keep:{tmp_path}/list.csv:{photos}"
    remote = registry.absolute("keep:list.csv:tfrecord:gs://b/x*")
    assert remote == f"keep:{tmp_path}/list.csv:tfrecord:gs://b/x*"
    for bad in ("keep:list.csv", "keep::photos", "keep:list.csv:"):
        with pytest.raises(InputError, match="keep:LIST:IMAGES"):
            registry.open_source(bad)


def test_a_run_on_a_list(photos, tmp_path, capsys):
    """Trains on those images alone; another list is another run."""
    names = ids(registry.open_source(str(photos)))
    path = write(tmp_path / "list.csv", "id", *names[:20])
    line = ["pretrain", f"--data={photos}", f"--keep={path}"]
    line += [f"--workdir={tmp_path}/run", "--strategy=cpu"]
    line += ["--set=batch_size=8", "--set=epochs=1", "--set=model.depth=10"]
    line += ["--set=model.width=0.0625", "--set=train.eval_epochs=0"]
    line += ["--set=data.image_size=16"]
    assert cli.main(["pretrain", f"--keep={path}", "--config=x.py"]) == 2
    assert cli.main(line) == 0
    facts = run_folder.read_facts(str(tmp_path / "run"))
    assert facts["data"]["images"] == 20
    config = run_folder.read_config(str(tmp_path / "run"))
    assert config.data.source == f"keep:{path}:{photos}"
    assert cli.main([*line, "--set=seed=2"]) == 2  # As any other run.
    write(tmp_path / "list.csv", "id", *names[:19])
    capsys.readouterr()
    assert cli.main(line) == 2
    assert "was trained on other images" in capsys.readouterr().err
