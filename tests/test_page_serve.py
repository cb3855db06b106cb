import contextlib
import csv
import errno
import http.client
import json
import threading
import urllib.request

import pytest

from simclr import __main__ as cli
from simclr.explore.page import serve
from simclr.messages.errors import InputError
from tests import made_store

STATE = {
    "labels": {"/s/a,b.jpg": ' "cat"\r\n', "/s/é.jpg": "dog"},
    "names": {"3": "shoes, red", "10": ""},
}


@pytest.fixture
def server(tmp_path):
    (tmp_path / "page.html").write_text("a page")
    (tmp_path / "secret.txt").write_text("no part of it")
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "0.js").write_text("a tile")
    with serve.Server(tmp_path / "page.html") as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def ask(server, path, method="GET", body=None, **headers):
    """(status, bytes)."""
    port = server.server_address[1]
    headers = {"Origin": f"http://127.0.0.1:{port}"} | headers
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def post(server, state, **headers):
    path = f"{server.begins}state"
    return ask(server, path, "POST", json.dumps(state), **headers)[0]


def test_the_page_its_tiles_and_nothing_else(server):
    begins = server.begins
    assert ask(server, begins) == (200, b"a page")
    assert ask(server, f"{begins}tiles/0.js") == (200, b"a tile")
    assert server.server_address[0] == "127.0.0.1"
    for path in (
        *("/", "/page.html", "/state", "/tiles/0.js", begins[:-1]),
        *(f"{begins}{name}" for name in ("secret.txt", "tiles/1.js")),
        *(f"{begins}{name}" for name in ("../secret.txt", "tiles/../0.js")),
        f"/{'a' * (len(begins) - 2)}/state",
    ):
        assert ask(server, path) == (404, b"")


def test_what_is_said_is_saved_whole_and_read_again(server):
    empty = {"labels": {}, "names": {}}
    assert json.loads(ask(server, f"{server.begins}state")[1]) == empty
    assert post(server, STATE) == 204
    assert serve.saved(server.folder) == STATE
    assert json.loads(ask(server, f"{server.begins}state")[1]) == STATE
    with open(f"{server.folder}/labels.csv", newline="") as file:
        found = list(csv.reader(file))
    assert found == [["id", "label"], *map(list, STATE["labels"].items())]
    assert post(server, empty) == 204
    assert serve.saved(server.folder) == empty


def begun_with(server):
    """The version of the files that a page begins with."""
    port = server.server_address[1]
    address = f"http://127.0.0.1:{port}{server.begins}state"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.headers["ETag"]


def test_what_was_written_elsewhere_is_not_written_over(server):
    """By a person, by another tab, or by another server."""
    known = begun_with(server)
    assert post(server, STATE, **{"If-Match": known}) == 204
    assert post(server, STATE, **{"If-Match": known}) == 412  # Another tab.
    known = begun_with(server)
    typed = b"id,label\nmine,cat\n"
    path = f"{server.folder}/labels.csv"
    with open(path, "wb") as file:
        file.write(typed)
    assert post(server, STATE, **{"If-Match": known}) == 412
    with open(path, "rb") as file:
        assert file.read() == typed
    assert post(server, STATE, **{"If-Match": begun_with(server)}) == 204


def test_other_pages_cannot_write(server):
    origin = {"Origin": "http://other"}
    assert post(server, STATE, **origin) == 404
    assert post(server, STATE, **{"Origin": "null"}) == 404
    assert ask(server, "/state", "POST", json.dumps(STATE))[0] == 404
    assert serve.saved(server.folder)["labels"] == {}


@pytest.mark.parametrize(
    "state",
    [
        [],
        {"labels": {}},
        {"labels": {"a": 1}, "names": {}},
        {"labels": {}, "names": {"x": "y"}},
    ],
)
def test_what_is_no_state_changes_nothing(server, state):
    assert post(server, STATE) == 204
    assert post(server, state) == 400
    assert serve.saved(server.folder) == STATE


def test_a_body_that_is_nested_too_deeply_is_refused(server, capfd):
    path = f"{server.begins}state"
    assert ask(server, path, "POST", "[" * 100_000)[0] == 400
    assert "Traceback" not in capfd.readouterr().err


def test_a_body_that_is_too_long_is_not_read(server):
    length = {"Content-Length": str(1 << 40)}
    assert ask(server, f"{server.begins}state", "POST", **length)[0] == 413


def test_an_address_that_is_taken(server, tmp_path):
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be served"):
        serve.Server(tmp_path / "page.html", port=port)


def test_it_ends_with_what_the_labels_are_for(tmp_path, capsys, monkeypatch):
    found = made_store.begin(
        tmp_path / "store", made_store.mixture(60, 3, 8)[0]
    )

    def label(server):
        serve.save(server.folder, STATE)
        raise KeyboardInterrupt

    monkeypatch.setattr(serve.Server, "serve_forever", label)
    assert cli.main(["page", found.path, "--serve"]) == 0
    said = capsys.readouterr()
    labels = f"{found.path}/page/labels.csv"
    assert said.out.endswith(f"2 labels: {labels}\n")
    assert said.err.endswith(
        f"simclr finetune --init={found.current.run} --labels={labels}\n"
    )


def test_a_labels_file_of_something_else(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("name,class\na,b\n")
    with pytest.raises(InputError, match="should have id and label"):
        serve.saved(tmp_path)
    path.write_text("")
    with pytest.raises(InputError, match=r"labels\.csv is empty\.$"):
        serve.saved(tmp_path)


def test_a_labels_file_that_a_spreadsheet_saved(tmp_path):
    """With a mark of its encoding, semicolons, and no cell that is empty."""
    text = "id;label\r\na.jpg;caf\u00e9\r\nb.jpg\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-8-sig"))
    assert serve.saved(tmp_path)["labels"] == {
        "a.jpg": "caf\u00e9",
        "b.jpg": "",
    }


def test_files_that_cannot_be_read_or_written_are_told(server, monkeypatch):
    with open(f"{server.folder}/labels.csv", "w") as file:
        file.write("name,class\na,b\n")
    status, said = ask(server, f"{server.begins}state")
    assert status == 500 and b"should have id and label" in said

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(serve, "write_whole", full)
    body = json.dumps(STATE)
    status, said = ask(server, f"{server.begins}state", "POST", body)
    assert status == 500 and b"No space left on device" in said
