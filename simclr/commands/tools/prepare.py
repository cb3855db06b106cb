"""`simclr prepare`: images as large shards."""

from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.data.shards import FORMATS
from simclr.data.sources.registry import open_source

Folder = Annotated[
    arguments.Path, "Local folder: new, empty, or begun by the same command."
]
Format = Annotated[
    Literal[FORMATS],
    "ArrayRecord reads at random; TFRecord is what others read.",
]
ShardMb = Annotated[float, "Size of a shard, MB."]


@command
def prepare(
    data: arguments.Images,
    folder: Folder,
    *,
    labels: arguments.Labels = "",
    format: Format = FORMATS[0],
    shard_mb: ShardMb = 100.0,
    quiet: arguments.Quiet = False,
):
    """Packs images into large shards that read fast anywhere.

    Returns:
        Prepared: what was packed, and which images were left out.

    Raises:
        InputError: no such images, or a folder of something else.
        OSError: the folder cannot be written.
    """
    from simclr.data.shards import prepare as shards_prepare

    return shards_prepare.prepare(
        open_source(data, labels=labels),
        folder,
        file_format=format,
        shard_bytes=shard_mb * 1e6,
    )
