"""Tables of labels as people have them: dialects, columns, names of images."""

import unicodedata

import numpy as np
import pytest

from simclr.commands.tools import check as command
from simclr.data.labels import columns, spelling
from simclr.data.labels.few import to_csv
from simclr.data.labels.matching import EXACT, MISSING, SEVERAL, Matcher
from simclr.data.labels.read import read_labels
from simclr.messages.errors import InputError
from simclr.storage.text_table import read_table, two_columns
from tests.images import ListSource, write


class Named(ListSource):
    """Images of given names."""

    def __init__(self, names):
        super().__init__([b""] * len(names))
        self._names = names

    def id(self, index):
        return self._names[index]


NAMES = [f"{i}a{i}b.jpg" for i in range(8)]
CLASSES = ["cat", "dog"] * 4


def labelled(tmp_path, text, names=NAMES, encoding="utf-8", spelt=str):
    """(source, labels, class names) of a table."""
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    source = Named(names)
    return source, *read_labels(spelt(str(path)), source)


def table(header, names=NAMES, classes=CLASSES, delimiter=","):
    rows = [delimiter.join(pair) for pair in zip(names, classes)]
    return "\n".join([*([header] if header else []), *rows, ""])


def expect_all(found):
    source, labels, names = found
    assert names == ["cat", "dog"]
    np.testing.assert_array_equal(labels, [0, 1] * 4)
    return " ".join(source.notes)


@pytest.mark.parametrize(
    "header",
    [
        *("id,label", "image_id,label", "filename,class", "id_code,diagnosis"),
        *("ID,Label", "Image Name,Species", "x,y", "was,ist", ""),
    ],
)
def test_columns_by_name_or_by_content(tmp_path, header):
    note = expect_all(labelled(tmp_path, table(header)))
    if header == "id,label":
        assert note == ""
    elif header:
        first, second = header.split(",")
        assert f"column {first!r}, labels in column {second!r}" in note
    else:
        assert "ids in column 1, labels in column 2" in note


def test_columns_in_any_order_among_others(tmp_path):
    rows = [
        f"{CLASSES[i]},{i},{i * 1.5},{NAMES[i]},{100 + i}" for i in range(8)
    ]
    for header in ("class,fold,area,file,serial", "kind,n,area,photo,serial"):
        text = "\n".join([header, *rows])
        note = expect_all(labelled(tmp_path, text))
        assert f"labels in column {header.split(',')[0]!r}" in note


def test_a_label_that_is_the_number_of_an_image_is_no_id(tmp_path):
    names = [f"{i}.jpg" for i in range(8)]
    text = "what,photo\n" + "".join(f"{i % 2},{i}.jpg\n" for i in range(8))
    _, labels, classes = labelled(tmp_path, text, names)
    assert labels.tolist() == [0, 1] * 4 and classes == ["0", "1"]


@pytest.mark.parametrize("header", ["id,filename,label", ",filename,label"])
@pytest.mark.parametrize("order", [1, -1])
def test_numbers_of_rows_are_not_taken_for_images(tmp_path, header, order):
    """Where both columns name images, and not the same ones, one line asks."""
    names = [f"{i}.jpg" for i in range(8)]
    rows = [f"{i},{names[::order][i]},{CLASSES[i]}" for i in range(8)]
    text = "\n".join([header, *rows])
    if order == 1:
        expect_all(labelled(tmp_path, text, names))
        return
    with pytest.raises(InputError, match="both name images, and not the same"):
        labelled(tmp_path, text, names)
    _, labels, _ = labelled(
        tmp_path,
        text,
        names,
        spelt=lambda path: spelling.with_columns(path, "filename", ""),
    )
    assert labels.tolist() == [1, 0] * 4


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiters(tmp_path, delimiter):
    text = table(f"id{delimiter}label", delimiter=delimiter)
    note = expect_all(labelled(tmp_path, text))
    assert bool(note) == (delimiter != ",")


def test_a_delimiter_that_names_hold_too(tmp_path):
    classes = ['"a, b"', '"c; d"'] * 4
    _, _, names = labelled(tmp_path, table("id,label", classes=classes))
    assert names == ["a, b", "c; d"]
    text = table("id;label", classes=classes, delimiter=";")
    assert labelled(tmp_path, text)[2] == names
    quoted = ['"say ""x"""', "\u732b"] * 4
    found = labelled(tmp_path, table("id,label", classes=quoted))
    assert found[2] == ['say "x"', "\u732b"]


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings(tmp_path, encoding):
    classes = ["Zürich", "Köln"] * 4
    text = table("id,label", classes=classes)
    source, labels, names = labelled(tmp_path, text, encoding=encoding)
    assert names == ["Köln", "Zürich"] and labels.tolist() == [1, 0] * 4
    assert ("Windows-1252" in " ".join(source.notes)) == (encoding == "cp1252")


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n"])
def test_what_a_spreadsheet_writes_first(tmp_path, first):
    text = first + table("id;label", delimiter=";")
    assert "not in" not in expect_all(labelled(tmp_path, text))


