"""Runs made by earlier versions: what is needed to read their weights.

A run folder's run.json says its format. The first, of commit a173f9f and
before, has no number; its checkpoints hold the weights under the names of
today, its config.json has other keys. Such a run is read (evaluate, predict,
--init, --teacher), never resumed. The second goes on as it is: its nets other
than ResNets had a normalization of pixels of their own, and it did not say so.
"""

from simclr.messages.errors import InputError

FORMAT = 3
_RESUMED = 2  # The oldest that goes on here.
# Parts of a config by their names of then.
_PARTS = {"memory": "negatives"}


def format_of(facts):
    """The format's number; facts: dict of run.json."""
    return facts.get("format", 1)


def translated(values, number):
    """A config of an earlier format by the keys and the words of today.

    What it does not say has its default: every net was a ResNet at first.

    Args:
        values: dict of dicts, of a config.json.
        number: of its format.
    """
    if number == 1:
        values = {_PARTS.get(name, name): v for name, v in values.items()}
    model = values.get("model")
    if not isinstance(model, dict) or model.get("name", "resnet") == "resnet":
        return values
    return {**values, "model": {**model, "normalization": "auto"}}


def require_current(workdir, facts):
    """Raises InputError for a run that cannot go on here."""
    number = format_of(facts)
    if number < _RESUMED:
        raise InputError(
            f"{workdir} was made by an earlier version of simclr and cannot be "
            "resumed: simclr evaluate, simclr predict and "
            f"--init={workdir} read it; choose another --workdir."
        )
    if number > FORMAT:
        raise InputError(
            f"{workdir} was made by a later version of simclr (format {number} "
            f"of run.json; this one writes {FORMAT})."
        )
