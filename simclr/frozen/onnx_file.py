"""An .onnx file as a Net, run by onnxruntime."""

import importlib.util

import numpy as np

from simclr.executors import cpus
from simclr.frozen.net import NCHW, Net, sizes
from simclr.messages.errors import InputError, first_line
from simclr.messages.extras import install

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_ERRORS_ONLY = 3  # Of onnxruntime's words.


def open_onnx(path):
    """Reads an ONNX file.

    Args:
        path: of the file.

    Returns:
        Net.

    Raises:
        InputError: onnxruntime is missing; the file is damaged, or does not
            go from one batch of images.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise InputError(f"{path} needs onnxruntime: {install('onnx')}.")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = cpus.count()
    there = onnxruntime.get_available_providers()
    providers = ("CUDAExecutionProvider", "CPUExecutionProvider")
    try:
        session = onnxruntime.InferenceSession(
            path, options, [name for name in providers if name in there]
        )
    except Exception as error:
        reason = first_line(error)
        if "external" in reason.lower():
            reason = "its file of weights is missing beside it"
        raise InputError(f"{path} cannot be read: {reason}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise InputError(
            f"{path} takes {', '.join(x.name for x in inputs)}; an encoder "
            "takes one batch of images: export the image's part alone."
        )
    [images] = inputs
    if images.type not in _DTYPES:
        raise InputError(f"{path} takes {images.type}, not images.")
    names = [output.name for output in session.get_outputs()]

    def run(x):
        """The outputs by their names."""
        return dict(zip(names, session.run(names, {images.name: x})))

    return Net(
        run=run,
        shape=sizes(images.shape),
        dtype=np.dtype(_DTYPES[images.type]),
        layout=NCHW,  # As PyTorch has them, where most of these come from.
    )