@pytest.mark.parametrize(
    "data,kind",
    [
        (b"PK\3\4\x14\0\6\0", "a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1", "a workbook of old"),
        (b'[{"id": "1.jpg"}]', "JSON"),
        (b'{"id": "1.jpg"}', "JSON"),
        (b"PAR1", "Parquet"),
    ],
)
def test_other_files_are_named(tmp_path, data, kind):
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(InputError, match=f"{kind}.* save it as CSV"):
        read_table(str(tmp_path / "labels.csv"))


def test_a_quote_that_is_not_closed(tmp_path):
    text = table("id,label").replace("cat", '"cat', 1)
    with pytest.raises(InputError, match="quote is not closed, before 'cat'"):
        labelled(tmp_path, text)
    (tmp_path / "labels.csv").write_text('id,label\n1.jpg,"two\nlines"\n')
    rows = read_table(str(tmp_path / "labels.csv")).rows
    assert rows[1] == ["1.jpg", "two\nlines"]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16"])
def test_marked_encodings_are_read(tmp_path, encoding):
    (tmp_path / "x").write_text("id,label\n1.jpg,caf\u00e9\n", encoding)
    assert read_table(str(tmp_path / "x")).rows[1] == ["1.jpg", "caf\u00e9"]


@pytest.mark.parametrize("data", [b"\x81\x8d", b"\xff\xfe\x00"])
def test_what_is_no_text(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError, match="no table of text in UTF-8"):
        read_table(str(tmp_path / "x"))


@pytest.mark.parametrize(
    "change,how",
    [
        (lambda name: name[:-4], "by file name without extension"),
        (lambda name: name.replace("jpg", "png"), "by file name without"),
        (str.upper, "by file name in any case"),
        (lambda name: f"train/{name}", "by file name"),
        (lambda name: f"/kaggle/input/set/train/{name}", "by file name"),
        (lambda name: f"C:\\photos\\{name}", "by file name"),
    ],
)
def test_ids_as_others_spell_them(tmp_path, change, how):
    text = table("id,label", [change(name) for name in NAMES])
    note = expect_all(labelled(tmp_path, text))
    assert f"8 of 8 ids matched {how}" in note


def test_names_of_a_mac(tmp_path):
    names = [unicodedata.normalize("NFD", f"café{i}.jpg") for i in range(8)]
    other = [unicodedata.normalize("NFC", name) for name in names]
    assert names != other
    expect_all(labelled(tmp_path, table("id,label", other), names))
    expect_all(labelled(tmp_path, table("id,label", names), other))


def test_folders_tell_images_of_one_name_apart():
    matcher = Matcher(Named(["a/x/1.jpg", "b/x/1.jpg", "c/2.jpg", "dr.jpg"]))
    for name, index in {
        "a/x/1.jpg": 0,
        "/elsewhere/b/x/1.jpg": 1,
        "B/X/1": 1,
        "1.jpg": SEVERAL,
        "x/1.jpg": SEVERAL,
        "2.jpg": 2,
        "d/2.jpg": MISSING,  # Another folder's.
        "2": 2,
        "dr.no": MISSING,
        "": MISSING,
        "/": MISSING,
    }.items():
        assert matcher.find(name)[0] == index, name
    assert matcher.find(" ./a/x/1.jpg ")[1] == EXACT


def test_two_images_of_one_name_are_refused(tmp_path):
    names = [*NAMES, NAMES[0].replace("jpg", "png")]
    text = table("id,label", [name[:-4] for name in NAMES])
    with pytest.raises(InputError, match="1 of 8 ids are the name of several"):
        labelled(tmp_path, text, names)
    expect_all(
        (*labelled(tmp_path, table("id,label"), NAMES),)
    )  # By their extensions they are two.


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_few_ids_may_be_missing(tmp_path, missing):
    names = [f"{i}.jpg" for i in range(40)]
    rows = [f"gone{i}" for i in range(missing)] + names[missing:]
    text = table("id,label", rows, ["cat", "dog"] * 20)
    if missing > 2:  # 5 % of 40.
        with pytest.raises(InputError, match="3 of 40 ids are not in a list"):
            labelled(tmp_path, text, names)
        return
    source, labels, _ = labelled(tmp_path, text, names)
    assert (labels < 0).sum() == missing
    assert (
        f"of 40 not in a list: {', '.join(rows[:missing])}" in source.notes[0]
    )


def test_no_class(tmp_path):
    classes = ["cat", "nan", "NaN", "", "<NA>", "dog", "#N/A", "NULL"]
    _, labels, names = labelled(tmp_path, table("id,label", classes=classes))
    assert names == ["cat", "dog"]
    assert labels.tolist() == [0, -1, -1, -1, -1, 1, -1, -1]


