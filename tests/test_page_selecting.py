"""Odd shapes, odd stores and odd names in the page, in a browser."""

import numpy as np
import pytest

from simclr.data.sources import registry
from tests import browser, made_page
from tests.test_page import numbers, parts

pytestmark = pytest.mark.skipif(
    browser.program() is None,
    reason="no chromium-headless-shell here; .ci/run installs it",
)
SHIFT = {"modifiers": 8}


@pytest.fixture(scope="module")
def tab():
    with browser.tab() as one:
        yield one
        assert one.errors == []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("selecting")
    return made_page.page(made_page.store(folder / "store"), folder)


def on_screen(tab, page):
    """float [n, 2]: where the images of a page are when it was opened."""
    _, (tile,) = parts(page.path)
    place = numbers(tile["place"], "<u2").reshape(-1, 2) / 65535
    size = np.array(
        tab.run(
            "[document.getElementById('map').clientWidth,"
            " document.getElementById('map').clientHeight]"
        )
    )
    low, high = place.min(0), place.max(0)
    scale = 0.92 * np.min(size / (high - low))
    return (place - (low + high) / 2) * scale + size / 2


def inside_box(at, left, top, right, bottom):
    return np.all((at > [left, top]) & (at < [right, bottom]), axis=1)


def test_a_lasso_with_a_bay(tab, page):
    tab.open(f"file://{page.path}")
    at = on_screen(tab, page)
    x, y = np.quantile(at, [0.3, 0.7], axis=0).round().astype(int).T.tolist()
    # A U: all but what is above its floor, between its walls.
    tab.drag(
        [(1, 1), (x[0], 1), (x[0], y[1]), (x[1], y[1]), (x[1], 1)]
        + [(905, 1), (905, 799), (1, 799)],
        **SHIFT,
    )
    wanted = 600 - np.count_nonzero(inside_box(at, x[0], 0, x[1], y[1]))
    assert 50 < wanted < 550
    assert tab.text("said") == f"{wanted} selected"


def test_a_lasso_that_crosses_itself(tab, page):
    tab.open(f"file://{page.path}")
    at = on_screen(tab, page)
    # An hourglass: its line crosses in the middle, and both halves are in.
    tab.drag([(1, 1), (905, 799), (1, 799), (905, 1)], **SHIFT)
    u, v = (at[:, 0] - 1) / 904, (at[:, 1] - 1) / 798
    above = (v < u) & (v < 1 - u)
    below = (v > u) & (v > 1 - u)
    wanted = np.count_nonzero(above | below)
    assert 50 < wanted < 550
    assert tab.text("said") == f"{wanted} selected"


def test_one_cluster_without_thumbnails(tab, tmp_path):
    made = made_page.store(tmp_path / "s", clusters=1, thumbnails=False)
    for most in (1000, 100):
        page = made_page.page(made, tmp_path, most_inside=most)
        tab.requests.clear()
        tab.open(f"file://{page.path}")
        for _ in range(2):  # The next cluster is the same one.
            tab.key("]")
            tab.wait("document.querySelectorAll('.cell').length === 60")
            assert tab.run("document.querySelector('.cell').innerText")
        tab.key("Enter")
        tab.wait("document.querySelector('.large')")
        assert not any(one.endswith(".jpg") for one in tab.requests)


def test_nothing_is_found_and_nothing_is_undone(tab, page):
    tab.open(f"file://{page.path}")
    tab.run("document.getElementById('search').focus()")
    tab.write("nowhere")
    tab.wait("document.getElementById('about').textContent === 'FoundNone.'")
    tab.run("document.activeElement.blur()")
    tab.key("u")
    assert tab.text("said") == "Nothing to undo."


def test_every_control_has_a_name(tab, page):
    tab.open(f"file://{page.path}")
    tab.key("]")
    tab.wait("document.getElementById('name')")
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    controls = [
        one
        for one in tree
        if one.get("role", {}).get("value")
        in ("button", "textbox", "searchbox", "combobox", "img", "application")
    ]
    assert len(controls) > 70
    for one in controls:
        assert one["name"]["value"].strip(), one


def test_labels_of_odd_names_reach_finetune(tab, tmp_path):
    names = [
        *("plain.jpg", 'a "quoted", name.jpg', "</script><b>.jpg"),
        *("\u202e\u05e9\u05dc.jpg", " led by a space.jpg", "sub/100%.jpg"),
    ]
    folder = tmp_path / "photos"
    images = made_page.photos(folder, names)
    page = made_page.page(images, tmp_path / "page")
    tab.keep_downloads(tmp_path)
    tab.open(f"file://{page.path}")
    for name, label in zip(names, ["a", "b, c", '"d"', "é", "a", "b, c"]):
        tab.run("document.getElementById('search').select()")
        tab.write(name)
        tab.wait("document.querySelector('h2')?.textContent === 'Found'")
        tab.wait("document.querySelectorAll('.cell').length === 1")
        tab.run("document.querySelector('.cell').click()")
        tab.wait("document.querySelector('.large')")
        tab.run("document.getElementById('label').select()")
        tab.write(label)
        tab.key("Enter")
    path = tab.downloaded(tmp_path, "labels", "labels.csv")
    source = registry.open_source(str(folder), str(path))
    found = {
        source.id(i): source.class_names[source.labels[i]]
        for i in range(len(source))
    }
    assert found == dict(zip(names, ["a", "b, c", '"d"', "é", "a", "b, c"]))
