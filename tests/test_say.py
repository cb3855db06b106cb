"""What is printed: whatever a file is called, a terminal only shows it."""

import io

import pytest

from simclr.cli import line
from simclr.data.images.reader import Reader
from simclr.messages.errors import InputError
from simclr.messages.say import say, show
from simclr.runs.unreadable import UnreadableImages
from tests.images import ListSource, encoded

NAMES = ["a\tb.png", "c\nd.png", "\x1b[31me.png", "f\rg.png", "\x9b2Jh.png"]


class Named(ListSource):
    """One good image, and unreadable ones of these names."""

    def __init__(self, names):
        super().__init__([encoded(), *(b"no image" for _ in names)])
        self._names = ["good.png", *names]

    def id(self, index):
        return self._names[index]


def test_a_name_does_nothing_to_a_terminal(capsys):
    for name in NAMES:
        say(name)
        show(name)
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not {"\x1b", "\r", "\x9b"} & set(text)
        assert "\\x1b[31me.png\nf\\x0dg.png\n\\x9b2Jh.png\n" in text


def test_an_error_does_nothing_to_a_terminal(capsys):
    assert line.main(["check\x1b[2J"], {}, lambda: "") == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_stream_of_few_letters(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    show("café.jpg: 3 µm, \udce9")
    assert raw.getvalue() == b"caf\\xe9.jpg: 3 \\xb5m, \\udce9\n"


def test_names_stay_one_row_each_over_a_resume(tmp_path):
    for _ in range(2):
        reader = Reader(Named(NAMES))
        for index in range(1 + len(NAMES)):
            reader.load(index)
        listed = UnreadableImages(reader, str(tmp_path), max_share=1.0)
        assert listed.check() in (len(NAMES), 0)
    assert set(UnreadableImages(reader, str(tmp_path), 1.0)._listed) == {*NAMES}


def test_the_command_to_say_next_is_quoted():
    source = Named(NAMES)
    source._items[0] = b"no image"
    source.name = "my photos; ls"
    with pytest.raises(InputError, match="simclr check 'my photos; ls'"):
        Reader(source).load(0)


def test_one_of_few_images_is_not_too_many(tmp_path):
    for share, ends in ((0.01, False), (0.0, True)):
        reader = Reader(Named(["bad.png"]))
        reader.load(1)
        asked = []
        listed = UnreadableImages(
            reader, str(tmp_path), share, ask=asked.append
        )
        listed.check()
        assert bool(asked) == ends
        assert all(isinstance(error, InputError) for error in asked)
    reader = Reader(Named(["bad.png", "worse.png"]))
    reader.load(1)
    with pytest.raises(InputError, match="2 of 3 images are unreadable"):
        UnreadableImages(reader, str(tmp_path), 0.01).check()
