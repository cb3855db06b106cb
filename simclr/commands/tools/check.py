"""`simclr check`: which images are bad, and why; what views look like."""

from typing import Annotated

from simclr import config as config_lib
from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.written_over import PNG, require_ours
from simclr.config import Config
from simclr.data.sources.registry import open_source
from simclr.engines import startup
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.storage import tables

Out = Annotated[arguments.Path, "Write the bad images to this CSV too."]
Views = Annotated[
    arguments.Path,
    "Draw the two views of some images into this PNG, instead of reading all.",
]
Recipe = Annotated[
    arguments.Recipe,
    "For `views`; without one, what simclr pretrain chooses for the images.",
]
Set = Annotated[arguments.Set, "For `views`."]

_DRAWN = 12  # Images whose views are drawn.


@command
def check(
    data: arguments.Images,
    *,
    labels: arguments.Labels = "",
    out: Out = "",
    views: Views = "",
    config: Recipe = "",
    set: Set = (),
    quiet: arguments.Quiet = False,
):
    """Reads every image and lists those that cannot be read; draws views.

    Returns:
        list of (id, reason) of the bad images that it met, in order.

    Raises:
        InputError: no such images, labels that do not fit them, or a bad
            recipe.
        OSError: `out` or `views` cannot be written.
    """
    if views:
        if out:
            raise InputError("--views reads a few images: leave out --out.")
        require_ours(views, PNG, "picture of ours", flag="views")
        recipe = _recipe(config, set)
        return _draw(open_source(data, labels=labels), recipe, set, views)
    if config or set:
        raise InputError("--config and --set are for --views=PNG.")
    from simclr.data.images import check as images_check

    if out:
        header = tables.line(images_check.HEADER).rstrip()
        require_ours(out, [header], "list of bad images")
    return images_check.check(open_source(data, labels=labels), out=out)


def _recipe(config, overrides):
    """Config of a recipe, or None; either way the overrides are good."""
    recipe = None
    if config:
        recipe = (
            config if isinstance(config, Config) else config_lib.read(config)
        )
    config_lib.override(recipe or Config(), overrides)
    return recipe


def _draw(source, config, overrides, path):
    """Draws the views of a few images; returns those that are bad."""
    startup.start_tensorflow()
    from simclr.config.suggest import suggest
    from simclr.data import batches
    from simclr.data.images.reader import Reader
    from simclr.pictures import sheets

    if config is None:
        config, _ = suggest(source, accelerator=False, replicas=1)
    config = config_lib.override(config, overrides)
    reader = Reader(source)
    pairs = batches.sample_views(
        reader,
        seed=config.seed,
        step=0,
        count=min(_DRAWN, len(source)),
        image_size=config.data.image_size,
        augment=config.augment,
    )
    sheets.views_sheet(*pairs, path)
    show(f"Look at {path}")
    return sorted(reader.bad.items())
