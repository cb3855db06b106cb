"""Runs made by earlier versions: what is needed to read their weights.

A run folder's run.json says its format. The first, of commit a173f9f and
before, has no number; its checkpoints hold the weights under the names of
today, its config.json has other keys. Such a run is read (evaluate, predict,
--init, --teacher), never resumed.
"""

from simclr.messages.errors import InputError

FORMAT = 2
# Parts of a config by their names of then.
_PARTS = {"memory": "negatives"}


def format_of(facts):
    """The format's number; facts: dict of run.json."""
    return facts.get("format", 1)


def translated(values):
    """A config of the first format, a dict of dicts, by the keys of today.

    What it does not say has its default: every net was a ResNet then.
    """
    return {_PARTS.get(name, name): value for name, value in values.items()}


def require_current(workdir, facts):
    """Raises InputError for a run that cannot go on here."""
    number = format_of(facts)
    if number < FORMAT:
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
