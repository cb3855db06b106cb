"""simclr embed: from the command line to a folder of vectors."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.data.images.center_crop import center_view
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.inference import shards
from simclr.runs import weights
from tests import tiny, tiny_classifier


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_classifier.write(tmp_path_factory.mktemp("run"), "photos")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    tiny.write_photos(folder, count=20, classes=("a", "b"))
    (folder / "a" / "004.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    return str(folder)


@pytest.fixture(scope="module")
def expected(run, photos):
    """(ids, features of each image alone)."""
    reader = Reader(open_source(photos))
    model = weights.load_encoder(run).model
    rows = [i for i in range(20) if reader.source.id(i) != "a/004.png"]
    h = [model(center_view(reader.load(i)[0], 16)[None])[0] for i in rows]
    return [reader.source.id(i) for i in rows], np.array(h)


def test_a_folder_of_vectors(run, photos, expected, tmp_path, capsys):
    out = tmp_path / "vectors"
    line = ["embed", run, photos, f"--out={out}", "--dtype=float32"]
    assert cli.main(line) == 0
    assert "19 vectors in 1 shard," in capsys.readouterr().out
    h, ids = shards.read_shards(str(out)).load()
    assert ids == expected[0]
    np.testing.assert_allclose(h, expected[1], rtol=1e-4, atol=1e-5)
    listed = (out / "unreadable.tsv").read_text()
    assert listed.startswith("a/004.png\t") and listed.count("\n") == 1
    assert cli.main(line) == 0  # Nothing is left to do.
    assert cli.main([*line[:-1], "--dtype=float16"]) == 2
    assert "holds other vectors" in capsys.readouterr().err


def test_what_is_no_run(photos, tmp_path, capsys):
    assert cli.main(["embed", str(tmp_path), photos]) == 2
    assert "is no run folder" in capsys.readouterr().err


def start(run, photos, out, *flags, **env):
    line = ["embed", run, photos, f"--out={out}", "--dtype=float32", *flags]
    return subprocess.Popen(
        [sys.executable, "-m", "simclr", *line],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **env},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_by_pjrt(run, photos, expected, tmp_path):
    """On two of jax's devices, in a process of its own."""
    out = tmp_path / "vectors"
    flags = ["--engine=pjrt", "--strategy=cpu", "--replicas=2"]
    process = start(run, photos, out, *flags)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    h, ids = shards.read_shards(str(out)).load()
    assert ids == expected[0]
    np.testing.assert_allclose(h, expected[1], rtol=1e-4, atol=1e-5)


# Two workers pass a stream together; rows 4 and 22 are another's to read.
_TOGETHER = """
import sys
import numpy as np
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import make_strategy
from simclr.engines.workers import Workers
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.runs import weights

run, photos, out = sys.argv[1:]
strategy, _ = make_strategy("multiworker")
workers = Workers(strategy)
reader = Reader(open_source(photos))
looked = []
load = reader.load
reader.load = lambda row: looked.append(int(row)) or load(row)
rows, h = features.embed(
    Infer(weights.load_encoder(run, strategy).model, strategy),
    reader,
    image_size=16,
    batch_size=6,
    workers=workers,
    progress=False,
)
np.savez(f"{out}{workers.index}", rows=rows, h=h, looked=looked,
         bad=list(reader.bad))
"""


def cluster():
    """TF_CONFIG of each of two workers on this machine."""
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            ports.append(probe.getsockname()[1])
    names = [f"localhost:{port}" for port in ports]
    return [
        json.dumps(
            {
                "cluster": {"worker": names},
                "task": {"type": "worker", "index": i},
            }
        )
        for i in range(2)
    ]


@pytest.mark.slow
def test_two_workers_share_a_pass(run, photos, expected, tmp_path):
    """Each decodes its half, both have all of the rows."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TOGETHER, run, photos, f"{tmp_path}/w"],
            env={**os.environ, "PYTHONPATH": os.getcwd(), "TF_CONFIG": config},
            stderr=subprocess.PIPE,
            text=True,
        )
        for config in cluster()
    ]
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said[-3000:]
    looked = []
    for i in range(2):
        found = np.load(tmp_path / f"w{i}.npz")
        assert len(found["rows"]) == 19 and list(found["bad"]) == ["a/004.png"]
        np.testing.assert_allclose(
            found["h"], expected[1], rtol=1e-4, atol=1e-5
        )
        looked.append(set(found["looked"].tolist()))
    assert looked[0] | looked[1] == set(range(20))
    assert len(looked[0] & looked[1]) <= 1  # The unreadable one.


@pytest.mark.slow
def test_two_workers_fill_one_folder(run, photos, expected, tmp_path):
    out = tmp_path / "vectors"
    processes = [
        start(run, photos, out, "--strategy=multiworker", TF_CONFIG=config)
        for config in cluster()
    ]
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said[-3000:]
    found = shards.read_shards(str(out))
    h, ids = found.load()
    assert ids == expected[0] and set(found.unreadable()) == {"a/004.png"}
    np.testing.assert_allclose(h, expected[1], rtol=1e-4, atol=1e-5)
    assert found.manifest["shards"] == 2  # One of each.
