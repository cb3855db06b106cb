"""A small server of one page, which saves what people say in it.

It gives the page and its tiles and takes labels and names, all under a path
that nobody can guess; it knows no other path. So another page that is open in
the same browser can neither read nor write.
"""

import hashlib
import http.server
import json
import os
import re
import secrets
import threading

from simclr.messages.errors import InputError, in_one_line
from simclr.storage import json_text, tables
from simclr.storage.text_table import two_columns
from simclr.storage.whole import write_whole

_FILES = {"labels": ("labels.csv", "label"), "names": ("names.csv", "name")}
_TILE = re.compile(r"tiles/\d+\.(js|jpg)")
_KINDS = {"html": "text/html", "js": "text/javascript", "jpg": "image/jpeg"}
_MOST_BYTES = 1 << 28  # Of one POST: a million labels.


def saved(folder):
    """What was saved in a folder.

    Returns:
        dict: labels, a dict of id -> label; names, of cluster id -> name.

    Raises:
        InputError: a file that is there is no such table.
    """
    found = {}
    for key, (name, column) in _FILES.items():
        path = os.path.join(folder, name)
        found[key] = {}
        if os.path.exists(path):
            found[key] = dict(two_columns(path, "id", column))
    return found


def save(folder, state):
    """Writes labels.csv and names.csv, each whole.

    Args:
        folder: str.
        state: as `saved` gives it.

    Raises:
        ValueError: it is something else.
    """
    for key in _FILES:
        rows = state.get(key)
        if not isinstance(rows, dict) or not all(
            isinstance(text, str) for text in rows.values()
        ):
            raise ValueError(f"{key} is no object of texts")
    if not all(re.fullmatch(r"\d+", number) for number in state["names"]):
        raise ValueError("a cluster's id is no number")
    for key, (name, column) in _FILES.items():
        rows = [("id", column), *state[key].items()]
        text = "".join(tables.line(row) for row in rows)
        # As bytes: a text would give "\r\n" in a name another end.
        write_whole(os.path.join(folder, name), text.encode())


def version(folder):
    """What tells the files of a folder from what they were: a text."""
    digest = hashlib.blake2b(digest_size=16)
    for name, _ in _FILES.values():
        path = os.path.join(folder, name)
        content = b"-"
        if os.path.exists(path):
            with open(path, "rb") as file:
                content = b"+" + file.read()
        digest.update(hashlib.blake2b(content).digest())
    return f'"{digest.hexdigest()}"'


class Server(http.server.ThreadingHTTPServer):
    """Serves a page until it is shut down.

    Args:
        path: of the HTML file; labels.csv and names.csv go beside it.
        host: address to listen at.
        port: int; 0: one that is free.

    Attributes:
        address: str, where to look.

    Raises:
        InputError: the address is taken, or not this machine's.
    """

    daemon_threads = True

    def __init__(self, path, host="127.0.0.1", port=0):
        self.folder, self.page = os.path.split(os.path.abspath(path))
        self.saving = threading.Lock()
        self.begins = f"/{secrets.token_urlsafe(24)}/"
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise InputError(
                f"{host}:{port} cannot be served: {error.strerror}."
            ) from None
        self.address = f"http://{host}:{self.server_address[1]}{self.begins}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self._asked()
        if name == "state":
            try:
                with self.server.saving:
                    text = json.dumps(saved(self.server.folder))
                    tag = version(self.server.folder)
            except (InputError, OSError) as error:
                self._answer(500, in_one_line(error).encode())
                return
            self._answer(200, text.encode(), "application/json", tag=tag)
        elif name == "":
            self._file(self.server.page)
        elif name and _TILE.fullmatch(name):
            self._file(name)
        else:
            self._answer(404)

    def do_POST(self):
        # A browser says which page asks.
        origin = self.headers.get("Origin", "").removeprefix("http://")
        size = self.headers.get("Content-Length", "")
        if self._asked() != "state" or origin != self.headers.get("Host"):
            self._answer(404)
        elif not size.isdecimal() or int(size) > _MOST_BYTES:
            self._answer(413)
        else:
            self._save(self.rfile.read(int(size)))

    def _save(self, said):
        """Saves a state that was made of what the files hold now.

        Another tab, another server or a person may have written them since.
        """
        folder = self.server.folder
        with self.server.saving:
            known = self.headers.get("If-Match")
            if known is not None and known != version(folder):
                self._answer(412)
                return
            try:
                save(folder, json_text.parse(said))
            except OSError as error:  # A full disk, for one.
                self._answer(500, in_one_line(error).encode())
                return
            except (ValueError, AttributeError):
                self._answer(400)
                return
            self._answer(204, tag=version(folder))

    def _asked(self):
        """The path after the secret one; None: it is another one."""
        begins = self.server.begins
        same = secrets.compare_digest(
            self.path[: len(begins)].encode(), begins.encode()
        )
        return self.path[len(begins) :] if same else None

    def _file(self, name):
        try:
            with open(os.path.join(self.server.folder, name), "rb") as file:
                data = file.read()
        except OSError:
            self._answer(404)
            return
        self._answer(200, data, _KINDS[name.rpartition(".")[2]])

    def _answer(self, status, data=b"", kind="text/plain", tag=""):
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        """Says nothing: the secret path stays off the screen's history."""
