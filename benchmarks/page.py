"""The page of a store in Chromium: bytes, first paint, frames a second.

    python benchmarks/page.py STORE --out=OUT
    python benchmarks/page.py STORE --out=OUT --rows=1000000

Writes the page as `simclr page` does (a map that the store lacks is fitted and
kept) and opens it in headless Chromium, which draws by software. Prints a JSON
line: seconds to fit, seconds to write, bytes, files; milliseconds from opening
to the first paint with images on it; frames a second while the map moves for
three seconds, near (pictures) and as a whole; tiles that came in.

With --rows a STORE that is not there is made first, as explore_day.py makes it:
of a mixture of 1,024 parts in 128 dimensions, without thumbnails, in as many
clusters.
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import time

import explore_day

from simclr.explore.page import layout, write
from simclr.explore.store.store import Store, held

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from tests import browser

# Moves the map once a frame and counts the frames of three seconds.
MOVE = """new Promise((done) => {
  const map = document.getElementById("pictures");
  const press = (key) => map.dispatchEvent(
    new KeyboardEvent("keydown", {key, bubbles: true}));
  const begin = performance.now();
  let count = 0;
  const next = () => {
    const spent = performance.now() - begin;
    if (spent > 3000) { done(1000 * count / spent); return; }
    press(["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"][count++ % 4]);
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""
FRAMES = 3  # Seconds.
DRAWN = "Number(document.documentElement.dataset.drawnAfter)"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("store")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, help="make STORE of so many")
    parser.add_argument("--picture", help="a PNG of what is seen")
    arguments = parser.parse_args()
    if arguments.rows and not os.path.exists(arguments.store):
        explore_day.begin(arguments.store, arguments.rows)
        explore_day.cluster(arguments.store, explore_day.PARTS)
    store = Store(arguments.store)
    started = time.monotonic()
    with held(arguments.store):
        found = layout.read(store)
        if found is None:
            found = layout.fit(store)
            layout.write(store, found)
    fitted = time.monotonic()
    page = write.write(
        store, found, str(arguments.out / "page.html"), title="Benchmark"
    )
    facts = {
        "images": page.count,
        "map_s": round(fitted - started, 1),
        "write_s": round(time.monotonic() - fitted, 1),
        "peak_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
        ),
        "bytes": page.bytes,
        "tiles": page.files,
    }
    with browser.tab() as tab:
        begun = tab.cpu_s()
        tab.open(f"file://{pathlib.Path(page.path).resolve()}")
        facts["first_paint_ms"] = round(tab.run(DRAWN))
        facts["first_paint_cpu_ms"] = round(1000 * (tab.cpu_s() - begun))
        facts |= moved(tab, "whole")
        for _ in range(5):
            tab.key("+")
        tab.run(MOVE)  # Thumbnails and tiles come in.
        facts |= moved(tab, "near")
        facts["requests"] = len(set(tab.requests))
        if arguments.picture:
            tab.picture(arguments.picture)
    print(json.dumps(facts))


def moved(tab, name):
    """Frames a second, and the browser's CPU time a frame: other jobs on the
    machine slow the first and not the second."""
    before = tab.cpu_s()
    fps = tab.run(MOVE)
    cpu_ms = 1000 * (tab.cpu_s() - before) / (fps * FRAMES)
    return {f"{name}_fps": round(fps, 1), f"{name}_cpu_ms": round(cpu_ms)}


if __name__ == "__main__":
    main()
