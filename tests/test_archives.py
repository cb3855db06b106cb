"""ZIP, tar, WebDataset and Parquet, as others write them, read at random."""

import concurrent.futures
import io
import json
import os
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simclr.commands.tools import check as command
from simclr.data.archives import tar_file
from simclr.data.images.check import check
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import absolute, open_source, with_keys
from simclr.messages.errors import InputError
from tests.images import encoded, write

CATS = [f"{x}/{i}.png" for x in ("cat", "dog") for i in "1234"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_zip(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return f"zip:{path}"


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as packed:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return f"tar:{path}"


WRITERS = {"zip": write_zip, "tar": write_tar}
FILES = {name: encoded(i) for i, name in enumerate(CATS)}


def ids(source):
    return [source.id(i) for i in range(len(source))]


def label_of(source):
    """dict of id -> class, None without one."""
    labels = [-1] * len(source) if source.labels is None else source.labels
    return {
        name: source.class_names[label] if label >= 0 else None
        for name, label in zip(ids(source), labels)
    }


@pytest.mark.parametrize("kind", WRITERS)
def test_images_classes_and_bytes(tmp_path, kind):
    spec = WRITERS[kind](tmp_path / f"a.{kind}", FILES)
    source = open_source(spec)
    assert ids(source) == CATS
    assert source.class_names == ["cat", "dog"]
    assert source.labels.tolist() == [0] * 4 + [1] * 4
    indices = np.random.default_rng(0).integers(0, 8, 200)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        read = list(pool.map(source.read, indices))
    assert read == [encoded(i) for i in indices]
    assert source.stamp(3)[0] == len(encoded(3))
    assert open_source(spec).fingerprint() == source.fingerprint()


@pytest.mark.parametrize("kind", WRITERS)
def test_what_else_is_in_it(tmp_path, kind):
    others = {
        "__MACOSX/cat/._1.png": b"x",
        "cat/.DS_Store": b"x",
        "README.txt": b"x",
        "cat/x.jp2": b"x",
    }
    source = open_source(WRITERS[kind](tmp_path / "a", FILES | others))
    assert ids(source) == CATS and source.class_names == ["cat", "dog"]
    notes = "; ".join(source.notes)
    for part in ("1 .jp2", "1 .txt", "1 __MACOSX", "1 .DS_Store", "magick"):
        assert part in notes


@pytest.mark.parametrize("kind", WRITERS)
def test_splits_and_wrappers(tmp_path, kind):
    files = {f"set/train/{n}": x for n, x in FILES.items()}
    files |= {f"set/test/{n}": x for n, x in FILES.items()}
    source = open_source(WRITERS[kind](tmp_path / "a", files))
    assert len(source) == 8 and source.class_names == ["cat", "dog"]
    assert "set/train is taken, not its neighbours: test" in source.notes[0]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_table_of_labels(tmp_path, kind):
    names = [f"photos/{i}.jpg" for i in range(8)]
    files = {name: encoded(i) for i, name in enumerate(names)}
    spec = WRITERS[kind](tmp_path / "a", files)
    rows = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(8))
    (tmp_path / "labels.csv").write_text(f"image_id,class\n{rows}")
    source = open_source(spec, labels=str(tmp_path / "labels.csv"))
    assert source.labels.tolist() == [0, 1] * 4


@pytest.mark.parametrize("kind", WRITERS)
def test_check_and_prepare(tmp_path, kind, capsys):
    files = {**FILES, "cat/bad.png": b"\x89PNG\r\n\x1a\n cut"}
    spec = WRITERS[kind](tmp_path / "a", files)
    bad = command.check(spec)
    assert [name for name, _ in bad] == ["cat/bad.png"]
    assert "9 images, 8 readable" in capsys.readouterr().out
    prepare(open_source(spec), str(tmp_path / "out"), progress=False)
    again = open_source(str(tmp_path / "out"))
    assert ids(again) == CATS and again.class_names == ["cat", "dog"]
    assert again.read(5) == encoded(5)


@pytest.mark.parametrize("kind", WRITERS)
def test_nothing_in_it(tmp_path, kind):
    spec = WRITERS[kind](tmp_path / "a", {"x.txt": b""})
    with pytest.raises(InputError, match=r"holds no image, but 1 \.txt"):
        open_source(spec)
    with pytest.raises(InputError, match="no whole"):
        (tmp_path / "a").write_bytes(b"no archive at all" * 100)
        open_source(spec)
    with pytest.raises(OSError, match=r"No such file|no file matches"):
        open_source(f"{kind}:{tmp_path}/gone")


@pytest.mark.parametrize("kind", WRITERS)
def test_members_whose_names_do_not_say_that_they_are_images(tmp_path, kind):
    odd = {"cat/5": encoded(20), "dog/5.jpg_large": encoded(21)}
    others = {"dog/x": b"no image", "dog/y.bin": b"\xff\xd8 nor this"}
    spec = WRITERS[kind](tmp_path / "a", FILES | odd | others)
    for source in (open_source(spec), open_source(spec)):  # And kept.
        assert set(ids(source)) == {*CATS, *odd}
        assert source.read(ids(source).index("cat/5")) == encoded(20)
        assert "no image: 1 of no ending, 1 .bin" in source.notes[0]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_of_one_name_counts(tmp_path, kind):
    spec = WRITERS[kind](tmp_path / "a", FILES)
    path = tmp_path / "a"
    if kind == "zip":
        with zipfile.ZipFile(path, "a") as packed:
            packed.writestr(CATS[2], encoded(30))
    else:
        with tarfile.open(path, "a") as packed:
            member = tarfile.TarInfo(CATS[2])
            member.size = len(encoded(30))
            packed.addfile(member, io.BytesIO(encoded(30)))
    source = open_source(spec)
    assert ids(source) == CATS and source.read(2) == encoded(30)


def test_names_in_zip_files_of_other_programs(tmp_path):
    names = ["caf\u00e9\\1.png", "caf\u00e9\\2.png", "z\\3.png", "z\\4.png"]
    path = tmp_path / "a.zip"
    spec = write_zip(path, {n: encoded(i) for i, n in enumerate(names)})
    # As macOS writes it: UTF-8, without the flag that says so.
    said, unsaid = (2048).to_bytes(2, "little"), bytes(2)
    data = path.read_bytes()
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for at in [i for i in range(len(data)) if data.startswith(sign, i)]:
            if data[at + place :][:2] == said:
                at += place
                data = data[:at] + unsaid + data[at + 2 :]
    path.write_bytes(data)
    source = open_source(spec)
    assert ids(source) == [n.replace("\\", "/") for n in names]
    assert source.class_names == ["caf\u00e9", "z"]


def test_names_in_tar_files_that_are_no_text(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as packed:
        for i in range(4):
            member = tarfile.TarInfo(f"caf\udce9/{i}.png")
            member.size = len(encoded(i))
            packed.addfile(member, io.BytesIO(encoded(i)))
    for source in (open_source(f"tar:{path}"), open_source(f"tar:{path}")):
        assert source.id(0) == "caf\\xe9/0.png"
        assert len(source.fingerprint()) == 16
        assert source.read(3) == encoded(3)


def test_samples_without_an_image(tmp_path):
    files = {"1.npy": b"x", "1.cls": b"3", "2.npy": b"x", "2.cls": b"4"}
    spec = write_tar(tmp_path / "a.tar", files)
    with pytest.raises(InputError, match=r"holds no image, but 2 \.npy"):
        open_source(spec)


def test_images_of_samples_without_an_ending(tmp_path):
    files = {"1": encoded(1), "1.cls": b"a", "2": encoded(2), "2.cls": b"b"}
    source = open_source(write_tar(tmp_path / "a.tar", files))
    assert label_of(source) == {"1": "a", "2": "b"}


def test_stored_members_and_damage(tmp_path):
    spec = write_zip(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    assert open_source(spec).read(2) == encoded(2)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(encoded(2)) + 50] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    source = open_source(spec)
    with pytest.raises(OSError, match="damaged in the ZIP"):
        source.read(2)
    assert source.read(3) == encoded(3)
    assert [name for name, _ in check(source, progress=False)] == ["cat/3.png"]


def test_zips_that_cannot_be_read(tmp_path):
    spec = write_zip(tmp_path / "a.zip", FILES, zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="compressed by method 14"):
        open_source(spec)
    spec = write_zip(tmp_path / "b.zip", {"1.png": encoded(0)})
    data = bytearray((tmp_path / "b.zip").read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # As if it were encrypted.
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(InputError, match="is encrypted"):
        open_source(spec)


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_compressed_tars_are_refused(tmp_path, mode):
    spec = write_tar(tmp_path / "a.tar", FILES, mode)
    with pytest.raises(InputError, match="compressed as a whole"):
        open_source(spec)


def test_a_tar_that_is_cut_off(tmp_path):
    spec = write_tar(tmp_path / "a.tar", {"1.png": b"x" * 5000})
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data[:3000])
    with pytest.raises(InputError, match=r"cut off|no whole tar"):
        open_source(spec)


def test_a_tar_is_walked_once(tmp_path, monkeypatch):
    spec = write_tar(tmp_path / "a.tar", FILES)
    first = open_source(spec)
    monkeypatch.setattr(tar_file, "_walk", None)
    assert open_source(spec).fingerprint() == first.fingerprint()


def samples(start, kind="cls"):
    """WebDataset's samples as a dict of files."""
    files = {}
    for i in range(start, start + 4):
        files[f"{i:05d}.jpg"] = encoded(i, file_format="JPEG")
        files[f"{i:05d}.txt"] = b"a caption"
        if kind == "cls":
            files[f"{i:05d}.cls"] = str(10 * (i % 2)).encode()
        elif kind == "json":
            label = {"label": ["cat", "dog"][i % 2], "width": 3}
            files[f"{i:05d}.json"] = json.dumps(label).encode()
    return files


@pytest.mark.parametrize("kind", ["cls", "json"])
def test_webdataset(tmp_path, kind):
    for number in range(2):
        path = tmp_path / f"train-{number:04d}.tar"
        write_tar(path, samples(4 * number, kind))
    source = open_source(f"tar:{tmp_path}/train-*.tar")
    assert ids(source) == [f"{i:05d}.jpg" for i in range(8)]
    assert source.labels.tolist() == [0, 1] * 4
    names = ["0", "10"] if kind == "cls" else ["cat", "dog"]
    assert source.class_names == names and source.notes == []
    assert source.read(6) == encoded(6, file_format="JPEG")


def test_samples_with_other_parts(tmp_path):
    files = samples(0)
    files["00000.mask.png"] = encoded(99)
    del files["00003.cls"]
    source = open_source(write_tar(tmp_path / "a.tar", files))
    assert ids(source) == [f"{i:05d}.jpg" for i in range(4)]
    assert label_of(source)["00003.jpg"] is None
    assert source.notes == [
        "left out as no image: 1 .mask.png",
        "1 sample without a label",
    ]


def test_captions_alone_are_no_labels(tmp_path):
    spec = write_tar(tmp_path / "a.tar", samples(0, "none"))
    assert open_source(spec).labels is None


def test_names_that_are_in_several_files(tmp_path):
    for name in "ab":
        write_tar(tmp_path / f"{name}.tar", samples(0))
    source = open_source(f"tar:{tmp_path}/*.tar")
    assert ids(source)[0] == "a.tar/00000.jpg" and len(set(ids(source))) == 8


HF = {
    "info": {
        "features": {
            "image": {"_type": "Image"},
            "label": {"_type": "ClassLabel", "names": ["cat", "dog", "eel"]},
        }
    }
}


def write_parquet(path, numbers, *, hf=True, paths=True, labels=None, **extra):
    rows = [
        {"bytes": encoded(i), "path": f"{i}.png" if paths else None}
        for i in numbers
    ]
    columns = {"image": pa.array(rows)}
    labels = [i % 2 for i in numbers] if labels is None else labels
    columns["label"] = pa.array(labels)
    table = pa.table({**columns, **extra})
    if hf:
        told = {b"huggingface": json.dumps(HF).encode()}
        table = table.replace_schema_metadata(told)
    pq.write_table(table, path, row_group_size=3)
    return f"parquet:{path}"


def test_parquet_of_hugging_face(tmp_path):
    for number in range(2):
        path = tmp_path / f"train-0000{number}-of-00002.parquet"
        write_parquet(path, range(8 * number, 8 * number + 8))
    source = open_source(f"parquet:{tmp_path}/train-*")
    assert ids(source) == [f"{i}.png" for i in range(16)]
    assert source.labels.tolist() == [0, 1] * 8
    assert source.class_names == ["cat", "dog", "eel"] and source.notes == []
    assert source.block_size == 3  # A row group.
    indices = np.random.default_rng(0).integers(0, 16, 200)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        read = list(pool.map(source.read, indices))
    assert read == [encoded(i) for i in indices]


def test_parquet_without_paths_or_names(tmp_path):
    spec = write_parquet(tmp_path / "a", range(4), hf=False, paths=False)
    source = open_source(spec)
    assert ids(source) == [f"a__{i}" for i in range(4)]
    assert source.class_names == ["0", "1"]
    words = ["cat", None, "eel", "cat"]
    spec = write_parquet(tmp_path / "b", range(4), hf=False, labels=words)
    assert open_source(spec).labels.tolist() == [0, -1, 1, 0]


def test_parquet_of_bytes_alone(tmp_path):
    table = pa.table(
        {
            "what": [b"no image", b"either"],
            "photo": [encoded(0), encoded(1)],
            "category": [2.0, 1.0],
        }
    )
    pq.write_table(table, tmp_path / "a")
    source = open_source(f"parquet:{tmp_path}/a")
    assert [source.read(i) for i in range(2)] == [encoded(0), encoded(1)]
    assert source.class_names == ["1", "2"]


def test_parquet_that_cannot_be_read(tmp_path):
    pq.write_table(pa.table({"url": ["x"]}), tmp_path / "a")
    with pytest.raises(InputError, match=r"no column of images.*are url"):
        open_source(f"parquet:{tmp_path}/a")
    (tmp_path / "a").write_bytes(b"PAR1 is how they begin")
    with pytest.raises(InputError, match="no whole Parquet file"):
        open_source(f"parquet:{tmp_path}/a")
    whole = pq.read_table(
        write_parquet(tmp_path / "c", range(1)).removeprefix("parquet:")
    )
    pq.write_table(whole.schema.empty_table(), tmp_path / "b")
    with pytest.raises(InputError, match="has no row"):
        open_source(f"parquet:{tmp_path}/b")
    with pytest.raises(OSError, match="no file matches"):
        open_source(f"parquet:{tmp_path}/none-*")


def test_rows_without_an_image(tmp_path):
    rows = [{"bytes": encoded(0), "path": "a"}, {"bytes": None, "path": "b"}]
    pq.write_table(pa.table({"image": rows}), tmp_path / "a")
    bad = check(open_source(f"parquet:{tmp_path}/a"), progress=False)
    assert bad == [("b", "no bytes of an image in this row")]


def test_wherever_the_current_folder_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("zip", "tar", "parquet"):
        assert absolute(f"{kind}:x-*") == f"{kind}:{tmp_path}/x-*"
    write(tmp_path / "x" / "1.png")  # A path, whatever it is called.
    assert len(open_source("x")) == 1


def test_parquet_files_of_which_some_have_no_labels(tmp_path):
    bare = pa.table({"image": [{"bytes": encoded(9), "path": "9.png"}]})
    pq.write_table(bare, tmp_path / "a-test.parquet")
    write_parquet(tmp_path / "b-train.parquet", range(4))
    source = open_source(f"parquet:{tmp_path}")
    assert source.labels.tolist() == [-1, 0, 1, 0, 1]
    assert source.notes == ["1 file without column 'label': no labels"]


def test_parquet_labels_that_cannot_be(tmp_path):
    spec = write_parquet(tmp_path / "a", range(3), labels=[[0, 1], [2], [0]])
    source = open_source(spec)
    assert source.labels is None
    assert "several labels an image" in source.notes[0]
    with pytest.raises(InputError, match="several labels an image"):
        open_source(with_keys(spec, "", "label"))
    spec = write_parquet(tmp_path / "a", range(3), labels=[0, 7, 1])
    with pytest.raises(InputError, match=r"label 7 .* names 3 classes"):
        open_source(spec)


def test_parquet_with_paths_alone(tmp_path):
    rows = [{"bytes": None, "path": f"{i}.png"} for i in range(20)]
    pq.write_table(pa.table({"image": rows}), tmp_path / "a")
    with pytest.raises(InputError, match=r"has paths .* lie elsewhere"):
        open_source(f"parquet:{tmp_path}/a")


def test_labels_in_json_are_whole_numbers(tmp_path):
    files = {
        f"{i}.{kind}": data
        for i in range(4)
        for kind, data in (
            ("png", encoded(i)),
            ("json", json.dumps({"label": i / 2}).encode()),
        )
    }
    write_tar(tmp_path / "a.tar", files)
    source = open_source(f"tar:{tmp_path}")
    assert label_of(source) == {
        f"{i}.png": ("0", "0.5", "1", "1.5")[i] for i in range(4)
    }


def test_classes_that_are_of_no_image(tmp_path):
    files = {"1.left.png": encoded(1), "1.cls": b"3"}
    source = open_source(write_tar(tmp_path / "a.tar", files))
    assert "no .cls is of an image" in " ".join(source.notes)


def test_one_zip_file_at_a_time(tmp_path):
    write_zip(tmp_path / "a.zip", FILES)
    assert len(open_source(f"zip:{tmp_path}")) == 8
    write_zip(tmp_path / "b.zip", FILES)
    with pytest.raises(InputError, match=rf"2 ZIP .* say zip:{tmp_path}/a.zip"):
        open_source(f"zip:{tmp_path}/*.zip")


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("kind", WRITERS)
def test_another_archive_of_the_same_time_and_size(kind, replaced, tmp_path):
    """What is kept of an archive is not taken for another's in its place."""
    path, image = str(tmp_path / "x"), encoded(0)
    for name in ("one", "two"):
        written = f"{path}.new" if replaced else path
        # Which is an image is not in their names: the look is kept.
        files = {x: bytes(len(image)) for x in ("one", "two")} | {name: image}
        WRITERS[kind](written, files)
        os.utime(written, (1.6e9, 1.6e9))
        os.replace(written, path)
        for _ in range(2):
            assert ids(open_source(f"{kind}:{path}")) == [name]
