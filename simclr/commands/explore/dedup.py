"""`simclr dedup`: near-duplicates of a store, for people to look at."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.commands.explore import folders
from simclr.executors import open_executor
from simclr.messages.counts import counted
from simclr.messages.say import show

Against = Annotated[
    arguments.Path,
    "Another store: lists the images of `store` that are in it, too, such as "
    "test images that leaked into training.",
]
Threshold = Annotated[
    float,
    "Lowest score of a pair that counts as the same picture; 0: chosen "
    "with artificial duplicates of some images.",
    arguments.AtLeast(0),
]
Precision = Annotated[
    arguments.Share,
    "Precision to aim for when the threshold is chosen: the expected share "
    "of true duplicates among the pairs found.",
]
Out = Annotated[
    arguments.Path, "Folder of the report; default: dedup in the store."
]


@command
def dedup(
    store: arguments.Store,
    *,
    against: Against = "",
    threshold: Threshold = 0.0,
    precision: Precision = 0.99,
    run: arguments.StoreRun = "",
    out: Out = "",
    seed: arguments.Seed = 0,
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    engine: arguments.Engine = "tensorflow",
    on: arguments.On = "here",
    quiet: arguments.Quiet = False,
):
    """Finds near-duplicates, says which image to keep, and deletes nothing.

    Writes groups.csv, the most doubtful pairs as doubtful.csv and
    doubtful.png, groups.png, and of one store keep.csv (every image, and
    whether it is kept), which `pretrain --keep` takes.

    Returns:
        explore.deduplication.Duplicates.

    Raises:
        InputError: bad input, an encoder that is not the store's, no
            threshold of that precision, or no machine of `on` can work.
    """
    from simclr.explore import extra

    extra.require()
    from simclr.explore.store.store import Store, held

    opened = Store(store)
    other = Store(against) if against else None
    from simclr.explore import deduplication
    from simclr.explore.reports import of_duplicates

    out = folders.report_folder(opened, out, "dedup")
    with open_executor(on) as executor:
        made = None
        if not threshold:
            devices = take_devices(strategy, replicas, engine)
            from simclr.commands.explore.vectors import made as of_images

            made = of_images.vectors_of_duplicates(
                other or opened, run, devices, seed=seed
            )
        options = {
            "made": made,
            "threshold": threshold or None,
            "precision": precision,
            "seed": seed,
            "executor": executor,
        }
        if other:
            found = deduplication.leaked(opened, other, **options)
        else:
            with held(store):
                opened.refresh()
                found = deduplication.dedup(opened, **options)
    of_duplicates.write(out, opened, other, found)
    _say(found, opened, other, out)
    return found


def _say(found, store, other, out):
    if found.calibration:
        chosen = found.calibration
        show(
            f"Threshold {found.threshold:.3f}: expected precision "
            f"{chosen.precision:.3f}, recall {chosen.recall:.2f} (of made "
            "duplicates)"
        )
    images = counted(found.images, "image")
    if other:
        show(
            f"{store.path}: {found.duplicates:,} of {images} are in "
            f"{other.path}, too; look at {out}/doubtful.png"
        )
    else:
        show(
            f"{store.path}: {counted(found.duplicates, 'duplicate')} of "
            f"{images}; look at {out}/doubtful.png"
        )
