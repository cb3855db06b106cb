"""The site: what it shows, pages that code makes, links."""

import importlib.util
import json
import pathlib
import re
import sys
import types

import pytest

from simclr.cli import recipes_page, reference_page, studies_page
from simclr.config import Config, recipes
from simclr.config.values import keys

ROOT = pathlib.Path(__file__).parent.parent
DOCS = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_every_page_has_a_place_in_the_navigation():
    shown = re.findall(r"([\w]+\.md)$", CONFIG.split("\nnav:")[1], re.M)
    assert len(shown) == len(set(shown))
    assert sorted(set(shown) - {"index.md", "changelog.md"}) == DOCS


def test_the_recipes_page_is_current():
    """`python -m simclr.cli.recipes_page > docs/recipes.md` makes it so."""
    assert (ROOT / "docs/recipes.md").read_text() == recipes_page.page()


def test_every_recipe_is_in_its_table():
    told = re.findall(r"^\| `([\w/]+)` \|", recipes_page.page(), re.M)
    assert sorted(told) == sorted(recipes.names())


def test_the_reference_is_current():
    """`python -m simclr.cli.reference_page > docs/reference.md` makes it so."""
    assert (ROOT / "docs/reference.md").read_text() == reference_page.page()


def test_the_reference_has_every_setting():
    told = re.findall(r"^\| `([\w.]+)` \| `", reference_page.page(), re.M)
    assert sorted(told) == sorted(keys(Config))


def test_what_the_studies_found_is_current():
    """`python -m simclr.cli.studies_page > docs/study_results.md`."""
    page = studies_page.page(ROOT / "docs" / "studies")
    assert (ROOT / "docs/study_results.md").read_text() == page


def test_what_a_study_found_is_told_from_its_rows(tmp_path):
    rows = [
        {"name": f"{s}-{t}-{seed}", "similarity": s, "temperature": t}
        | {"seed": seed, "top1": top1 + seed / 100, "top1_top5": 0.9}
        | {"images": 100, "minutes": 2.0}
        for s, t, top1 in (
            *(("cosine", 0.05, 0.3), ("cosine", 0.2, 0.5)),
            *(("cosine", 1.0, 0.4), ("product", 10.0, 0.2)),
        )
        for seed in (0, 1)
    ]
    facts = {"rows": rows, "command": "simclr study it", "notes": ["So."]}
    facts |= {"machine": "a laptop", "commit": "1234567"}
    (tmp_path / "temperature.json").write_text(json.dumps(facts))
    page = studies_page.page(tmp_path)
    assert "| [temperature](#temperature) | appears | 2 | 8 | 16 |" in page
    assert "T 0.2 50.5 %, product at T 10 20.5 % (+30.0 points," in page
    assert "| cosine | 0.05 | 30.5 (30.0 to 31.0) | 59.7 |" in page
    assert "| cosine | 0.2 | 50.5 (50.0 to 51.0) |  |" in page
    assert "8 runs in 16 minutes, a laptop, commit 1234567." in page
    assert "\nSo.\n" in page and "(studies/temperature.png)" in page
    assert "\n## temperature\n\n**Temp" in page and "longer](" not in page
    facts |= {"rows": rows[:4], "command": "simclr study it --only='cosine*'"}
    (tmp_path / "temperature.longer.json").write_text(json.dumps(facts))
    both = studies_page.page(tmp_path)
    assert "| [temperature, longer](#temperature-longer) | " in both
    assert "\n### temperature, longer\n\nNot all of the runs" in both
    assert "(studies/temperature.longer.png)" in both


@pytest.fixture
def hooks(monkeypatch):
    """docs/site_hooks.py, which imports MkDocs, without MkDocs."""
    if importlib.util.find_spec("mkdocs") is None:
        files = types.ModuleType("mkdocs.structure.files")
        files.File = None
        for name in ("mkdocs", "mkdocs.structure"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "mkdocs.structure.files", files)
    path = ROOT / "docs" / "site_hooks.py"
    spec = importlib.util.spec_from_file_location("site_hooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "text, on_the_site",
    [
        ("[a](docs/tpu.md#b)", "[a](tpu.md#b)"),
        ("![a](docs/page.png)", "![a](page.png)"),
        ("[a](../README.md#results)", "[a](index.md#results)"),
        ("[a](CHANGELOG.md)", "[a](changelog.md)"),
        ("[a](../BUILD_NOTES.md)", "a"),
        ("[a](LICENSE)", "a"),
        ("[a](notebooks/start.ipynb)", "a"),
        ("[a](tpu.md)", "[a](tpu.md)"),
        ("[a](https://b.org/CHANGELOG)", "[a](https://b.org/CHANGELOG)"),
    ],
)
def test_links_are_those_of_the_site(hooks, text, on_the_site):
    assert hooks.site_text(text) == on_the_site
