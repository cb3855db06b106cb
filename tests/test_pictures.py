import itertools

import numpy as np
import pytest
from PIL import Image

from simclr.pictures import curves, groups, page, sheets, stages, summary

RNG = np.random.default_rng(0)
COLOURS = np.array(
    [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]], np.uint8
)
DPI = 130


def flat(i, size=32):
    """An image of one colour of its own."""
    return np.full([size, size, 3], COLOURS[i])


def metrics_rows():
    rows = [{"step": 0, "untrained_knn": 0.35, "raw_pixels_knn": 0.34}]
    for step in range(10, 110, 10):
        share = step / 110
        rows.append(
            {
                "step": step,
                "epoch": step / 20,
                "loss": 5 - share,
                "accuracy": share,
                "probe_accuracy": share / 2,
            }
        )
    return [*rows, {"step": 100, "knn": 0.6}]


def pixels(path):
    image = Image.open(path)
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


def places(image, colour):
    """Rows and columns, in inches, of the middle of a colour's pixels."""
    y, x = np.nonzero(np.all(image == colour, axis=2))
    return y.mean() / DPI, x.mean() / DPI


def has(image, colour):
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.any(np.all(image == rgb, axis=2))


def margin_is_white(image, width=20):
    inside = image[width:-width, width:-width]
    return image.astype(int).sum() - inside.astype(int).sum() == 255 * (
        image.size - inside.size
    )


def test_views_lie_side_by_side(tmp_path):
    view1 = [flat(0), flat(1)]
    view2 = np.stack([flat(2), flat(3)]).astype(np.float32) / 255
    sheets.views_sheet(view1, view2, tmp_path / "views.png")
    image = pixels(tmp_path / "views.png")
    at = [places(image, colour) for colour in COLOURS]
    assert at[0][0] == pytest.approx(at[2][0], abs=0.02)  # The same row.
    assert at[0][1] + 1 < at[2][1]
    assert at[0][1] == pytest.approx(at[1][1], abs=0.02)  # The same column.
    assert at[0][0] + 1 < at[1][0]
    assert margin_is_white(image)


@pytest.mark.parametrize("count", [1, 5, 16])
def test_any_number_of_views(tmp_path, count):
    views = RNG.random([count, 80, 80, 3])
    sheets.views_sheet(views, views, tmp_path / "views.png")
    assert margin_is_white(pixels(tmp_path / "views.png"))


@pytest.mark.parametrize(
    "rows",
    [
        metrics_rows(),
        metrics_rows()[:1],
        metrics_rows()[:2],
        [{"step": 5, "loss": 2.0}, {"step": 9, "knn": 0.1}],
        [],
    ],
    ids=["all", "baselines", "one step", "no epochs", "none"],
)
def test_curves(tmp_path, rows):
    drawn = page.Page(10, 3.6)
    sheets.draw_curves(drawn, 0.3, 0.3, 9.4, 3.1, rows)
    drawn.save(tmp_path / "curve.png")
    image = pixels(tmp_path / "curve.png")
    assert has(image, page.BLUE) == any("loss" in row for row in rows)
    assert margin_is_white(image)


def test_what_a_student_without_labels_has():
    def texts(rows):
        axes = page.Page(6, 3).axes(1, 1, 3, 1.5)
        curves.draw_accuracy(axes, rows)
        return [text.get_text() for text in axes.texts]

    losses = [{"step": step, "loss": 1.0} for step in (10, 20)]
    assert texts(losses) == ["nothing was scored"]
    agrees = {"step": 20, "agreement": 0.31}
    assert texts([*losses, agrees]) == ["as the teacher 31 %"]


def test_names_of_lines_do_not_overlap():
    sheet = page.Page(6, 3)
    axes = sheet.axes(1, 1, 3, 1.5)
    rows = metrics_rows()
    for row in rows[1:-1]:  # All lines end at 60 %.
        row.update(accuracy=0.6, probe_accuracy=0.601)
    curves.draw_accuracy(axes, rows)
    heights = sorted(
        text.get_window_extent().bounds[1::2] for text in axes.texts
    )
    assert len(heights) == 5
    for (y, height), (above, _) in itertools.pairwise(heights):
        assert y + 0.8 * height < above


def neighbours(num=4):
    return {
        "images": {i: flat(i) for i in range(num)},
        "query_idx": np.array([0]),
        "neighbour_idx": np.array([[2, 1, 3]]),
        "similarities": np.array([[0.9, 0.8, 0.7]]),
    }


def test_query_then_neighbours_in_order(tmp_path):
    sheets.neighbours_sheet(**neighbours(), path=tmp_path / "n.png")
    image = pixels(tmp_path / "n.png")
    columns = [places(image, COLOURS[i])[1] for i in (0, 2, 1, 3)]
    assert np.all(np.diff(columns) > 1)
    assert not has(image, page.GREEN) and not has(image, page.RED)
    assert margin_is_white(image)


@pytest.mark.parametrize(
    "labels, green, red",
    [
        ([1, 1, 1, 1], True, False),
        ([1, 0, 0, 2], False, True),
        ([1, 1, 0, -1], True, True),
        ([-1, 0, 1, 2], False, False),
    ],
)
def test_frames_tell_the_class(tmp_path, labels, green, red):
    for class_names in (
        None,
        ["boot", "a class with a very long name", "$x_1$"],
    ):
        sheets.neighbours_sheet(
            **neighbours(),
            path=tmp_path / "n.png",
            labels=np.array(labels),
            class_names=class_names,
        )
        image = pixels(tmp_path / "n.png")
        assert (has(image, page.GREEN), has(image, page.RED)) == (green, red)
        assert margin_is_white(image)


