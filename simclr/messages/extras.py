"""What this package does not install by itself, asked for before work."""

import importlib.util
import os

from simclr import __version__
from simclr.messages.errors import InputError

# Where this package lies, if it is a copy of the repository.
_HERE = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


def install(extra):
    """The command that installs an extra.

    It names a folder or a file: on PyPI another package is called simclr.
    """
    if os.path.isfile(os.path.join(_HERE, "setup.py")):
        return f'pip install -e "{_HERE}[{extra}]"'
    wheel = f"simclr-{__version__}-py3-none-any.whl"
    return f'pip install "{wheel}[{extra}]"'


def require_tensorflow():
    """Raises InputError, naming the extras, where TensorFlow is missing.

    The wheels tensorflow, tensorflow-cpu and tensorflow-tpu are one package
    and break each other, so installing this package brings none by itself.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"TensorFlow is not installed: {install('cpu')} for this "
            "machine's CPU, with [gpu] for NVIDIA GPUs, or with [tpu] on a "
            "Cloud TPU VM."
        )
