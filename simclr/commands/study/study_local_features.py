"""`simclr study local_features`: what a net makes of each place of photos."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.written_over import PNG, require_ours
from simclr.messages.errors import InputError
from simclr.messages.say import show

Runs = Annotated[
    tuple[str, ...],
    "A run folder; repeatable, such as one with labels and one without. The "
    "net of the first is shown untrained, too.",
    arguments.REPEATABLE,
]
Images = Annotated[arguments.Images, "Required."]
Clusters = Annotated[
    int, "Number of clusters, a colour each.", arguments.AtLeast(2)
]
Count = Annotated[
    int,
    "Number of photos on the page; the first are taken.",
    arguments.AtLeast(1),
]
Size = Annotated[
    arguments.Count,
    "Side at which they are seen, pixels; 0: the run's.",
    arguments.AtMost(1 << 14),
]
Out = Annotated[arguments.Path, "The PNG."]


@command
def study_local_features(
    *,
    run: Runs = (),
    images: Images = "",
    clusters: Clusters = 6,
    count: Count = 6,
    image_size: Size = 0,
    seed: arguments.Seed = 0,
    out: Out = "local_features.png",
    quiet: arguments.Quiet = False,
):
    """Draws k-means of the vectors at each place of photos, by block groups.

    The vectors of all photos are clustered together, so that a colour is the
    same in all of them (Chen, Luo, Li 2020, arXiv 2011.02803).

    Returns:
        Path of the PNG.

    Raises:
        InputError: no run or images, or a net without places.
    """
    if not run or not images:
        raise InputError("Say --run=RUN and --images=PHOTOS.")
    from simclr.engines import startup

    startup.start_tensorflow()
    from simclr.commands.study import places
    from simclr.pictures import local_features

    out = os.path.abspath(os.path.expanduser(out))
    require_ours(out, PNG, "picture of ours")
    runs = [os.path.abspath(os.path.expanduser(path)) for path in run]
    photos, maps = places.maps(
        runs,
        images,
        clusters=clusters,
        count=count,
        image_size=image_size,
        seed=seed,
    )
    local_features.draw(out, photos=photos, maps=maps)
    show(f"Look at {out}")
    return out
