"""The safetensors format, read by its package."""

import safetensors

from simclr.messages.errors import InputError
from simclr.published.files import names_tell


def read(path):
    """Lists a .safetensors file.

    Returns:
        Source.

    Raises:
        InputError: it is damaged, or its names are of no library known here.
    """
    try:
        with _opened(path) as file:
            names = file.keys()  # It is no dict: it cannot be iterated over.
            shapes = {
                name: tuple(file.get_slice(name).get_shape()) for name in names
            }
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({error})."
        ) from None

    def array(name):
        with _opened(path) as file:
            found = file.get_tensor(name)
        # NumPy itself has no bfloat16.
        return found.astype("float32") if found.dtype == "bfloat16" else found

    return names_tell.source("safetensors file", path, shapes, array)


def _opened(path):
    return safetensors.safe_open(path, framework="numpy")
