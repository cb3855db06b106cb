"""The plan of the house: who may import whom, and how many live in a room."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "simclr"
# From the ground up: a room imports rooms before it, never one after it.
FLOORS = (
    *("collectives", "messages", "storage", "executors"),
    *("data", "losses", "optimizers", "models"),
    *("evaluation", "pictures", "config", "published", "runs", "frozen"),
    *("pjrt", "tpu", "lowering", "engines", "inference"),
    *("doctor", "training", "studies", "explore", "export"),
    *("commands", "cli", "__main__"),
)
MOST_MODULES = 12  # Beside each other in a folder, without its __init__.


def modules():
    """Dict of dotted name -> path of every module."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def arrows(names):
    """Dict of module -> set of modules that it imports, wherever it does."""
    found = {}
    for name, path in names.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {a.name for a in node.names if a.name in names}
            elif isinstance(node, ast.ImportFrom) and node.module in names:
                full = {f"{node.module}.{a.name}" for a in node.names}
                inner = full & set(names)
                found[name] |= inner
                if full - inner:
                    found[name].add(node.module)
    return found


@pytest.fixture(scope="module")
def house():
    return arrows(modules())


def room(name):
    return name.split(".")[1] if "." in name else name


def upward(house):
    """Arrows from a floor to one above it, or to a room that has no floor."""
    floor = {name: i for i, name in enumerate(FLOORS)}
    return [
        f"{one} imports {other}"
        for one, others in house.items()
        for other in others
        if "." in one
        and "." in other
        and room(one) != room(other)
        and floor.get(room(other), len(FLOORS)) >= floor[room(one)]
    ]


def circles(house):
    """Modules that import each other, however far round."""
    reached = {one: set(others) for one, others in house.items()}
    for between in house:
        for others in reached.values():
            if between in others:
                others |= reached[between]
    return sorted(one for one, others in reached.items() if one in others)


def test_no_import_runs_upwards(house):
    assert upward(house) == []


def test_no_circle_of_files(house):
    assert circles(house) == []


def test_an_upward_arrow_and_a_circle_are_seen():
    house = {
        "simclr.data.a": {"simclr.cli.b"},
        "simclr.cli.b": {"simclr.cli.c"},
        "simclr.cli.c": {"simclr.cli.b"},
    }
    assert upward(house) == ["simclr.data.a imports simclr.cli.b"]
    assert circles(house) == ["simclr.cli.b", "simclr.cli.c"]


def rooms_imported(house):
    """dict of room -> set of the other rooms that it imports."""
    found = {room(name): set() for name in house if "." in name}
    for one, others in house.items():
        for other in others:
            if "." in one and "." in other:
                found[room(one)].add(room(other))
    return {name: others - {name} for name, others in found.items()}


def rooms_in_design(text):
    """The same, as a table of docs/design.md says it."""
    found = {}
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|.*\| (.+) \|$", text, re.M)
    for name, words in rows:
        _, _, listed = words.rpartition("all below but ")
        others = set(re.findall(r"\w+", listed)) - {"nothing"}
        if "all below" in words:
            others = set(FLOORS[: FLOORS.index(name)]) - others
            others -= {"explore", "export"} - set(found)  # Not built yet.
        found[name] = others
    return found


def test_the_design_says_what_is_imported(house):
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    told = rooms_in_design(page.split("## The house\n")[1].split("\n## ")[0])
    assert told == {
        name: others
        for name, others in rooms_imported(house).items()
        if name != "__main__"
    }


def test_every_room_has_a_floor(house):
    assert {room(name) for name in house if "." in name} <= set(FLOORS)


def crowded(package):
    """Dict of folder -> its modules, where they are too many."""
    return {
        str(folder.relative_to(package)): len(files)
        for folder in [package, *package.rglob("*")]
        if folder.is_dir()
        and len(files := set(folder.glob("*.py")) - {folder / "__init__.py"})
        > MOST_MODULES
    }


def test_rooms_are_small_and_nothing_lies_loose():
    assert crowded(PACKAGE) == {}
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "__main__", "collectives"}
