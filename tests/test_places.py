"""Images, runs, shards and stores in folders of any name, and behind links."""

import os

import pytest

from simclr import __main__ as cli
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny
from tests.faults import cases
from tests.images import write


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("my photos", marks=pytest.mark.slow),
        "f\u00fcnf \u96ea [1-9] {a} %20 #2 'q' $HOME * ?",
        pytest.param("link", marks=pytest.mark.slow),
    ],
)
def test_a_folder_of_any_name(name, tmp_path, capsys):
    place = tmp_path / name
    if name == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    else:
        place.mkdir()
    photos = str(tiny.write_photos(place / "photos", 32))
    recipe = place / "recipe.py"
    recipe.write_text(cases.recipe("pretrain", photos))
    run, cpu = f"{place}/run", "--strategy=cpu"

    def simclr(*words):
        assert cli.main([*words]) == 0, capsys.readouterr().err
        return capsys.readouterr()

    assert "32 readable" in simclr("check", photos).out
    simclr("prepare", photos, f"{place}/shards", "--shard_mb=0.01")
    assert "32 readable" in simclr("check", f"{place}/shards").out
    train = ["pretrain", f"--config={recipe}", f"--workdir={run}", cpu]
    train += [f"--data={place}/shards", "--set=epochs=1.0"]
    simclr(*train)
    simclr(*train)  # Done before.
    simclr("evaluate", run, cpu)
    simclr("export", run, f"--data={photos}", "--format=keras")
    for _ in range(2):
        said = simclr("embed", run, photos, f"--out={place}/store", cpu)
    assert "32 images; nothing new" in said.out
    [*_, newest] = checkpoint.paths(run_folder.checkpoints(run))
    assert os.path.basename(newest) == "step_000000003.npz"
    made = {"photos", "recipe.py", "shards", "run", "store"}
    assert set(os.listdir(place)) == made


def test_shards_in_a_folder_whose_name_is_no_utf8(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path / "photos" / "a.png", 0)
    shards = os.path.join(tmp_path, os.fsdecode(b"caf\xe9"))
    prepare(open_source(str(tmp_path / "photos")), shards, progress=False)
    assert len(open_source(shards)) == 1
