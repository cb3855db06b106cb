"""The additions in docs/extending.md apply to the package, and work."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests import test_house, tiny

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"```diff\n(.*?)```", TEXT, re.DOTALL)
# Uses all of them in one process; gradient caching, and four replicas.
USE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.append(sys.argv[1])
from simclr import __main__ as cli
from tests.conftest import four_replicas
from tests.test_objectives import test_contract

os.chdir(sys.argv[2])  # The tests' own folder is elsewhere.
test_contract(four_replicas(), "spectral")
assert cli.main(["classes", "--help"]) == 0
assert cli.main(["classes", "photos"]) == 0
status = cli.main([
    "pretrain", "--data=list:photos.txt", "--workdir=run",
    "--set=epochs=1", "--set=batch_size=16", "--set=train.microbatch=8",
    "--set=loss.name=spectral",
    "--set=augment.view1=crop, flip, posterize(prob=0.5, most=4), gray",
    "--set=model.name=conv4",
    "--set=data.image_size=16", "--set=train.eval_epochs=0",
])
assert status == 0, status
"""


def apply(diff, folder):
    """What `git apply` does; `make test` does not ask for git."""
    for part in re.split(r"(?m)^(?=--- )", diff)[1:]:
        _, new_path, head, *lines = part.splitlines(keepends=True)
        path = folder / new_path.removeprefix("+++ b/").strip()
        old = [x[1:] for x in lines if x[0] in " -"]
        new = [x[1:] for x in lines if x[0] in " +"]
        counts = re.match(r"@@ -\d+,(\d+) \+\d+,(\d+) @@$", head).groups()
        assert counts == (str(len(old)), str(len(new)))
        text = path.read_text() if path.exists() else ""
        assert not old or text.count("".join(old)) == 1, head
        path.write_text(text.replace("".join(old), "".join(new), 1))


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A folder with a copy of the package, the diffs applied."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(
        ROOT / "simclr",
        folder / "simclr",
        ignore=shutil.ignore_patterns("__pycache__", "sample"),
    )
    (folder / "simclr/data/sample").symlink_to(ROOT / "simclr/data/sample")
    for diff in DIFFS:
        apply(diff, folder)
    return folder


@pytest.mark.parametrize("diff", DIFFS)
def test_each_is_one_file_and_one_line(diff):
    new, table = re.split(r"(?m)^--- a/", diff)
    assert new.startswith("--- /dev/null\n+++ b/simclr/")
    lines = [x for x in table.splitlines()[2:] if x[:1] in ("+", "-")]
    assert len(lines) == 1 and lines[0].startswith("+")


def test_there_is_room_for_them(extended):
    assert test_house.crowded(extended / "simclr") == {}


def test_all_of_them_work(extended):
    photos = tiny.write_photos(extended / "photos", count=32)
    paths = sorted(map(str, photos.rglob("*.png")))
    (extended / "photos.txt").write_text("\n".join(paths))
    done = subprocess.run(
        [sys.executable, "-c", USE, str(ROOT), str(extended)],
        cwd=extended,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "list:PATH" in done.stdout and "--labels" in done.stdout
    assert "      16  cat\n      16  dog\n" in done.stdout
    rows = (extended / "run/metrics.jsonl").read_text()
    assert '"positive"' in rows and '"negative"' in rows
