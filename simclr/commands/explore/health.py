"""`simclr health`: whether it is time to train the encoder again."""

from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.messages.say import show

Day = Annotated[str, "The day to look at; default: the newest one."]


@command
def health(
    run: arguments.Run,
    store: arguments.Store,
    *,
    day: Day = "",
    seed: arguments.Seed = 0,
    quiet: arguments.Quiet = False,
):
    """Says whether a day's images call for training the encoder again.

    They do when far more of them are novel than the clusters' thresholds let
    expect, or when features moved inside clusters. Another mix of known images
    is told, and is no reason. The images that the clusters were fitted to are
    the reference.

    Returns:
        explore.drift.verdict.Verdict.

    Raises:
        InputError: no store, no clusters, no such day, or a run that is not of
            the store's encoder.
    """
    from simclr.commands.explore import days
    from simclr.explore import extra

    extra.require()
    from simclr.explore import health as found_by
    from simclr.explore.store.store import Store

    opened = Store(store)
    day = days.checked(day) if day else ""
    devices = take_devices("cpu")
    from simclr.commands.explore.vectors import encoders

    encoders.load(opened, run, devices.strategy)
    day, found = found_by.health(opened, day=day, seed=seed)
    for reason in found.reasons:
        show(f"{day}  {reason}")
    show(f"Train again: {found.retrain}")
    return found