def test_images_keep_their_shape(tmp_path):
    tall = {**neighbours(), "images": [flat(i)[:, :16] for i in range(4)]}
    sheets.neighbours_sheet(**tall, path=tmp_path / "n.png")
    y, x = np.nonzero(np.all(pixels(tmp_path / "n.png") == COLOURS[2], axis=2))
    assert np.ptp(y) == pytest.approx(2 * np.ptp(x), abs=3)


def test_grey_images(tmp_path):
    """Of one channel, or none: as three equal ones."""
    levels = np.array([[60], [110], [160], [210]], np.uint8)
    for shape in ([28, 28, 1], [28, 28]):
        grey = {
            **neighbours(),
            "images": [np.full(shape, level) for level in levels],
        }
        sheets.neighbours_sheet(**grey, path=tmp_path / "n.png")
        image = pixels(tmp_path / "n.png")
        columns = [places(image, levels[i])[1] for i in (0, 2, 1, 3)]
        assert np.all(np.diff(columns) > 1)
        side = np.sqrt(np.all(image == levels[2], axis=2).sum()) / DPI
        assert side == pytest.approx(1, abs=0.02)
        assert margin_is_white(image)


@pytest.mark.parametrize("counts", [(120, 120), (120, 1000), (120, None)])
def test_stages_say_of_how_many_images(counts, tmp_path, monkeypatch):
    said = []
    text = page.Page.text

    def write(self, x, y, words, **style):
        said.append((y, words))
        text(self, x, y, words, **style)

    monkeypatch.setattr(page.Page, "text", write)
    rows = [
        {"name": f"s{i}", "kind": "distilled", "net": "n", "images": count}
        | {"top1": None if count is None else 0.5}
        | {"gain": 0.069, "parameters": 23_500_000, "images_per_second": 14361}
        for i, count in enumerate(counts)
    ]
    stages.draw(tmp_path / "s.png", title="run", rows=rows)
    [title] = [words for _, words in said if words.startswith("top-1")]
    height = {words: y for y, words in said}
    if counts == (120, 1000):
        assert title.startswith("top-1 accuracy on held-out images,")
        for name, of in (("s0", "of 120"), ("s1", "of 1,000")):
            assert height[of] == pytest.approx(height[name], abs=0.1)
    else:
        assert title.startswith("top-1 accuracy on 120 held-out images,")
        assert not any(words.startswith("of ") for words in height)
    assert margin_is_white(pixels(tmp_path / "s.png"))


@pytest.mark.parametrize("labels", [None, [0, 1, 0, 1]])
def test_summary(tmp_path, labels):
    views = RNG.random([20, 32, 32, 3])
    results = [{"name": "trained", "dims": 128, "knn_top1": 0.6}]
    sheet = neighbours()
    sheet["query_idx"] = np.array([0, 1, 2, 3])
    for name in ("neighbour_idx", "similarities"):
        sheet[name] = np.tile(sheet[name], [4, 1])
    summary.summary_picture(
        tmp_path / "summary.png",
        title="SimCLR on sample",
        subtitle="12,000 images",
        metrics_rows=metrics_rows(),
        view1=views,
        view2=views,
        results=results if labels else [],
        neighbours={**sheet, "labels": labels},
    )
    image = pixels(tmp_path / "summary.png")
    assert has(image, page.BLUE)
    assert has(image, page.GREEN) and has(image, page.RED) == bool(labels)
    assert margin_is_white(image)


def test_summary_of_imported_weights_has_no_empty_curves(tmp_path):
    heights = []
    for rows in (metrics_rows(), []):
        summary.summary_picture(
            tmp_path / "summary.png",
            title="r50: imported weights on photos",
            subtitle="",
            metrics_rows=rows,
            view1=RNG.random([20, 32, 32, 3]),
            view2=RNG.random([20, 32, 32, 3]),
            results=[{"name": "trained", "dims": 128, "knn_top1": 0.6}],
        )
        image = pixels(tmp_path / "summary.png")
        assert margin_is_white(image)
        heights.append(len(image))
    with_curves, without = heights
    assert without < 0.7 * with_curves


def test_summary_of_a_run_that_has_nothing_yet(tmp_path):
    summary.summary_picture(
        tmp_path / "summary.png",
        title="SimCLR",
        subtitle="",
        metrics_rows=[],
        view1=[],
        view2=[],
    )
    assert margin_is_white(pixels(tmp_path / "summary.png"))


def test_any_name_of_a_file_is_drawn_without_a_word(tmp_path, recwarn):
    words = "tab\tnew\nline $x_{ \u4e2d.jpg"
    image = np.zeros([4, 4, 3], np.uint8)
    path = tmp_path / "sheet.png"
    groups.draw(
        path, title="t", subtitle="s", groups=[groups.Group(words, [image])]
    )
    assert path.stat().st_size and not list(recwarn)


def test_a_picture_is_whole_or_not_there(tmp_path, monkeypatch):
    """A kill, or a full disk, leaves the older one and no half."""
    path = tmp_path / "x.png"
    page.Page(1, 1).save(path)
    before = path.read_bytes()
    other = page.Page(2, 2)

    def half(file, **_):
        file.write(before[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(other._figure, "savefig", half)
    with pytest.raises(OSError, match=r"x\.png"):
        other.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
