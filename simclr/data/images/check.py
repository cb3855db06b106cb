"""`simclr check`: reads every image and says which are bad, and why."""

import collections
import concurrent.futures
import dataclasses

import numpy as np

from simclr.data.images.decode import decode
from simclr.data.images.pillow import header, highest_of_16_bits
from simclr.executors import cpus
from simclr.messages.counts import counted
from simclr.messages.errors import joined, reason_of
from simclr.messages.progress import progress_bar
from simclr.messages.say import show
from simclr.storage import tables
from simclr.storage.whole import whole_file

# More threads than cores: they also wait for the disk.
_THREADS = 2 * cpus.count()
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Image:
    """What reading one image found."""

    index: int
    data: bytes = b""
    num_bytes: int = 0  # That were read.
    kind: str = ""  # "JPEG RGB", "PNG P", ...
    height: int = 0  # As decoded: upright, large ones reduced.
    width: int = 0
    highest: int = 0  # The highest value of a grey image of 16 bits.
    reason: str = ""  # Why it cannot be read; "" when it can.


HEADER = ("id", "reason")  # Begins a list of bad images.


def check(source, *, out="", progress=True):
    """Decodes every image of a source and prints what it found.

    Args:
        source: Source.
        out: path of a CSV file (id,reason) for the bad images; "" for none.
        progress: bool, show a bar.

    Returns:
        list of (id, reason) of the bad images, in order.

    Raises:
        OSError: `out` cannot be written.
    """
    kinds, reasons = collections.Counter(), collections.Counter()
    sides, bad, highest = [], [], 0
    for image in read_all(source, progress=progress, title="Checking"):
        if image.reason:
            bad.append((source.id(image.index), image.reason))
            reasons[image.reason.partition(":")[0]] += 1
        else:
            kinds[image.kind] += 1
            sides.append((image.width, image.height))
            highest = max(highest, image.highest)
    if out:
        write_csv(out, bad)
    lines = [*_summary(source, sides, kinds, bad, reasons, out)]
    show("\n".join([*lines, *_dark(source, highest)]))
    return bad


def read_all(source, *, first=0, change=None, progress=True, title="Reading"):
    """Reads and decodes the images of a source in order, on all cores.

    Args:
        source: Source.
        first: index of the first image wanted.
        change: function of an image's bytes and its uint8 [h, w, 3] pixels to
            the bytes to yield; None: those that were read.
        progress: bool, show a bar.
        title: str before the bar.

    Yields:
        Image, for first, first + 1, ...
    """

    def read(index):
        try:
            data = source.read(index)
            head = header(data)
            pixels = decode(data, source.bit_depth)
            deep = head.mode.startswith("I")
            highest = highest_of_16_bits(data) if deep else 0
        except (ValueError, OSError) as error:
            return Image(index, reason=reason_of(error))
        kind = f"{head.format} {head.mode}"
        height, width, _ = pixels.shape
        given = change(data, pixels) if change else data
        return Image(index, given, len(data), kind, height, width, highest)

    num = len(source)
    moved = progress_bar(
        total=num, initial=first, desc=title, unit="image", shown=progress
    )
    with moved, concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        waiting = collections.deque()
        try:
            for index in range(first, num):
                waiting.append(pool.submit(read, index))
                if len(waiting) > 4 * _THREADS:
                    yield waiting.popleft().result()
                    moved.update()
            while waiting:
                yield waiting.popleft().result()
                moved.update()
        finally:
            for future in waiting:
                future.cancel()


def write_csv(path, bad):
    """Writes bad images as id,reason rows.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_file(path, newline="") as file:
        file.writelines(map(tables.line, [HEADER, *bad]))


def _summary(source, sides, kinds, bad, reasons, out):
    num = len(source)
    readable = f"{num - len(bad):,} readable"
    yield f"{joined(source.name)}: {counted(num, 'image')}, {readable}"
    if kinds:
        yield "  formats  " + _counts(kinds)
        short = np.min(sides, axis=1)
        low, middle, high = np.percentile(short, [0, 50, 100]).astype(int)
        yield f"  short side  {low} to {high} pixels, median {middle}"
    if source.labels is not None:
        labelled = int((source.labels >= 0).sum())
        classes = len(np.unique(source.labels[source.labels >= 0]))
        images = counted(labelled, "image")
        yield f"  labels  {images} in {counted(classes, 'class', 'classes')}"
    for note in source.notes:
        yield f"  note  {joined(note)}"
    if not bad:
        return
    yield f"{len(bad):,} bad: {_counts(reasons)}"
    for name, reason in bad[:_SHOWN]:
        yield f"  {joined(name)}: {reason}"
    if len(bad) > _SHOWN:
        rest = f"  and {len(bad) - _SHOWN:,} more"
        yield rest + (f", all in {out}" if out else " (--out lists all)")


def _dark(source, highest):
    """A line where images of 16 bits use fewer, and come out dark."""
    bits = highest.bit_length()
    if 0 < bits < source.bit_depth:
        yield (
            f"  dark  16-bit images use {bits} bits: their white is "
            f"{highest >> max(0, source.bit_depth - 8)} of 255. Say "
            f"bits:{max(bits, 8)}:{source.name} wherever they are named."
        )


def _counts(counter):
    return ", ".join(f"{n:,} {name}" for name, n in counter.most_common())
