"""What sub-folders mean, and what lies beside the images."""

import pytest

from simclr.commands.tools import check as command
from simclr.data.folders import class_folders
from simclr.data.images import heic
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from tests.images import encoded, write
from tests.test_folder import ids, own_cache, root

__all__ = ["own_cache", "root"]  # Fixtures.


def opened(root, *names, labels=""):
    for number, name in enumerate(names):
        write(root / name, number)
    return open_source(str(root), labels=labels)


def named(source):
    """dict of id -> class, None without one."""
    return {
        name: source.class_names[label] if label >= 0 else None
        for name, label in zip(ids(source), source.labels.tolist())
    }


def test_class_folders_are_labels(root):
    source = opened(
        root, "dog/1.png", "dog/2.png", "cat/1.png", "cat/3.png", "cat/x.png"
    )
    assert source.class_names == ["cat", "dog"]
    assert source.labels.dtype == "int32"
    assert source.labels.tolist() == [0, 0, 0, 1, 1]
    assert source.notes == [] and source.why_unlabelled == ""
    assert open_source(str(root), labels="none").labels is None


@pytest.mark.parametrize(
    "names,why",
    [
        (["1.png", "2.png"], ""),
        (["a/1.png", "a/2.png"], "there is one alone, a"),
        (
            [f"{x}/{i}.png" for x in "ab" for i in "12"] + ["5.png", "6.png"],
            "2 of 6 images lie beside them",
        ),
        (
            ["a/1.png", "a/2.png", "b/c/3.png", "b/c/4.png"],
            "2 of 4 images lie deeper, in b/c",
        ),
        (["a/1.png", "b/2.png"], "2 hold 2 images, fewer than two each"),
        (
            ["train/1.png", "train/2.png", "Test/3.png", "Test/4.png"],
            "Test, train are parts of a data set",
        ),
    ],
)
def test_why_other_folders_are_no_classes(root, names, why):
    source = opened(root, *names)
    assert source.labels is None and source.class_names is None
    assert len(source) == len(names)
    said = f"{root} has no labels"
    if why:
        assert why in source.why_unlabelled
        assert source.notes == [source.why_unlabelled]
        said += f" ({source.why_unlabelled})"
    assert source.unlabelled() == said


def test_every_folder_is_a_class_if_you_say_so(root):
    names = ["x/a/1.png", "x/b/c/2.png", "x/b/3.png", "x/b/c/4.png"]
    source = opened(root, *names, labels="folders")
    assert named(source) == {
        "x/a/1.png": "a",
        "x/b/3.png": "b",
        "x/b/c/2.png": "b/c",
        "x/b/c/4.png": "b/c",
    }
    assert source.notes == [] and source.why_unlabelled == ""
    write(root / "5.png")
    assert named(open_source(str(root), labels="folders"))["5.png"] is None


def test_one_folder_is_one_class(root):
    source = opened(root, "cat/1.png", "cat/2.png", labels="folders")
    assert source.class_names == ["cat"]
    (root / "flat").mkdir()
    with pytest.raises(InputError, match="no sub-folder for --classes"):
        opened(root / "flat", "1.png", labels="folders")


def test_the_flag(root, capsys):
    opened(root, "a/b/1.png", "a/c/2.png")
    command.check(str(root))
    assert "fewer than two each; --classes=folders" in capsys.readouterr().out
    command.check(str(root), classes="folders")
    assert "labels  2 images in 2 classes" in capsys.readouterr().out
    with pytest.raises(InputError, match="give one"):
        command.check(str(root), classes="folders", labels="x.csv")


CATS = [f"{x}/{i}.png" for x in ("cat", "dog") for i in "12"]


@pytest.mark.parametrize(
    "stray", ["cover.png", ".thumbs/1.png", "@eaDir/1.png", "__MACOSX/1.png"]
)
def test_one_thing_beside_the_class_folders(root, stray):
    source = opened(root, *CATS, stray)
    assert source.class_names == ["cat", "dog"]
    assert [x for x in named(source).values() if x] == ["cat"] * 2 + ["dog"] * 2
    assert len(source) == 4 + (stray == "cover.png")
    assert len(source.notes) == 1


def test_one_image_deeper_in_a_class(root):
    source = opened(root, *CATS, "cat/more/9.png")
    assert named(source)["cat/more/9.png"] == "cat"


@pytest.mark.parametrize(
    "train,others",
    [
        ("train", ["val", "test"]),
        ("Training", ["Validation"]),
        ("training_set", ["test_set"]),
        ("set/train", ["set/val"]),
        ("train/images", ["test/images"]),
    ],
)
def test_splits_with_classes_below(root, train, others):
    names = [f"{train}/{name}" for name in CATS]
    more = [f"{other}/{name}" for other in others for name in CATS[:3]]
    source = opened(root, *names, *more)
    assert ids(source) == names
    assert source.class_names == ["cat", "dog"]
    assert "is taken, not its neighbours: " in source.notes[0]
    inner = open_source(str(root / train))
    assert (inner.labels == source.labels).all()
    assert source.read(3) == inner.read(3)