@pytest.mark.parametrize(
    "classes,several",
    [
        (["a", "b", "a b", "a", "b", "a", "b", "b"], "1 label"),
        (["a|b", "a", "b", "b|c", "c", "a", "a", "a"], "2 labels"),
        (["red fox", "fox", "owl", "red fox", "owl", "fox", "owl", "owl"], ""),
    ],
)
def test_several_classes_in_one_cell_are_said(tmp_path, classes, several):
    source, *_ = labelled(tmp_path, table("id,label", classes=classes))
    note = " ".join(source.notes)
    assert (f"{several} seem to hold several classes" in note) == bool(several)


def test_a_column_for_each_class(tmp_path):
    rows = [f"{n},{i % 2}.0,{1 - i % 2}.0" for i, n in enumerate(NAMES)]
    text = "\n".join(["image,dog,cat", *rows])
    assert "a class for each of 2 columns" in expect_all(
        labelled(tmp_path, text)
    )
    with pytest.raises(InputError, match=r"several classes .*dog, cat"):
        labelled(tmp_path, text.replace("0.0", "1.0"))


@pytest.mark.parametrize(
    "text,message",
    [
        ("id,color,shape\n" + "{},a,b\n" * 8, "--label_column=NAME"),
        ("id\n" + "{}\n" * 8, "has one column, 'id'"),
        ("photo,kind\n" + "x{},a\n" * 8, "names no image .*--id_column"),
        ("id,label\n" + "{},a,b\n" * 8, "3 cells in a row and 2"),
        ("id,label\n", "labels nothing: 0 rows"),
        ("", "is empty"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        labelled(tmp_path, text.format(*NAMES))
    assert "\n" not in str(error.value)


def test_columns_that_are_named(tmp_path):
    rows = "".join(
        f"{NAMES[i]},{CLASSES[i]},{'ab'[i // 4]}\n" for i in range(8)
    )
    text = "id,col: one,col, two\n".replace("col, two", '"col, two"') + rows
    for column in ("col: one", "2"):
        expect_all(
            labelled(
                tmp_path,
                text,
                spelt=lambda path, c=column: spelling.with_columns(path, "", c),
            )
        )
    _, _, names = labelled(
        tmp_path,
        text,
        spelt=lambda path: spelling.with_columns(path, "id", "col, two"),
    )
    assert names == ["a", "b"]
    with pytest.raises(InputError, match="no column 'colour', only 'id'"):
        labelled(
            tmp_path,
            text,
            spelt=lambda path: spelling.with_columns(path, "", "colour"),
        )


def test_columns_go_with_the_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spelt = spelling.with_columns("a.csv", "x,y", "")
    whole = spelling.absolute(spelt)
    assert spelling.parts(whole) == (str(tmp_path / "a.csv"), "x,y", "")
    assert spelling.absolute(whole) == whole
    for word in ("", "none", "folders"):
        assert spelling.absolute(word) == word
        assert spelling.with_columns(word, "a", "b") == word
    with pytest.raises(InputError, match="columns:ID,LABEL:PATH"):
        spelling.parts("columns:a.csv")


def test_flags_of_a_command(tmp_path, capsys):
    for i, name in enumerate(NAMES):
        write(tmp_path / "photos" / name, i)
    rows = [f"{n},{c},{c[0]}" for n, c in zip(NAMES, CLASSES)]
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["photo,pet,initial", *rows]))
    photos = str(tmp_path / "photos")
    command.check(
        photos, labels=str(path), id_column="photo", label_column="pet"
    )
    printed = capsys.readouterr().out
    assert "8 images in 2 classes" in printed
    assert "ids in column 'photo', labels in column 'pet'" in printed
    with pytest.raises(InputError, match=r"^--label_column is of a table"):
        command.check(photos, label_column="pet")


def test_no_rows():
    with pytest.raises(InputError, match="is empty"):
        columns.find("x", [], lambda cell: None)


def test_what_we_write_needs_no_note(tmp_path):
    source = Named(NAMES)
    source.labels, source.class_names = np.arange(8) % 2, ["a b", "nan"]
    (tmp_path / "labels.csv").write_text(to_csv(source, np.arange(8)))
    labels, names = read_labels(str(tmp_path / "labels.csv"), source)
    np.testing.assert_array_equal(labels, source.labels)
    assert names == source.class_names and source.notes == []


def test_a_column_of_labels_beside_another_of_zeros_and_ones():
    rows = [
        ["image", "label", "difficult"],
        *(f"{i}.jpg,{i % 2},0".split(",") for i in range(4)),
    ]
    found = columns.find("x", rows, lambda cell: None)
    assert [label for _, label in found.rows] == ["0", "1", "0", "1"]


def test_two_columns(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("name;n;id\na;1;7\nb\n")
    assert two_columns(str(path), "id", "name") == [("7", "a"), ("", "b")]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="the columns 'a', 'b', and should"):
        two_columns(str(path), "id", "name")
    path.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        two_columns(str(path), "id", "name")
