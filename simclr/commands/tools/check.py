"""`simclr check`: which images cannot be read, and why."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.data.sources.registry import open_source

Out = Annotated[arguments.Path, "Write the bad images to this CSV too."]


@command
def check(
    data: arguments.Images,
    *,
    labels: arguments.Labels = "",
    out: Out = "",
    quiet: arguments.Quiet = False,
):
    """Reads every image and lists those that cannot be read.

    Returns:
        list of (id, reason) of the bad images, in order.

    Raises:
        InputError: no such images, or labels that do not fit them.
        OSError: `out` cannot be written.
    """
    from simclr.data.images import check as images_check

    return images_check.check(open_source(data, labels=labels), out=out)
