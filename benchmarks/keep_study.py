"""Keeps what a study found for the docs: its figure and its table.

    python benchmarks/keep_study.py runs/study_head_quick \
        --machine="2 cores of an Intel Xeon with AMX" \
        --command="simclr study head --quick"

Writes docs/studies/NAME.json and NAME.png, with --longer NAME.longer.json and
its figure; then
`python -m simclr.cli.studies_page > docs/study_results.md`. Notes that stand in
the JSON stay; --note replaces them (why a finding does not appear). With --add
its runs stay, too, where the folder has not the same, and the figure is of all:
more seeds of cells whose first was kept before.
"""

import argparse
import json
import os
import subprocess

from simclr.studies import registry

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEPT = os.path.join(HERE, "docs", "studies")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="of the study: study.json, study.png")
    parser.add_argument("--command", required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--commit", default="", help="default: HEAD")
    parser.add_argument("--longer", action="store_true", help="than quick")
    parser.add_argument("--add", action="store_true", help="to what is kept")
    parser.add_argument("--note", action="append", default=[])
    wanted = parser.parse_args()
    with open(os.path.join(wanted.folder, "study.json")) as file:
        facts = json.load(file)
    path = os.path.join(
        KEPT, facts["study"] + (".longer" if wanted.longer else "")
    )
    kept = {"notes": [], "rows": []}
    if os.path.exists(f"{path}.json"):
        with open(f"{path}.json") as file:
            kept = json.load(file)
    names = {row["name"] for row in facts["rows"]}
    if wanted.add:
        others = [row for row in kept["rows"] if row["name"] not in names]
        facts["rows"] = others + facts["rows"]
    facts |= {
        "command": wanted.command,
        "machine": wanted.machine,
        "commit": wanted.commit or head(),
        "notes": wanted.note or kept["notes"],
    }
    os.makedirs(KEPT, exist_ok=True)
    with open(f"{path}.json", "w") as file:
        json.dump(facts, file, indent=1)
        file.write("\n")
    study = registry.get(facts["study"])
    study.draw(f"{path}.png", rows=facts["rows"])


def head():
    """The commit, seven digits."""
    return subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"],
        cwd=HERE,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


if __name__ == "__main__":
    main()
