"""`simclr study --list`: the studies, and which of them have been run."""

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.messages.columns import aligned
from simclr.messages.say import show


@command
def study_list(*, quiet: arguments.Quiet = False):
    """Lists the studies: paper, figure, minutes, what has been run here.

    Returns:
        list of dict, a study each.
    """
    from simclr.commands.study import given
    from simclr.studies.registry import STUDIES, get
    from simclr.studies.study import DOCS, QUICK, SCALES

    found = []
    for name in STUDIES:
        study = get(name)
        runs = {
            scale: given.done_before(given.workdir(name, scale))
            for scale in SCALES
        }
        found.append(
            {
                "name": name,
                "paper": study.paper,
                "figure": study.figure,
                "minutes": dict(study.minutes),
                "done": {s: (len(rows), n) for s, (rows, n) in runs.items()},
            }
        )
    lines = [("study", "paper", "figure", "--quick", "else", "run here")]
    lines += [_cells(row, (QUICK, DOCS)) for row in found]
    show(aligned(lines, [True, True, True, False, False, True]))
    show("Pictures of any run: simclr study local_features --help")
    show("Settings of your own: simclr study grid --help")
    return found


def _cells(row, scales):
    """What stands in a study's line, a text for each column."""
    done = ", ".join(
        f"{scale} {rows} of {cells}"
        for scale, (rows, cells) in row["done"].items()
        if cells
    )
    return (
        row["name"],
        row["paper"].rpartition(", ")[2],
        row["figure"],
        *(f"{row['minutes'][scale]} min" for scale in scales),
        done or "no",
    )
