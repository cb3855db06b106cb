"""The page in a browser: drawn, lassoed, labelled, saved."""

import contextlib
import csv
import functools
import io
import threading

import cv2
import numpy as np
import pytest

from simclr.explore import clustering, space
from simclr.explore.page import serve, tiles
from simclr.explore.store import store as stores
from simclr.storage.text_table import two_columns
from tests import browser, made_page

pytestmark = pytest.mark.skipif(
    browser.program() is None,
    reason="no chromium-headless-shell here; .ci/run installs it",
)
MAP = 640, 400  # A place on the map, of a window of 1280 x 800.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_page.store(tmp_path_factory.mktemp("browser") / "store")


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    return made_page.page(made, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def window():
    with browser.tab() as one:
        yield one


@pytest.fixture
def tab(window, tmp_path):
    """The one browser, without what tests before left in it."""
    window.keep_downloads(tmp_path / "downloads")
    window.requests.clear()
    window.errors.clear()
    yield window
    assert window.errors == []


@pytest.fixture
def opened(tab, page):
    tab.open(f"file://{page.path}")
    yield tab
    tab.run("localStorage.clear()")
    # It asked for nothing but itself and what lies in it.
    assert {one.partition(":")[0] for one in tab.requests} <= {
        *("file", "data", "blob"),
    }


@contextlib.contextmanager
def serving(path, tab):
    """A Server of a page, in a thread; the tab leaves before it goes.

    What the page still asked for then would be the next test's error.
    """
    with serve.Server(path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
            tab.call("Page.navigate", url="about:blank")
        finally:
            server.shutdown()


def seen(tab, path):
    """uint8 [h, w, 3] of what is drawn."""
    tab.picture(path)
    return cv2.imread(str(path))


def test_points_and_pictures_are_drawn(opened, tmp_path):
    opened.key("t")  # Without pictures: the points alone.
    points = seen(opened, tmp_path / "points.png")[60:, :880]
    assert 500 < np.count_nonzero(points.std(axis=2) > 20) < points.size / 20
    opened.key("t")
    opened.run("new Promise((done) => setTimeout(done, 300))")
    pictures = seen(opened, tmp_path / "pictures.png")[60:, :880].astype(int)
    # The four colours of the thumbnails, and none of them is a point's.
    for colour in made_page.COLOURS:
        near = np.abs(pictures - np.array(colour)).max(axis=2) < 12
        assert np.count_nonzero(near) > 200
        assert np.count_nonzero(
            np.abs(points.astype(int) - np.array(colour)).max(axis=2) < 12
        ) < np.count_nonzero(near)


def test_in_the_dark(opened, tmp_path):
    light = seen(opened, tmp_path / "light.png")
    opened.key("d")
    opened.run("new Promise((done) => setTimeout(done, 100))")
    dark = seen(opened, tmp_path / "dark.png")
    assert light[700, 60].min() > 240 and dark[700, 60].max() < 40


def test_hostile_texts_are_texts(opened):
    assert opened.run("document.title").startswith("store </script><img")
    assert opened.run("document.querySelectorAll('img').length") == 0
    texts = opened.run(
        "[...document.querySelectorAll('.item .text')].map((x) => x.innerText)"
    )
    assert any("</script><img" in text for text in texts)


def test_lasso_label_and_download(opened, made, tmp_path):
    x0, y0, x1, y1 = 2, 2, 906, 798
    shift = {"modifiers": 8}
    opened.drag([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], **shift)
    opened.wait("document.getElementById('said').textContent")
    assert opened.text("said") == "600 selected"
    middle = 450
    opened.drag([(x0, y0), (middle, y0), (middle, y1), (x0, y1)], **shift)
    count = int(opened.text("said").split()[0])
    assert 0 < count < 600
    opened.key("e")
    opened.write('left, "half"')
    opened.key("Enter")
    path = opened.downloaded(tmp_path / "downloads", "labels", "labels.csv")
    rows = two_columns(str(path), "id", "label")
    assert len(rows) == count
    assert {label for _, label in rows} == {'left, "half"'}
    known = set(made.read(["id"])["id"].to_pylist())
    assert {name for name, _ in rows} <= known
    opened.key("u")
    assert opened.text("said") == f"{count} undone"


def test_by_keyboard_alone(opened, tmp_path):
    opened.key("]")
    opened.wait("document.getElementById('name')")
    opened.key("n")
    opened.run("document.getElementById('name').select()")
    opened.write("red,\tshoes")
    opened.key("Tab")
    opened.run("document.activeElement.blur()")
    path = opened.downloaded(tmp_path / "downloads", "names", "names.csv")
    ((number, name),) = list(csv.reader(io.StringIO(path.read_text())))[1:]
    assert name == "red,\tshoes" and number.isdecimal()
    for key in ("+", "+", "ArrowLeft", "0", "Enter"):
        opened.key(key)
    opened.wait("document.querySelector('.large')")
    opened.key("1")  # The first label that the store has.
    assert opened.text("said").startswith("1 labelled ")
    opened.key("v")
    assert int(opened.text("said").split()[0]) > 100
    opened.key("Escape")
    assert opened.text("said") == ""


def test_a_click_shows_neighbours_of_its_kind(opened):
    opened.run("document.getElementById('search').focus()")
    opened.write("00011")
    opened.wait("document.querySelector('h2').textContent === 'Found'")
    opened.wait("document.querySelectorAll('.cell').length === 1")
    opened.run("document.querySelector('.cell').click()")
    opened.wait("document.querySelector('.large')")
    text = opened.run("document.querySelector('.large').innerText")
    assert "/s/00011" in text and "label: part" in text
    assert opened.run("document.querySelectorAll('.grid .cell').length") == 12


def test_labels_stay_in_the_browser(opened, page):
    opened.key("v")
    opened.key("1")
    assert "labelled" in opened.text("said")
    opened.open(f"file://{page.path}")
    kept = opened.run(
        "Object.keys(JSON.parse(localStorage.getItem(localStorage.key(0)))"
        ".labels).length"
    )
    assert kept > 100


@pytest.mark.parametrize("served", [False, True])
def test_tiles(made, tab, tmp_path, served, monkeypatch):
    small = functools.partial(tiles.split, most=100)
    monkeypatch.setattr(tiles, "split", small)
    page = made_page.page(made, tmp_path, most_inside=100, connect=served)
    assert page.files >= 5
    if not served:
        tab.open(f"file://{page.path}")
        count_all(tab)
        return
    with serving(page.path, tab) as server:
        tab.open(server.address)
        count_all(tab)


def count_all(tab):
    """All images of a page come in, tile by tile, and can be selected."""
    for _ in range(100):
        tab.key("v")
        if tab.text("said") == "600 selected":
            return
        tab.run("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError(tab.text("said"))


def test_served_labels_and_names_are_saved_and_taken(made, tab, tmp_path):
    page = made_page.page(made, tmp_path, connect=True)
    with serving(page.path, tab) as server:
        tab.open(server.address)
        tab.key("v")
        count = int(tab.text("said").split()[0])
        tab.key("1")
        tab.key("]")
        tab.wait("document.getElementById('name')")
        tab.key("n")
        tab.run("document.getElementById('name').select()")
        tab.write("shoes")
        tab.key("Tab")
        tab.wait("document.getElementById('saved').textContent === 'saved'")
        labels = serve.saved(tmp_path)["labels"]
        assert len(labels) == count
        tab.run("localStorage.clear()")
        tab.open(server.address)
        path = tab.downloaded(tmp_path / "downloads", "labels", "labels.csv")
        assert dict(two_columns(str(path), "id", "label")) == labels
    assert {name.partition(":")[0] for name in tab.requests} <= {
        *("http", "data", "blob"),
    }
    hosts = [name for name in tab.requests if name.startswith("http")]
    assert all(name.startswith(server.address) for name in hosts)
    with stores.held(made.path):
        clustering.name(made, str(tmp_path / "names.csv"))
    assert "shoes" in space.read(made).clusters.names
