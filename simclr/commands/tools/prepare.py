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
ShardMb = Annotated[float, "Size of a shard, MB.", arguments.AtLeast(1e-3)]
Side = Annotated[
    int,
    "Re-encode images as JPEGs whose shorter side has at most this many "
    "pixels, such as 320 for training at 224. They decode faster; the "
    "command says how much detail small crops lose. 0: images stay as they "
    "are.",
    arguments.AtLeast(0),
    arguments.AtMost(1024),
]
Quality = Annotated[
    int,
    "Quality of those JPEGs, 1 to 100.",
    arguments.AtLeast(1),
    arguments.AtMost(100),
]
ImageSize = Annotated[
    int,
    "Side of a view in training, pixels, for what small crops lose at `side`.",
    arguments.AtLeast(1),
]


@command
def prepare(
    data: arguments.Images,
    folder: Folder,
    *,
    labels: arguments.Labels = "",
    format: Format = FORMATS[0],
    shard_mb: ShardMb = 100.0,
    side: Side = 0,
    quality: Quality = 90,
    image_size: ImageSize = 224,
    quiet: arguments.Quiet = False,
):
    """Packs images into large shards that read fast anywhere.

    Returns:
        Prepared: what was packed, and which images were left out.

    Raises:
        InputError: bad values, no such images, or a folder of something else.
        OSError: the folder cannot be written.
    """
    from simclr.data.shards import prepare as shards_prepare

    return shards_prepare.prepare(
        open_source(data, labels=labels),
        folder,
        file_format=format,
        shard_bytes=shard_mb * 1e6,
        side=side,
        quality=quality,
        image_size=image_size,
    )
