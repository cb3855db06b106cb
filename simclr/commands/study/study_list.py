"""`simclr study --list`: the studies, and which of them have been run."""

import textwrap

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.messages.say import show


@command
def study_list(*, quiet: arguments.Quiet = False):
    """Lists the studies: paper, figure, minutes, what has been run here.

    Returns:
        list of dict, a study each.
    """
    from simclr.commands.study import given
    from simclr.studies.registry import STUDIES, get
    from simclr.studies.study import SCALES

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
        show(_line(found[-1]))
    show(
        "local_features   pictures of any run: simclr study local_features "
        "--help\ngrid             settings of your own: simclr study grid "
        "--help"
    )
    return found


def _line(row):
    times = ", ".join(
        f"--{scale} {minutes} min"
        if scale == "quick"
        else f"without it {minutes} min"
        for scale, minutes in row["minutes"].items()
        if minutes is not None
    )
    done = ", ".join(
        f"{scale} {rows} of {cells} runs"
        for scale, (rows, cells) in row["done"].items()
        if cells
    )
    words = (
        f"{row['paper']}, {row['figure']}; {times}; "
        f"{'run: ' + done if done else 'not run'}"
    )
    return textwrap.fill(
        words,
        initial_indent=f"{row['name']:17}",
        subsequent_indent=" " * 17,
        width=100,
    )
