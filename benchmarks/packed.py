"""Lowered runs in little room, for a machine behind a narrow link.

    python benchmarks/packed.py pack FOLDER PACKED [--redraw RUN ...]
    PYTHONPATH=. python benchmarks/packed.py unpack PACKED FOLDER
    PYTHONPATH=. python benchmarks/packed.py results RUN OUT
    python benchmarks/packed.py take OUT... RUN

FOLDER is that of lowered_runs.py. `pack` writes one file in which no image and
no array is twice: photos as their files are, fresh weights in their upper 16
bits (bfloat16, rounded), those of --redraw, which is for timings, as the
standard deviation of a normal distribution alone. `results` writes what a
finished run brings home, in parts of at most 15 MB: metrics, and the weights
without the optimizer's. `take` puts them into the run at home.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import io
import json
import os
import shutil
import tarfile

import numpy as np
from PIL import Image

from simclr.runs import checkpoint
from simclr.runs import folder as run_folder

LARGE = 10_000  # Values of an array that is a net's weights.
PART = 15_000_000


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("pack")
    command.add_argument("folder")
    command.add_argument("packed")
    command.add_argument("--redraw", nargs="*", default=[])
    command.set_defaults(run=pack)
    command = commands.add_parser("unpack")
    command.add_argument("packed")
    command.add_argument("folder")
    command.set_defaults(run=unpack)
    command = commands.add_parser("results")
    command.add_argument("workdir")
    command.add_argument("out")
    command.set_defaults(run=results)
    command = commands.add_parser("take")
    command.add_argument("parts", nargs="+")
    command.add_argument("workdir")
    command.set_defaults(run=take)
    arguments = vars(parser.parse_args())
    arguments.pop("run")(**arguments)


def pack(folder, packed, redraw):
    """One .tar.xz of all lowered runs in a folder."""
    from simclr.data.sources.registry import open_source

    arrays, images, index = {}, {}, {}
    with tarfile.open(packed, "w:xz") as tar:
        for run in sorted(os.listdir(folder)):
            path = os.path.join(folder, run)
            if os.path.isfile(path):
                tar.add(path, run)
                continue
            data = run_folder.read_config(path).data
            sources = {
                "images": data.source,
                "eval_images": data.eval_source,
            }
            _, state = checkpoint.read_newest(run_folder.checkpoints(path))
            entry = index[run] = {"state": {}, "images": {}}
            for name, array in state.items():
                entry["state"][name] = _keep(arrays, array, run in redraw)
            for name, source in sources.items():
                file = os.path.join(path, "lowered", f"{name}.npy")
                if os.path.exists(file):
                    shape = np.load(file, mmap_mode="r").shape
                    images[source] = None
                    entry["images"][name] = [source, shape]
            for name in _small_files(path):
                tar.add(os.path.join(path, name), f"{run}/{name}")
        for number, spec in enumerate(images):
            source = open_source(spec)
            files = [source.read(i) for i in range(len(source))]
            place = {file: i for i, file in enumerate(dict.fromkeys(files))}
            known = {
                "lengths": [len(file) for file in place],
                "places": [place[file] for file in files],
            }
            images[spec] = f"images{number}"
            _add(tar, f"images{number}.bytes", b"".join(place))
            _add(tar, f"images{number}.json", json.dumps(known).encode())
        for entry in index.values():
            for known in entry["images"].values():
                known[0] = images[known[0]]
        _add(tar, "index.json", json.dumps(index).encode())
        file = io.BytesIO()
        np.savez(file, **arrays)
        _add(tar, "arrays.npz", file.getvalue())
    print(f"{packed}: {os.path.getsize(packed) / 1e6:.1f} MB")


def unpack(packed, folder):
    """The lowered runs as they were, except for the weights' lower 16 bits."""
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    with open(os.path.join(folder, "index.json")) as file:
        index = json.load(file)
    with np.load(os.path.join(folder, "arrays.npz")) as arrays:
        arrays = dict(arrays)
    stored = {}
    for run, entry in index.items():
        path = os.path.join(folder, run)
        state = {k: _kept(arrays, v) for k, v in entry["state"].items()}
        checkpoint.save(run_folder.checkpoints(path), 0, state)
        for name, (files, shape) in entry["images"].items():
            target = os.path.join(path, "lowered", f"{name}.npy")
            key = files, tuple(shape)
            if key in stored:
                os.link(stored[key], target)
            else:
                np.save(target, _decoded(os.path.join(folder, files), shape))
                stored[key] = target


def results(workdir, out):
    """What a run brings home, cut in parts."""
    step, state = checkpoint.read_newest(run_folder.checkpoints(workdir))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        weights = {
            k: v for k, v in state.items() if not k.startswith("optimizer/")
        }
        path = checkpoint.save(os.path.join(out, "own"), step, weights)
        tar.add(path, os.path.basename(path))
        shutil.rmtree(os.path.join(out, "own"))
        tar.add(os.path.join(workdir, "metrics.jsonl"), "metrics.jsonl")
    data = file.getvalue()
    for start in range(0, len(data), PART):
        name = f"{os.path.basename(workdir)}.{start // PART:02d}"
        with open(os.path.join(out, name), "wb") as part:
            part.write(data[start : start + PART])


def take(parts, workdir):
    """Puts a run's results where it was lowered."""
    data = b""
    for part in sorted(parts):
        with open(part, "rb") as file:
            data += file.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(workdir, filter="data")
    [home] = glob.glob(os.path.join(workdir, "step_*.npz"))
    _, state = checkpoint.read_newest(run_folder.checkpoints(workdir))
    step, weights = checkpoint.read(home)
    checkpoint.save(run_folder.checkpoints(workdir), step, state | weights)
    os.remove(home)


def _small_files(path):
    """All but the images, checkpoints and locks."""
    yield from ("config.json", "run.json", "train.pyz")
    for name in os.listdir(os.path.join(path, "lowered")):
        if not name.endswith("images.npy"):
            yield f"lowered/{name}"


def _keep(arrays, array, redraw):
    """Puts an array among `arrays`; returns what finds it again."""
    array = np.ascontiguousarray(array)
    fresh = array.dtype == np.float32 and array.size >= LARGE
    if fresh and redraw:
        return {"shape": array.shape, "std": float(array.std())}
    if fresh:
        bits = array.view(np.uint32)
        array = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    digest = hashlib.blake2b(array.tobytes(), digest_size=12)
    digest.update(str((array.shape, array.dtype)).encode())
    arrays[digest.hexdigest()] = array
    return {"name": digest.hexdigest(), "upper": fresh}


def _kept(arrays, entry):
    """The array of an entry that `_keep` made."""
    if "std" in entry:
        random = np.random.default_rng(len(entry["shape"]))
        x = random.standard_normal(entry["shape"], np.float32)
        return x * np.float32(entry["std"])
    array = arrays[entry["name"]]
    if entry["upper"]:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _decoded(files, shape):
    """Images [m, side, side, 3] as data/images/image_array.py lays them."""
    with open(f"{files}.json") as file:
        known = json.load(file)
    ends = np.cumsum([0, *known["lengths"]])
    with open(f"{files}.bytes", "rb") as file:
        data = file.read()
    images = np.zeros(shape, np.uint8)

    def fill(row):
        place = known["places"][row]
        image = Image.open(io.BytesIO(data[ends[place] : ends[place + 1]]))
        image = image.convert("RGB")
        image.thumbnail(shape[1:3], Image.Resampling.BICUBIC, reducing_gap=None)
        images[row, : image.height, : image.width] = np.asarray(image)

    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(fill, range(len(images))))
    return images


def _add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    main()
