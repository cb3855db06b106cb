"""The tests themselves: run from any folder, they write nowhere else."""

import os
import pathlib
import subprocess
import sys
import tempfile

import keras
from IPython.paths import get_ipython_dir
from jupyter_core import paths

from simclr.storage import cache
from tests import conftest

ROOT = pathlib.Path(__file__).parent.parent
HERE = pathlib.Path(__file__).parent


def test_they_run_in_the_repository_and_keep_to_a_temporary_folder():
    assert pathlib.Path.cwd() == ROOT
    scratch = os.path.realpath(tempfile.gettempdir())
    for path in (
        cache.path_for("index", "x"),
        os.environ["KERAS_HOME"],
        get_ipython_dir(),
        paths.jupyter_config_dir(),
        paths.jupyter_data_dir(),
        paths.jupyter_runtime_dir(),
    ):
        assert os.path.realpath(path).startswith(scratch)
    assert keras.config.floatx() == "float32"


def test_from_another_folder_none_are_lost():
    """Recipes are found by a pattern when tests are collected."""
    command = [sys.executable, "-m", "pytest", "--collect-only"]
    done = subprocess.run(
        [*command, str(HERE / "test_config.py"), str(HERE / "test_recipes.py")],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for recipe in (ROOT / "configs").rglob("*.py"):
        assert f"{recipe.relative_to(ROOT)}" in done.stdout


def test_the_quick_ones_are_there():
    assert {f"test_{name}.py" for name in conftest.QUICK} <= {
        path.name for path in HERE.glob("test_*.py")
    }
