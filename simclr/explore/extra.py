"""What the extra [explore] installs, asked for before work begins."""

import importlib.util

from simclr.messages.errors import InputError
from simclr.messages.extras import install

_NEEDED = ("lance", "faiss", "sklearn")


def require():
    """Raises InputError, naming the extra, where a package is missing."""
    missing = [n for n in _NEEDED if importlib.util.find_spec(n) is None]
    if missing:
        raise InputError(
            f"A store needs {' and '.join(missing)}, not installed here: "
            f"{install('explore')}."
        )
