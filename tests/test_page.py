import base64
import functools
import json
import re

import cv2
import numpy as np
import pytest

import simclr
from simclr.explore.page import document, layout, rows, sprites, tiles, write
from simclr.messages.errors import InputError
from tests import made_page, made_store

KINDS = "js", "jpg"  # Files of a tile.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_page.store(tmp_path_factory.mktemp("page") / "store")


def parts(path):
    """(overview, tiles) as a browser reads them from a page."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = re.findall(
        r'<script type="application/json" id="\w+">(.*?)</script>', text, re.S
    )
    return [json.loads(one) for one in found]


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_every_image_is_in_one_tile_and_no_tile_has_more():
    place = np.random.default_rng(0).random([5000, 2]).astype(np.float32)
    place[:300] = 0.25  # On one spot: no quarter parts them.
    order, found = tiles.split(place, most=64)
    assert sorted(order) == list(range(5000))
    starts = np.cumsum([0] + [tile.count for tile in found])
    assert [tile.start for tile in found] == starts[:-1].tolist()
    assert starts[-1] == 5000 and max(tile.count for tile in found) <= 64
    for tile in found:
        inside = place[order[tile.start : tile.start + tile.count]]
        left, top, right, bottom = tile.box
        assert np.all(inside >= [left, top]) and np.all(
            inside <= [right, bottom]
        )
    children = sorted(c for tile in found for c in tile.children)
    assert children == list(range(1, len(found)))


def test_the_first_tile_shows_the_whole():
    place = np.random.default_rng(0).random([20_000, 2]).astype(np.float32)
    order, found = tiles.split(place)
    first = place[order[: found[0].count]]
    count = np.histogram2d(*first.T, bins=4, range=[[0, 1], [0, 1]])[0]
    assert count.min() > 0.6 * count.mean()


def test_a_sheet_has_each_thumbnail_in_its_cell(made):
    wanted = np.array([5, 0, 599] * 30)
    data, sizes = sprites.sheet(made, wanted)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (2 * 48, 64 * 48, 3)
    assert sizes.tolist() == [[36, 48]] * 90
    thumbnails = made.read(["thumbnail"])["thumbnail"].to_pylist()
    for i, row in enumerate(wanted):
        y, x = i // 64 * 48, i % 64 * 48
        image = cv2.imdecode(np.frombuffer(thumbnails[row], np.uint8), 1)
        found = picture[y : y + 48, x : x + 36].astype(int)
        # A decoder smooths colours over the edge of a cell.
        inner = np.abs(found - image)[1:-1, 1:-1]
        assert inner.max() < 12


def test_rows_say_what_the_store_says(made):
    found = rows.read(made, layout.read(made))
    order = np.random.default_rng(0).permutation(len(found))
    moved = found.ordered(order)
    table = made.read(["id", "label", "cluster", "day"]).to_pylist()
    for i in (0, 7, 300):
        row = table[order[i]]
        code = moved.label.code[i]
        source = moved.source.texts[moved.source.code[i]]
        assert f"{source}/{moved.name[i].as_py()}" == row["id"]
        assert (moved.label.texts[code] if code >= 0 else None) == row["label"]
        assert moved.day.texts[moved.day.code[i]] == row["day"]
        assert moved.cluster[i] == row["cluster"]
        assert order[moved.near[i]].tolist() == found.near[order[i]].tolist()
    same = found.cluster[found.near] == found.cluster[:, None]
    assert same.mean() > 0.95


def test_a_page_is_one_file_and_says_all(made, tmp_path):
    written = made_page.page(made, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert written.bytes == (tmp_path / "page.html").stat().st_size
    assert (written.count, written.files) == (600, 0)
    overview, inside = parts(written.path)
    assert sum(one["count"] for one in overview["clusters"]) == 600
    assert made_page.HOSTILE in [o["name"] for o in overview["clusters"]]
    assert {one["text"]: one["count"] for one in overview["day"]} == {
        "2026-01-01": 560,
        "2026-01-02": 40,
    }
    table = made.read(["id", "cluster", "distance"]).to_pylist()
    sources = overview["sources"]
    ids = [
        f"{sources[code]}/{name}"
        for tile in inside
        for code, name in zip(numbers(tile["source"], "<i4"), tile["names"])
    ]
    assert sorted(ids) == sorted(row["id"] for row in table)
    for one in overview["clusters"]:
        own = [row for row in table if row["cluster"] == one["id"]]
        own = sorted(own, key=lambda row: row["distance"])
        assert [ids[row] for row in one["central"]] == [
            row["id"] for row in own[:30]
        ]
        assert ids[one["odd"][0]] == own[-1]["id"]


def test_more_images_are_tiles_beside_the_page(made, tmp_path):
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "7.js").write_text("of a larger page before")
    written = made_page.page(made, tmp_path, most_inside=100)
    overview, inside = parts(written.path)
    assert inside == [] and written.files == len(overview["tiles"]) == 1
    assert sorted(p.name for p in (tmp_path / "tiles").iterdir()) == [
        *("0.jpg", "0.js"),
    ]
    every = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert written.bytes == sum(p.stat().st_size for p in every)


def test_of_two_pages_in_one_folder_the_tiles_of_the_second_stay(
    made, tmp_path, monkeypatch
):
    def tiled(most):
        few = functools.partial(tiles.split, most=most)
        monkeypatch.setattr(tiles, "split", few)
        return made_page.page(made, tmp_path, most_inside=100)

    split = tiles.split
    first = tiled(most=50)
    monkeypatch.setattr(tiles, "split", split)
    second = tiled(most=200)
    assert second.files < first.files
    wanted = [f"{i}.{kind}" for i in range(second.files) for kind in KINDS]
    found = [path.name for path in (tmp_path / "tiles").iterdir()]
    assert sorted(found) == sorted(wanted)
    (tmp_path / "tiles" / "notes.txt").write_text("a person's own")
    made_page.page(made, tmp_path)
    found = [path.name for path in (tmp_path / "tiles").iterdir()]
    assert found == ["notes.txt"]


def test_images_without_thumbnails_have_no_sheet(tmp_path):
    made = made_page.store(tmp_path / "store", thumbnails=False)
    _, (tile,) = parts(made_page.page(made, tmp_path / "one").path)
    assert tile["sheet"] is None and not numbers(tile["size"], "u1").any()
    made_page.page(made, tmp_path / "many", most_inside=100)
    found = [path.name for path in (tmp_path / "many" / "tiles").iterdir()]
    assert found == ["0.js"]


def test_one_cluster_is_a_page(tmp_path):
    made = made_page.store(tmp_path / "store", clusters=1)
    overview, _ = parts(made_page.page(made, tmp_path).path)
    (one,) = overview["clusters"]
    assert one["count"] == 600 and len(one["central"]) == 30


def test_a_page_of_a_day_has_that_day_alone(made, tmp_path):
    written = made_page.page(made, tmp_path, where="day = '2026-01-02'")
    overview, (tile,) = parts(written.path)
    assert written.count == 40
    assert [one["text"] for one in overview["day"]] == ["2026-01-02"]
    assert numbers(tile["near"], "<i4").max() < 40


def test_no_host_is_named_and_the_browser_is_told_so(made, tmp_path):
    for most in (write.MOST_INSIDE, 100):
        path = made_page.page(made, tmp_path, most_inside=most).path
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert re.findall(r"(?i)\b(?:https?|wss?|ftp):|//\w+\.\w", text) == []
        policy = re.search(r'Content-Security-Policy" content="(.*?)">', text)
        policy = policy.group(1).replace("&#x27;", "'")
        assert policy.startswith("default-src 'none'; ")
        words = set(re.split(r"[; ]+", policy))
        hashes = {word for word in words if word.startswith("'sha256-")}
        names = {word for word in words if word.endswith("-src")}
        assert len(hashes) == 2
        assert words - hashes - names <= {
            *("'none'", "data:", "base-uri", "form-action"),
            *(() if most > 100 else ("'self'", "file:")),
        }
        assert "connect-src 'none'" in policy and "unsafe" not in policy


def test_what_a_store_says_ends_no_element(made, tmp_path):
    with open(made_page.page(made, tmp_path).path, encoding="utf-8") as file:
        text = file.read()
    assert "<img" not in text
    assert text.count("</script>") == 3
    assert document.to_json("</script>&") == '"\\u003c/script\\u003e\\u0026"'


def test_the_command_keeps_the_map(made, tmp_path, capsys):
    before = layout.read(made)
    path = simclr.page(made.path, out=tmp_path, colour="day")
    overview, _ = parts(path)
    assert overview["colour"] == "day" and overview["title"] == "store"
    assert "600 images" in capsys.readouterr().out
    after = layout.read(made)
    np.testing.assert_array_equal(after.places, before.places)


def test_one_image_is_no_page(made, tmp_path):
    with pytest.raises(InputError, match="0 images to show"):
        simclr.page(made.path, out=tmp_path, day="2020-01-01")
    with pytest.raises(InputError, match="is no day"):
        simclr.page(made.path, out=tmp_path, day="tomorrow")


def test_a_store_without_clusters_has_a_page(tmp_path):
    made = made_store.begin(tmp_path / "s", made_store.mixture(50, 2, 4)[0])
    overview, _ = parts(simclr.page(made.path))
    assert overview["clusters"] == [] and overview["odd"] == []
    assert overview["count"] == 50


def test_photos_in_a_folder_of_that_name_stay(made, tmp_path):
    """1.jpg without 1.js is nobody's tile."""
    photo = tmp_path / "tiles" / "1.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"a photo")
    made_page.page(made, tmp_path)
    with pytest.raises(InputError, match=r"holds something else, '1\.jpg'"):
        made_page.page(made, tmp_path, most_inside=100)
    assert photo.read_bytes() == b"a photo"
