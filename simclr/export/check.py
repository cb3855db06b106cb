"""Exported files against the run itself, in a fresh process.

Shapes: n = images, h w = an image's height and width.
"""

import collections
import io
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from simclr.data.images import decode
from simclr.data.images.reader import Reader
from simclr.export import fresh
from simclr.export import net as nets
from simclr.messages.errors import InputError
from simclr.storage.whole import disk_fault, naming

BOUND = 1e-5  # Of an output's range over the images,
_LEAST = 0.1  # or of so much of its largest value: float32 rounds that.
IMAGES = 64
_TOGETHER = 16  # Images in a batch.


def images_of(source):
    """IMAGES of a source, spread over it: uint8 [h, w, 3] each, a list."""
    reader = Reader(source)
    count = min(IMAGES, len(source))
    places = np.linspace(0, len(source) - 1, count).round().astype(int)
    return [reader.load(i)[0] for i in places]


def differences(net, images, files, python=sys.executable):
    """How far each file's outputs are from the run's own.

    Args:
        net: net.Net.
        images: list of uint8 [h, w, 3].
        files: dict of format, a key of fresh.LOADERS -> path.
        python: the interpreter of the fresh process.

    Returns:
        dict of format -> the largest difference of any output, a share of that
        output's range over the images, or of a tenth of its largest value if
        that is more; or a str, why it does not run. A SavedModel's is the
        larger of its two signatures'.

    Raises:
        InputError: the process ended before it had an answer.
        OSError: the disk of temporary files is full.
    """
    groups = collections.defaultdict(list)
    for image in images:
        groups[image.shape].append(image)
    batches = [
        np.stack(group[start : start + _TOGETHER])
        for group in groups.values()
        for start in range(0, len(group), _TOGETHER)
    ]
    jpeg = [_jpeg(image) for image in images[:_TOGETHER]]
    expected = [nets.expected(net, list(batch)) for batch in batches]
    from_files = [nets.expected(net, [decode.decode(x) for x in jpeg])]
    ranges = {
        name: range_of(np.concatenate([x[name] for x in expected]))
        for name in expected[0]
    }
    said = _said(batches, jpeg, files, python)
    found = {}
    for kind in files:
        if f"{kind}/error" in said:
            found[kind] = str(said[f"{kind}/error"])
            continue
        found[kind] = _largest(said, kind, expected, ranges)
        if kind == "savedmodel":
            by_files = _largest(said, "jpeg", from_files, ranges)
            found[kind] = float(np.maximum(found[kind], by_files))
    return found


def range_of(values):
    """What a difference is a share of: float, more than 0."""
    return max(np.ptp(values), _LEAST * np.abs(values).max()) or 1.0


def passed(difference):
    """Whether a value of `differences` is within the bound; NaN is not."""
    return not isinstance(difference, str) and difference <= BOUND


def _largest(said, kind, expected, ranges):
    """The largest difference, a share of the range; NaN where one is NaN."""
    return float(
        np.max(
            [
                np.max(np.abs(said[f"{kind}/{i}/{name}"] - x)) / ranges[name]
                for i, outputs in enumerate(expected)
                for name, x in outputs.items()
            ]
        )
    )


def _said(batches, jpeg, files, python):
    """What the fresh process wrote, a dict of arrays."""
    with tempfile.TemporaryDirectory() as folder:
        # A copy, for a script's own folder is where Python looks for modules.
        script = shutil.copy(fresh.__file__, folder)
        inputs, outputs = (os.path.join(folder, n) for n in ("x.npz", "y.npz"))
        given = {f"images/{i}": batch for i, batch in enumerate(batches)}
        given |= {
            f"jpeg/{i}": np.frombuffer(x, np.uint8) for i, x in enumerate(jpeg)
        }
        with naming(inputs):
            np.savez(inputs, **given)
        named = [f"{k}={os.path.abspath(path)}" for k, path in files.items()]
        done = subprocess.run(
            [python, script, inputs, outputs, *named],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            if fault := disk_fault(last, outputs):
                raise fault
            raise InputError(
                f"The process that checks the export ended with "
                f"{done.returncode}: {last}"
            )
        with np.load(outputs) as arrays:
            return dict(arrays)


def _jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()
