"""docs/study_results.md: `python -m simclr.cli.studies_page > FILE`.

It is made of docs/studies/NAME.json and NAME.longer.json, the study.json of a
quick run and of a longer one with the commit and the machine
(benchmarks/keep_study.py), so verdicts are today's code's.
"""

import json
import os
import statistics

from simclr.messages.counts import counted
from simclr.studies import registry

KEPT = os.path.join("docs", "studies")
_BEGIN = """\
# What the studies found here

Runs of [the papers' studies](studies.md) on a core or two: small nets, small
images, few epochs. Where a quick run does not show what the paper found, a
longer one of some of its cells stands below it. The papers' numbers are of
ImageNet's photos, and beside ours for their order alone; RandBits' are of the
same net and images. A table's cell is the mean of the seeds, in %, with the
least and the most.

This page is made of the runs' tables: `python -m simclr.cli.studies_page`.
"""
# What is beside a study's name in those of its files, and in the titles.
RUNS = {"": "", ".longer": ", longer"}
_NO_PLACE = ("name", "seed", "images", "minutes")


def page(folder=KEPT):
    """The page, a str.

    Args:
        folder: of the JSON files, and the figures beside them.
    """
    kept = {}
    for name in registry.STUDIES:
        for end in RUNS:
            path = os.path.join(folder, f"{name}{end}.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    kept[name, end] = json.load(file)
    sections = [_section(*key, facts) for key, facts in kept.items()]
    return "\n".join([_BEGIN, _summary(kept), *sections])


def _summary(kept):
    """The table of all: what was found, in how many runs and minutes.

    Args:
        kept: dict of (study, of RUNS) -> facts.
    """
    lines = [
        "| study | finding | seeds | runs | minutes |",
        "|---|---|---|---|---|",
    ]
    for (name, end), facts in kept.items():
        rows = facts["rows"]
        finding = registry.get(name).verdict(rows).finding
        finding = finding.removeprefix("the finding ")
        title = f"{name}{RUNS[end]}"
        lines.append(
            f"| [{title}](#{title.replace(', ', '-')}) | {finding} | "
            f"{len({row['seed'] for row in rows})} | {len(rows)} | "
            f"{_minutes(rows):.0f} |"
        )
    return "\n".join(lines) + "\n"


def _minutes(rows):
    """What the runs of a study took, one after another."""
    return sum(row["minutes"] for row in rows)


def _section(name, end, facts):
    """A run of a study: finding, verdict, figure, table, command."""
    study, rows = registry.get(name), facts["rows"]
    verdict = study.verdict(rows)
    lines = [
        f"##{'#' if end else ''} {name}{RUNS[end]}\n",
        ""
        if end
        else f"**{study.title}** ({study.paper}, {study.figure}). "
        f"The paper: {study.finding}.\n",
        f"{verdict.finding.capitalize()}: {verdict.words}.\n",
    ]
    lines += [f"{note}\n" for note in facts["notes"]]
    lines += [
        f"![{study.title}](studies/{name}{end}.png)\n",
        f"```bash\n{facts['command']}\n```\n",
        f"{counted(len(rows), 'run')} in {_minutes(rows):.0f} minutes, "
        f"{facts['machine']}, commit {facts['commit']}.\n",
        "<details markdown><summary>All runs</summary>\n",
        _table(study, rows),
        "</details>\n",
    ]
    return "\n".join(line for line in lines if line)


def _table(study, rows):
    """Every place: the mean over the seeds, and the paper's number."""
    numbers = _numbers(rows)
    places = {}
    for row in rows:
        place = tuple(
            (key, value)
            for key, value in row.items()
            if key not in (*numbers, *_NO_PLACE) and not key.endswith("_top5")
        )
        places.setdefault(place, []).append(row)
    keys = list(dict.fromkeys(key for place in places for key, _ in place))
    paper = any(study.published(row) is not None for row in rows)
    head = [*(key.replace("_", " ") for key in keys), *numbers]
    head += ["the paper"] if paper else []
    lines = [head, ["---"] * len(head)]
    for place, found in places.items():
        cells = [str(dict(place).get(key, "")) for key in keys]
        cells += [_spread(found, number) for number in numbers]
        if paper:
            cells.append(_percent(study.published(found[0])))
        lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _numbers(rows):
    """The columns that hold scores, in the rows' order."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [key for key in keys if f"{key}_top5" in keys or key == "top1"]


def _spread(rows, number):
    """Mean, least and most of a column, in %; "" where there is none."""
    found = [row[number] for row in rows if row.get(number) is not None]
    if len(found) < 2 or min(found) == max(found):
        return _percent(found[0] if found else None)
    low, high = _percent(min(found)), _percent(max(found))
    return f"{_percent(statistics.fmean(found))} ({low} to {high})"


def _percent(share):
    return "" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    print(page(), end="")