def test_a_test_part_without_classes(root):
    source = opened(root, *[f"train/{n}" for n in CATS], "test/1.png")
    assert len(source) == 4 and source.class_names == ["cat", "dog"]


def test_a_lone_folder_around_the_classes(root):
    source = opened(root, *[f"photos/all/{name}" for name in CATS])
    assert source.class_names == ["cat", "dog"] and len(source) == 4
    assert ids(source)[0] == "photos/all/cat/1.png"
    assert "classes are the sub-folders of photos/all" in source.notes[0]


def test_a_class_may_be_called_like_a_part(root):
    """Only all of them together are parts."""
    source = opened(root, "test/1.png", "test/2.png", "cat/1.png", "cat/2.png")
    assert source.class_names == ["cat", "test"]


def test_layouts_of_nothing():
    assert class_folders.find({}) == ("", {}, [], "")


def test_what_is_left_out_is_counted(root, monkeypatch):
    monkeypatch.setattr(heic, "module", lambda: "")
    for i in range(3):
        (root / "a").mkdir(parents=True, exist_ok=True)
        (root / "a" / f"{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    for name in ("notes.txt", "x.jp2", "film.MP4", "LICENSE"):
        (root / name).write_bytes(b"something")
    write(root / "raw.NEF", file_format="TIFF")
    source = opened(root, "1.png")
    notes = "; ".join(source.notes)
    assert "left out as no image: 3 .heic, 1 of no ending, 1 .jp2" in notes
    for part in ("1 .mp4", "1 .nef", "1 .txt", "magick mogrify"):
        assert part in notes
    assert ids(source) == ["1.png"]


def test_nothing_but_what_is_not_read(root, monkeypatch):
    monkeypatch.setattr(heic, "module", lambda: "")
    root.mkdir()
    (root / "LICENSE").write_bytes(b"words")
    with pytest.raises(InputError, match="but 1 of no ending"):
        open_source(str(root))
    (root / "LICENSE").unlink()
    (root / "1.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(InputError, match=r"but 1 \.heic\. HEIC: pip install"):
        open_source(str(root))


@pytest.mark.parametrize(
    "file,kind",
    [
        ("x.zip", "zip"),
        ("x.tar", "tar"),
        ("x.parquet", "parquet"),
        ("x.tfrecords", "tfrecord"),
        ("x.array_record", "arrayrecord"),
    ],
)
def test_what_reads_a_file_is_said(root, file, kind):
    root.mkdir()
    (root / file).write_bytes(b"")
    with pytest.raises(InputError, match=f"say {kind}:"):
        open_source(str(root))
    with pytest.raises(InputError, match=f"Say {kind}:"):
        open_source(str(root / file))


ODD = ["a", "b.jpg_large", "c.JPG.1", "d.jpeg!d", "e.12345"]


def test_files_of_strange_names_are_looked_into(root):
    write(root / "x.png")
    for number, name in enumerate(ODD):
        write(root / name, number, file_format="JPEG")
    (root / "BMW is no bitmap").write_bytes(b"BMW is a car, as one knows. " * 3)
    (root / "P5 is none").write_bytes(b"P5 is a processor of some kind.")
    source = open_source(str(root))
    assert ids(source) == [*ODD, "x.png"]
    assert source.read(1) == encoded(1, file_format="JPEG")
    assert source.notes == ["left out as no image: 2 of no ending"]
    write(root / "y", file_format="BMP")
    write(root / "z", file_format="PPM")
    assert len(open_source(str(root))) == 8


BY_THE_WAY = [
    *("@eaDir/x/SYNO.jpg", "$RECYCLE.BIN/1.jpg", ".Trashes/1.jpg"),
    *("__MACOSX/a/._1.jpg", "a/._1.jpg", ".thumbnails/1.jpg"),
    *(".ipynb_checkpoints/1.jpg", "a/Thumbs.db", "a/.DS_Store"),
]


def test_thumbnails_and_bins_are_left_out_and_said(root):
    for name in BY_THE_WAY:
        write(root / name)
    source = opened(root, *CATS)
    assert ids(source) == CATS and source.class_names == ["cat", "dog"]
    (note,) = source.notes
    for part in ("1 @eaDir/", "1 hidden images", "1 Thumbs.db", "1 .DS_Store"):
        assert part in note


def test_a_run_folder_is_said(root):
    for name in ("config.json", "run.json"):
        (root / "run").mkdir(parents=True, exist_ok=True)
        (root / "run" / name).write_text("{}")
    write(root / "run" / "views.png")
    (note,) = opened(root, "1.png").notes
    assert note.endswith("1 run folders of simclr")


def test_a_folder_called_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_source("sample").notes == []
    write(tmp_path / "sample" / "1.png")
    assert "folder sample here are ./sample" in open_source("sample").notes[0]
    assert len(open_source("./sample")) == 1


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "AVIF"])
def test_more_formats(root, kind):
    ending = {"TIFF": "tif", "PPM": "pnm", "AVIF": "avif"}[kind]
    write(root / f"1.{ending}", file_format=kind)
    assert ids(open_source(str(root))) == [f"1.{ending}"]
