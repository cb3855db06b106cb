"""The host path beside the published design's and other libraries'.

    python benchmarks/host_path.py --images=PHOTOS --before=CHECKOUT \\
        --others=ENVIRONMENT/bin/python

From JPEGs in a folder to two views each, in images a CPU-second (user and
system time of all threads, resource.getrusage). Every way is a process of its
own (host_path_ways.py); they take turns, one at a time, and what is told are
medians over the rounds, of each round's ratio to ours too. `--before` is a
checkout of an older commit (a173f9f), for the same work by it; `--others` is
the Python of an environment that has the other libraries:

    python -m venv ENVIRONMENT
    ENVIRONMENT/bin/pip install albumentations lightly torchvision simplejpeg

A way that cannot begin is left out, with a line that says why.

    --megapixels=12   the photos enlarged, with noise, beside a plain decode
    --size=32 --kept  small images, decoded already: ours against before
    --cores           ours on one core and on all, in seconds of the clock
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WAYS_FILE = os.path.join(ROOT, "benchmarks", "host_path_ways.py")
OF_OTHERS = (
    *("albumentations", "albumentations_float32"),
    *("torchvision", "lightly", "decode"),
)


class Way:
    """A process that goes its way once when asked.

    Args:
        name: "ours:crops" or the like.
        arguments: the script's.
        cores: set of cores that it may use; None: all.
    """

    def __init__(self, name, arguments, cores=None):
        self.name = name
        kind = name.partition(":")[0].partition(" ")[0]
        python, home = sys.executable, ROOT
        if kind == "before":
            home = arguments.before
        if kind in OF_OTHERS and arguments.others:
            python = arguments.others
        self._process = subprocess.Popen(
            [
                python,
                WAYS_FILE,
                name.replace(" one core", ""),
                arguments.images,
                str(arguments.size),
                str(arguments.count),
                str(int(arguments.kept)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": home},
            preexec_fn=cores and (lambda: os.sched_setaffinity(0, cores)),
        )

    def ready(self):
        """Whether it can go; says why not."""
        if self._process.stdout.readline():
            return True
        why = self._process.stderr.read().strip().splitlines() or ["no word"]
        print(f"{self.name} is left out: {why[-1]}", flush=True)
        return False

    def go(self):
        """(CPU-seconds, seconds) of one time through the images."""
        print("go", file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: {self._process.stderr.read()}")
        return json.loads(line)

    def end(self):
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", required=True, help="a folder of JPEGs")
    parser.add_argument("--before", default="", help="an older checkout")
    parser.add_argument("--others", default="", help="a Python with the others")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megapixels", type=float, default=0)
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--cores", action="store_true")
    parser.add_argument("--ways", default="", help="only these, with commas")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.megapixels:
            enlarge(arguments.images, folder, arguments.megapixels)
            arguments.images = folder
        names = arguments.ways.split(",") if arguments.ways else pick(arguments)
        ways = [Way(name, arguments, cores_of(name)) for name in names]
        try:
            compare([way for way in ways if way.ready()], arguments)
        finally:
            for way in ways:
                way.end()


def pick(arguments):
    """The names of the ways, ours first of each work."""
    before = ["before"] if arguments.before else []
    if arguments.cores:
        return ["ours:crops", "ours one core:crops"]
    if arguments.kept:
        return [f"{way}:crops" for way in ("ours", *before)]
    crops = ["ours", *before, "published", "albumentations"]
    if arguments.megapixels:
        return [f"{way}:crops" for way in (*crops, "decode")]
    crops.append("torchvision")
    return [
        *(f"{way}:crops" for way in (*crops, "decode")),
        *(
            f"{way}:all"
            for way in (*crops, "albumentations_float32", "lightly")
        ),
    ]


def cores_of(name):
    """One core, where the name says so."""
    return {min(os.sched_getaffinity(0))} if "one core" in name else None


def compare(ways, arguments):
    """Lets the ways take turns and prints the table."""
    spent = {way.name: [] for way in ways}
    clock = 1 if arguments.cores else 0
    for round_ in range(1 + arguments.rounds):
        for way in ways:
            seconds = way.go()[clock]
            if round_:  # The first makes ready.
                spent[way.name].append(seconds)
    unit = "second" if arguments.cores else "CPU-second"
    print(
        f"{arguments.count} images, views of {arguments.size} pixels, "
        f"medians of {arguments.rounds} rounds"
    )
    print(f"| way | images a {unit} | ours is faster by |\n|---|---|---|")
    for name, seconds in spent.items():
        rate = arguments.count / statistics.median(seconds)
        work = name.partition(":")[2]
        base = spent.get(f"ours:{work}", seconds)
        ratio = statistics.median(x / y for x, y in zip(seconds, base))
        print(f"| {name} | {rate:.4g} | {ratio:.2f} |")


def enlarge(images, folder, megapixels):
    """Writes large JPEGs, as a camera would make of what the photos show."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(0)
    names = sorted(x for x in os.listdir(images) if x.endswith(".jpg"))
    for name in names[:24]:
        small = cv2.imread(os.path.join(images, name))
        scale = (megapixels * 1e6 / small[..., 0].size) ** 0.5
        large = cv2.resize(
            small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC
        )
        grain = noise.normal(0, 3, [*large.shape[:2], 1])
        large = np.clip(large + grain, 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
        cv2.imwrite(os.path.join(folder, name), large, quality)


if __name__ == "__main__":
    main()
