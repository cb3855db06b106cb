import os
import time

import numpy as np
import pytest

from simclr.data.sources import manifest
from simclr.data.sources.registry import open_source
from tests.images import encoded, write


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "photos"


def ids(source):
    return [source.id(i) for i in range(len(source))]


def age(root):
    """Makes every folder old enough for its time of change to be trusted."""
    past = time.time() - 100
    for folder, _, _ in os.walk(root):
        os.utime(folder, (past, past))


def listed(monkeypatch):
    """A list that grows by every folder that is really listed."""
    names = []
    scandir = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: names.append(path) or scandir(path)
    )
    return names


def test_any_depth_and_every_extension(root):
    names = ["a.jpg", "b.JPEG", "c/d.Png", "c/e/f.gif", "c/e/g.BMP", "h.webp"]
    for number, name in enumerate(names):
        write(root / name, number)
    (root / "notes.txt").write_text("no image")
    (root / "c" / "jpg").write_text("no extension")
    source = open_source(str(root))
    assert sorted(ids(source)) == sorted(names)
    index = ids(source).index("c/d.Png")
    assert source.read(index) == encoded(2)
    assert source.labels is None
    assert source.class_names is None
    assert source.block_size == 1


def test_spellings_of_the_same_folder(root, monkeypatch):
    write(root / "a.png")
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.chdir(root.parent)
    for spec in (
        str(root),
        f"folder:{root}",
        "~/photos",
        "photos",
        "./photos/",
    ):
        assert ids(open_source(spec)) == ["a.png"]
        assert open_source(spec).name == spec


def test_order_does_not_depend_on_the_file_system(root):
    names = [f"{folder}{i}.png" for i in range(30) for folder in ("", "x/")]
    for name in np.random.default_rng(0).permutation(names):
        write(root / name)
    expected = sorted(n for n in names if "/" not in n)
    expected += sorted(n for n in names if "/" in n)
    assert ids(open_source(str(root))) == expected


