"""JSON that somebody else may have damaged."""

import json

from simclr.storage.regular import regular


def parse(text):
    """What a JSON text says.

    Args:
        text: str; or bytes of UTF-8, after a byte order mark or not.

    Raises:
        ValueError: it is no JSON, or nested deeper than Python reads, which
            json.loads alone calls a RecursionError.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read(path):
    """What a local JSON file says.

    Raises:
        OSError: it cannot be read.
        ValueError: as for `parse`, or it is no UTF-8.
    """
    with open(path, "rb", opener=regular) as file:
        return parse(file.read())
