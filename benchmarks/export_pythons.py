"""Files of simclr export, written by one Python and read by others.

    python benchmarks/export_pythons.py VENV=PYTHON [VENV=PYTHON ...]

PYTHON is an interpreter, such as python3.13; VENV a folder for its environment,
which is made where it is missing, with `.[cpu,export]` (some two minutes and a
gigabyte each). Every environment writes one net of each row, random weights the
same for all; every environment reads the files of every one, in a process
without this package, and is compared with the run. The largest differences, of
the outputs' range, are printed as Markdown.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
from exports import NETS, run

from simclr.data.sources.registry import open_source
from simclr.export import check, net
from simclr.export.formats import FORMATS
from simclr.runs import weights

ROOT = pathlib.Path(__file__).parent.parent
_VERSIONS = (
    "import sys, keras, tensorflow as tf, numpy; "
    "print(sys.version.split()[0], keras.__version__, tf.__version__, "
    "numpy.__version__)"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venvs", nargs="+", metavar="VENV=PYTHON")
    pythons = [ready(*x.split("=")) for x in parser.parse_args().venvs]
    told = {}
    for python in pythons:
        told[python], others = versions(python)
        print(f"Python {told[python]}: {others}")
    shown = check.images_of(open_source("sample/test"))
    print("| net | written by | read by |", " | ".join(FORMATS), "|")
    print("|---" * (3 + len(FORMATS)) + "|")
    for title, (model, size) in NETS.items():
        with tempfile.TemporaryDirectory() as folder:
            at = run(os.path.join(folder, "run"), model, size)
            built = net.build(weights.load_parts(at))
            for writer in pythons:
                out = os.path.join(folder, told[writer])
                write(writer, at, out)
                files = {
                    kind: path
                    for kind, (name, _) in FORMATS.items()
                    if os.path.exists(path := os.path.join(out, name))
                }
                for reader in pythons:
                    found = check.differences(built, shown, files, reader)
                    cells = " | ".join(cell(found.get(x)) for x in FORMATS)
                    print(
                        f"| {title} | {told[writer]} | {told[reader]} | "
                        f"{cells} |",
                        flush=True,
                    )
            keras.backend.clear_session()


def ready(venv, python):
    """The interpreter of a venv, which is made where it is missing."""
    inside = os.path.abspath(os.path.join(venv, "bin", "python"))
    if not os.path.exists(inside):
        pip = [inside, "-m", "pip", "install", "-q"]
        subprocess.run([python, "-m", "venv", venv], check=True)
        # The pip that comes with Python 3.10 finds no versions in minutes.
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
        subprocess.run([*pip, "-e", f"{ROOT}[cpu,export]"], check=True)
    return inside


def versions(python):
    """(Python's version, those of the others as words) of an environment."""
    words = subprocess.run(
        [python, "-c", _VERSIONS],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    number, *others = words
    return number, "Keras {}, TensorFlow {}, NumPy {}".format(*others)


def write(python, at, out):
    """`simclr export` in an environment; its check is its own."""
    line = [python, "-m", "simclr", "export", at, f"--out={out}"]
    done = subprocess.run(
        line,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)


def cell(difference):
    """A value of check.differences as text; "" where there is no file."""
    if difference is None:
        return ""
    if isinstance(difference, str):
        return "does not load"
    return f"{difference:.1e}"


if __name__ == "__main__":
    main()
