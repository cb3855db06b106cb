"""One word means one thing: what was renamed is gone everywhere.

The table, old -> new, is that of tests/old_words.md.
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
OLD_WORDS = ROOT / "tests" / "old_words.md"
MODULES, NAMES = (
    re.findall(r"^\| `(.+?)` \| `(.+?)`", part, re.MULTILINE)
    for part in OLD_WORDS.read_text(encoding="utf-8").split("### Names")
)
TEXTS = {
    path: path.read_text(encoding="utf-8")
    for place in (
        *("simclr", "tests", "configs", "benchmarks", "docs", "tpu_scripts"),
    )
    for path in (ROOT / place).rglob("*")
    if path.suffix in (".py", ".md", ".sh", ".ipynb")
    and path not in (pathlib.Path(__file__), OLD_WORDS)
} | {ROOT / "README.md": (ROOT / "README.md").read_text(encoding="utf-8")}


def places(needle, pattern=None):
    """Where a text is found, as "file:line"; a pattern says what round it."""
    return [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in TEXTS.items()
        if needle in text
        for match in re.finditer(pattern or re.escape(needle), text)
    ]


def is_module(name):
    path = ROOT / "simclr" / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_the_table_is_read():
    assert len(MODULES) > 90 and len(NAMES) > 30
    assert ("training.rundir", "runs.folder") in MODULES
    assert places("def is_chief")


def test_new_modules_are_there():
    assert [new for _, new in MODULES if not is_module(new)] == []


@pytest.mark.parametrize("old", [old for old, _ in MODULES])
def test_an_old_module_is_gone(old):
    if is_module(old):  # Its name says something else today.
        kept = {
            "config",
            "data.labels",
            "data.sources",
            "data.sample",
        }  # Folders today.
        assert old in kept | set(dict(MODULES).values())
        return
    folder, _, last = f"simclr.{old}".rpartition(".")
    imports = (
        rf"from {re.escape(folder)} import (\(?[\w\s]+,\s*)*\(?\s*{last}\b"
    )
    assert places(f"simclr/{old.replace('.', '/')}.py") == []
    assert places(f"simclr.{old}", rf"\bsimclr\.{re.escape(old)}\b") == []
    assert places(f"from {folder} import", imports) == []


def pattern(old):
    """Finds a name, but no other that ends or begins like it.

    One with a dot is found as the end of a longer one, too: config.OLD.
    """
    before = r"(?<!\w)" if "." in old else r"(?<![\w.])"
    end = r"\b" if old[-1].isalnum() else ""
    return before + re.escape(old) + end


@pytest.mark.parametrize("old", [old for old, _ in NAMES])
def test_an_old_name_is_gone(old):
    assert places(old, pattern(old)) == []


# Hard to read for whom English is foreign; what to say in their place.
HARD = {
    r"resumes? to the bit": "resumes exactly",
    r"\bbut for\b": "except for",
    r"at no cost of": "without",
    r"nothing beside it": "nothing else running",
    r"jobs? beside (it|them)": "with other jobs running",
    r"in strips": "in blocks",
    r"no measurement: no step": "a lower bound",
    r"which end of the net": "which layer",
    r"the same command goes on": "the same command resumes",
}


@pytest.mark.parametrize("phrase", HARD)
def test_a_hard_phrase_is_not_said_to_readers(phrase):
    hard = re.compile(phrase, re.I)
    found = [
        str(path.relative_to(ROOT))
        for path, text in TEXTS.items()
        if (path.suffix == ".md" or "simclr" in path.relative_to(ROOT).parts[0])
        and hard.search(" ".join(text.split()))
    ]
    assert found == []


def test_every_kind_of_file_is_read():
    assert {path.suffix for path in TEXTS} == {".py", ".md", ".sh", ".ipynb"}


def test_an_attribute_of_an_old_name_is_seen():
    found = re.compile(pattern("memory.size"))
    assert found.search("config.memory.size") and found.search("memory.size=2")
    assert not found.search("memory.sizes") and not found.search("xmemory.size")
    assert not re.search(pattern("Chief("), "is.Chief(")
