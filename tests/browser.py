"""Drives Debian's headless Chromium: the DevTools protocol, over a WebSocket.

Only what tests and the benchmark of the page need. No package, no network.
"""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

# WebGL2 without a graphics card.
_FLAGS = (
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader"),
    *("--enable-unsafe-swiftshader", "--remote-debugging-port=0"),
    *("--disable-background-networking", "--no-first-run", "--hide-scrollbars"),
)
_WAIT_S = 240  # A machine may be busy.


def program():
    """Path of a Chromium; None: there is none."""
    names = "chromium-headless-shell", "chromium"
    return next(filter(None, map(shutil.which, names)), None)


class Tab:
    """A page that is open.

    Attributes:
        requests: list of str, the addresses that it has asked for.
        errors: list of str, what its console reported.
    """

    def __init__(self, port, path, process):
        self._process = process
        self._socket = socket.create_connection(("127.0.0.1", port), _WAIT_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            "".encode()
        )
        self._file = self._socket.makefile("rb")
        while self._file.readline() not in (b"\r\n", b""):
            pass
        self._number = 0
        self.requests, self.errors = [], []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Sends a command and returns its result, a dict."""
        self._number += 1
        message = {
            "id": self._number,
            "method": method,
            "params": parameters,
        }
        self._send(json.dumps(message).encode())
        while True:
            answer = json.loads(self._receive())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def run(self, script):
        """The value of a script, awaited."""
        result = self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, script):
        """Waits until a script's value is true."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            if self.run(f"!!({script})"):
                return
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}; {self.errors}")

    def open(self, address):
        """Goes to an address and waits until the page has drawn itself."""
        if self.run("document.documentElement"):
            self.run("delete document.documentElement.dataset.drawn")
        self.call("Page.navigate", url=address)
        self.wait("document.documentElement?.dataset.drawn === 'yes'")

    def keep_downloads(self, folder):
        """What the page lets one download goes to a folder."""
        self.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(folder),
        )

    def key(self, key):
        """Presses a key, by its name in KeyboardEvent.key."""
        text = {"text": key} if len(key) == 1 else {}
        if key == "Enter":
            text = {"text": "\r"}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **more)

    def mouse(self, kind, x, y, **more):
        """A mouse event: kind is mousePressed, mouseMoved, mouseReleased."""
        more = {"button": "left", "buttons": 1, "clickCount": 1} | more
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, points, **more):
        """Drags the mouse along places on the screen, a list of (x, y)."""
        self.mouse("mousePressed", *points[0], **more)
        for point in points[1:]:
            self.mouse("mouseMoved", *point, **more)
        self.mouse("mouseReleased", *points[-1], **more)

    def write(self, text):
        """Writes a text where the focus is."""
        self.call("Input.insertText", text=text)

    def downloaded(self, folder, button, name):
        """Path of what a button lets one download, once it is there."""
        self.run(f"document.getElementById('{button}').click()")
        path = pathlib.Path(folder) / name
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            if path.exists():
                return path
            time.sleep(0.05)
        raise AssertionError(f"{name} was not downloaded")

    def text(self, name):
        """What an element of this id says."""
        return self.run(f"document.getElementById('{name}').textContent")

    def picture(self, path):
        """Writes a PNG of what is seen."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def cpu_s(self):
        """Seconds of CPU that the browser and its children have taken."""
        times, children = {}, {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = path.read_text().rpartition(")")[2].split()
                number = int(path.parent.name)
                children.setdefault(int(words[1]), []).append(number)
                times[number] = int(words[11]) + int(words[12])
        family = [self._process.pid]
        for one in family:
            family += children.get(one, [])
        return sum(times.get(one, 0) for one in family) / os.sysconf(
            "SC_CLK_TCK"
        )

    def _note(self, event):
        told = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif (
            event["method"] == "Log.entryAdded"
            and told["entry"]["level"] == "error"
        ):
            self.errors.append(told["entry"]["text"])

    def _send(self, data):
        length = len(data)
        head = bytes([0x81])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 1 << 16:
            head += struct.pack(">BH", 0x80 | 126, length)
        else:
            head += struct.pack(">BQ", 0x80 | 127, length)
        # A mask of zeros is a mask.
        self._socket.sendall(head + bytes(4) + data)

    def _receive(self):
        whole = b""
        while True:
            first, second = self._file.read(2)
            length = second & 127
            if length == 126:
                (length,) = struct.unpack(">H", self._file.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._file.read(8))
            whole += self._file.read(length)
            if first & 0x80:
                return whole


@contextlib.contextmanager
def tab(width=1280, height=800):
    """A new browser with an empty page.

    Args:
        width, height: pixels.

    Yields:
        Tab.
    """
    # A browser that was ended may still write a little.
    made = tempfile.TemporaryDirectory(
        prefix="chromium-", ignore_cleanup_errors=True
    )
    with made as folder:
        process = subprocess.Popen(
            [
                *(program(), *_FLAGS, f"--window-size={width},{height}"),
                *(f"--user-data-dir={folder}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port, target = _target(pathlib.Path(folder), process)
            yield Tab(port, f"/devtools/page/{target}", process)
        finally:
            # Debian's is a script, whose child is the browser.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _target(folder, process):
    """(port, id of the first page) of a browser that has started."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(
            OSError, ValueError, LookupError, StopIteration
        ):
            port = int((folder / "DevToolsActivePort").read_text().split()[0])
            address = f"http://127.0.0.1:{port}/json/list"
            with urllib.request.urlopen(address, timeout=5) as answer:
                pages = json.load(answer)
            return port, next(p["id"] for p in pages if p["type"] == "page")
        time.sleep(0.05)
    raise AssertionError("Chromium did not start.")
