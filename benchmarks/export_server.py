"""Latency of the server of docs/export.md: its very code, with real requests.

    python benchmarks/export_server.py

ResNet-18 x0.25 at 32 pixels, random weights, as ONNX, and JPEG files of 640 x
480 pixels: ms a request as a client sees it, median and 95th percentile, of one
client and of eight at once, which share this machine with the server. The table
is printed as Markdown.
"""

import argparse
import http.client
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
from exports import NETS, run
from PIL import Image

from simclr.data.sources.registry import open_source
from simclr.export import check, net, written
from simclr.runs import weights

TITLE = "ResNet-18 x0.25, 32 pixels"
PORT = 18473  # Instead of the docs' 8000, which others use.
DOCS = pathlib.Path(__file__).parent.parent / "docs" / "export.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    requests = parser.parse_args().requests
    blocks = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(), re.M | re.S)
    [code] = [block for block in blocks if "http.server" in block]
    with tempfile.TemporaryDirectory() as folder:
        built = net.build(weights.load_parts(run(folder, *NETS[TITLE])))
        shown = check.images_of(open_source("sample/test"))
        out = os.path.join(folder, "export")
        written.write(built, ("onnx",), shown, out, lambda *_: "")
        server = subprocess.Popen(
            [sys.executable, "-c", code.replace("8000", str(PORT))],
            cwd=out,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait()
            print("| clients | ms, median | 95th percentile | requests/s |")
            print("|---|---|---|---|")
            for clients in (1, 8):
                print(row(clients, requests), flush=True)
        finally:
            server.terminate()
            server.wait()


def wait():
    """Returns when the server answers."""
    for _ in range(300):
        try:
            ask(photo(0))
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("The server of docs/export.md does not answer.")


def row(clients, requests):
    """A line of the table."""
    photos = [photo(seed) for seed in range(8)]
    for data in photos:
        ask(data)
    taken = []

    def client(first):
        for i in range(first, requests, clients):
            started = time.perf_counter()
            ask(photos[i % len(photos)])
            taken.append(time.perf_counter() - started)

    threads = [
        threading.Thread(target=client, args=(i,)) for i in range(clients)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = requests / (time.perf_counter() - started)
    median, high = 1000 * np.percentile(taken, [50, 95])
    return f"| {clients} | {median:.1f} | {high:.1f} | {rate:.0f} |"


def ask(data):
    """One request, answered."""
    connection = http.client.HTTPConnection("localhost", PORT, timeout=60)
    connection.request("POST", "/", data)
    answer = connection.getresponse()
    if answer.status != 200 or not answer.read():
        raise SystemExit(f"The server said {answer.status}.")
    connection.close()


def photo(seed):
    """A JPEG file of 640 x 480 pixels, smooth as photos are: bytes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, [12, 16, 3], dtype=np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
