"""The day that new images are of."""

import datetime
from typing import Annotated

from simclr.messages.errors import InputError

Day = Annotated[
    str, "The day that new images are of, such as 2026-11-28; default: today."
]


def checked(day):
    """The day, as the store has it.

    Raises:
        InputError: it is none.
    """
    if not day:
        return datetime.date.today().isoformat()
    try:
        return datetime.date.fromisoformat(day).isoformat()
    except ValueError:
        raise InputError(
            f"--day={day} is no day; write it as 2026-11-28."
        ) from None