def test_links(root, tmp_path):
    write(root / "real" / "a.png")
    write(tmp_path / "elsewhere" / "b.png")
    (root / "again").symlink_to(root / "real")  # Listed once, as "real".
    (root / "real" / "loop").symlink_to(root)
    (root / "there").symlink_to(tmp_path / "elsewhere")
    (root / "c.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (root / "gone.png").symlink_to(tmp_path / "nothing")
    source = open_source(str(root))
    assert ids(source) == ["c.png", "gone.png", "real/a.png", "there/b.png"]
    assert source.read(0) == source.read(3)
    with pytest.raises(OSError, match="No such file"):
        source.read(1)


def test_names_that_are_no_text(root):
    write(root / "a.png")
    try:
        os.rename(root / "a.png", os.fsencode(root) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    write(root / "café.png", 1)
    source = open_source(str(root))
    assert sorted(ids(source)) == ["caf\\xe9.png", "café.png"]
    assert len(source.read(0)) and len(source.read(1))
    source.fingerprint()
    "".join(ids(source)).encode("utf-8")


def test_no_two_names_become_one_id(root):
    """Bytes that are no text are spelled as letters that a name may have."""
    names = [b"\xff.png", b"\\xff.png", b"\\x5cxff.png", b"\\xyz.png"]
    root.mkdir()
    for name in names:
        try:
            with open(os.path.join(os.fsencode(root), name), "wb") as file:
                file.write(encoded())
        except OSError:
            pytest.skip("this file system takes UTF-8 only")
    found = ids(open_source(str(root)))
    assert len(set(found)) == len(names)
    assert {r"\xff.png", r"\x5cxff.png", r"\xyz.png"} <= set(found)


def test_unreadable_folder_is_noted(root, monkeypatch):
    write(root / "a.png")
    write(root / "secret" / "b.png")
    scandir = os.scandir

    def refuse(path):  # The tests may run as root, who may read anything.
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    source = open_source(str(root))
    assert ids(source) == ["a.png"]
    assert "such as secret: Permission denied" in source.notes[0]


def test_added_and_removed_files_are_noticed(root):
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        write(root / name)
    before = open_source(str(root))
    age(root)
    assert ids(open_source(str(root))) == ids(before)
    write(root / "a" / "3.png")
    write(root / "c" / "d" / "1.png")
    (root / "b" / "1.png").unlink()
    after = open_source(str(root))
    assert ids(after) == ["a/1.png", "a/2.png", "a/3.png", "c/d/1.png"]
    assert after.fingerprint() != before.fingerprint()


def test_unchanged_folders_are_not_listed_again(root, monkeypatch):
    for name in ("a/1.png", "b/1.png", "c/1.png"):
        write(root / name)
    age(root)
    open_source(str(root))
    names = listed(monkeypatch)
    open_source(str(root))
    assert names == []
    write(root / "b" / "2.png")
    assert len(open_source(str(root))) == 4
    assert names == [str(root / "b")]


def test_a_folder_in_change_is_not_trusted(root, monkeypatch):
    write(root / "1.png")
    open_source(str(root))
    stamp = root.stat()
    write(root / "2.png")  # As if within one tick of the clock.
    os.utime(root, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert len(open_source(str(root))) == 2


def test_a_folder_in_anothers_place_is_listed_again(root):
    """A copy that keeps times of change, put where the first one was."""
    for folder, name in ((root, "1.png"), (root.with_name("new"), "2.png")):
        write(folder / name)
        age(folder)
    assert ids(open_source(str(root))) == ["1.png"]
    root.rename(root.with_name("old"))
    root.with_name("new").rename(root)
    stamp = root.with_name("old").stat()
    os.utime(root, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert ids(open_source(str(root))) == ["2.png"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"": [1]}', b'{"": 3}'])
def test_damaged_cache_is_no_cache(root, data):
    write(root / "1.png")
    age(root)
    open_source(str(root))
    path = manifest.place(str(root))
    assert os.path.exists(path)
    with open(path, "wb") as file:
        file.write(data)
    assert ids(open_source(str(root))) == ["1.png"]


def test_cache_that_cannot_be_written(root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write(root / "1.png")
    assert len(open_source(str(root))) == 1


def test_one_clear_line_for_what_is_not_there(root, tmp_path):
    write(root / "1.png")
    with pytest.raises(
        OSError, match=r"does not exist. Did you mean .*photos\?"
    ):
        open_source(str(tmp_path / "phots"))
    with pytest.raises(OSError, match="photos exists, but has no 'zebra'"):
        open_source(str(root / "zebra" / "deep"))
    with pytest.raises(ValueError, match="is a file; give the folder"):
        open_source(str(root / "1.png"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="holds no JPEG, PNG"):
        open_source(str(empty))
    for i in range(3):
        (empty / f"x.tfrecord-{i}-of-3").write_text("")
    with pytest.raises(ValueError, match=r"3 \.tfrecord: say tfrecord:"):
        open_source(str(empty))


def labelled(root, text):
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        write(root / name)
    path = root.parent / "labels.csv"
    path.write_bytes(text.encode())
    return open_source(str(root), labels=str(path))


def test_labels_file(root):
    source = labelled(root, "id,label\na/2.png,dog\nb/1.png,cat\n")
    assert source.class_names == ["cat", "dog"]
    assert source.labels.tolist() == [-1, 1, 0]
    assert source.labels.dtype == np.int32


def test_labels_file_as_spreadsheets_write_it(root):
    text = '\ufeffid, who ,label\r\n2.png,me,"a, b"\r\n.\\b\\1.png,me,\r\n'
    source = labelled(root, text)
    assert source.class_names == ["a, b"]
    assert source.labels.tolist() == [-1, 0, -1]


def test_numbers_sort_by_value(root):
    source = labelled(root, "id,label\na/1.png,10\na/2.png,9\nb/1.png,x\n")
    assert source.class_names == ["9", "10", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,label\n", "labels nothing: 0 rows"),
        ("id,label\na/1.png,\n", "labels nothing: 1 rows"),
        ("id,label\nx.png,1\na/1.png,2\ny.png,1\n", "2 of 3 ids are not in"),
        ("id,label\n1.png,1\n", "1 of 1 ids are the name of several"),
        ("id,label\na/1.png,1\na/1.png,2\n", "1 of 2 ids have two different"),
    ],
)
def test_labels_that_do_not_fit(root, text, message):
    with pytest.raises(ValueError, match=message) as error:
        labelled(root, text)
    assert "\n" not in str(error.value)


def test_labels_file_that_is_not_there(root):
    write(root / "1.png")
    with pytest.raises(OSError, match="No such file"):
        open_source(str(root), labels=str(root / "labels.csv"))


def test_run_folders_are_no_photos(root):
    """A run started inside the folder of photos writes pictures there."""
    write(root / "a.png")
    before = ids(open_source(str(root)))
    for name in ("config.json", "run.json"):
        (root / "runs" / "one").mkdir(parents=True, exist_ok=True)
        (root / "runs" / "one" / name).write_text("{}")
    write(root / "runs" / "one" / "views.png")
    write(root / "runs" / "one" / "deeper" / "x.png")
    assert ids(open_source(str(root))) == before == ["a.png"]
