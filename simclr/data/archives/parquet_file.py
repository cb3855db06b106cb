"""Images in Parquet files, as Hugging Face's datasets writes them.

An image is a struct of its bytes and its path, or bytes alone; what the classes
are called stands in the schema's metadata. A column is read by row groups: one
is unpacked at a time and kept for a while.
"""

import numpy as np

from simclr.data.archives.members import files_of
from simclr.data.archives.parquet_columns import (
    class_names,
    image_column,
    label_column,
)
from simclr.data.archives.seekable import Seekable
from simclr.data.labels.numbers import of_names
from simclr.data.shards.record_source import short_names
from simclr.data.source import Source, labels_or_none
from simclr.messages.counts import counted
from simclr.messages.errors import InputError, first_line
from simclr.storage import files

# What is kept of row groups: the order of training walks through 64 of them
# (simclr/data/order.py), each of 100 images as Hugging Face writes them.
_KEPT_BYTES = 2 << 30
_WINDOW = 64


class ParquetSource(Source):
    """The images in Parquet files.

    An id is the image's path in its struct where every image has one of its
    own, else FILE__ROW.

    Args:
        pattern: glob, a file, or a folder; local or remote.
        name: the words of the user.
        image_key, label_key: str, names of the columns; "": found.

    Raises:
        InputError, OSError: nothing matches, a file is no Parquet file, or has
            no such column.
    """

    def __init__(self, pattern, name, image_key="", label_key=""):
        super().__init__(name)
        self._paths = files_of(pattern, name, ".parquet")
        opened = [_open(path) for path in self._paths]
        # Of test-*.parquet and train-*.parquet maybe the second has labels.
        widest = max(opened, key=lambda file: len(file.schema_arrow.names))
        schema = widest.schema_arrow
        self._column = image_column(widest, schema, name, image_key)
        label, note = label_column(schema, name, label_key, self._column)
        self.notes += [note] if note else []
        self._groups = []  # (file, row group) of each.
        counts, largest = [], 0
        for number, file in enumerate(opened):
            if self._column not in file.schema_arrow.names:
                raise InputError(
                    f"{self._paths[number]} has no column {self._column!r}."
                )
            for group in range(file.num_row_groups):
                about = file.metadata.row_group(group)
                self._groups.append((number, group))
                counts.append(about.num_rows)
                largest = max(largest, about.total_byte_size)
        if not sum(counts):
            raise InputError(f"{name} has no row.")
        if largest > files.MAX_BYTES:
            raise InputError(
                f"{name} has row groups of {largest / 1e9:.1f} GB, which are "
                "unpacked as a whole: write it with row_group_size=100."
            )
        self._starts = np.cumsum([0, *counts])  # Rows before each group, file:
        rows = [file.metadata.num_rows for file in opened]
        self._files = np.cumsum([0, *rows])
        self._names = short_names(self._paths)
        self.block_size = max(counts)
        kept = max(2, _KEPT_BYTES // max(1, largest))
        if kept < min(_WINDOW, len(counts)):
            self.notes.append(
                f"row groups of {largest / 1e6:.0f} MB are unpacked again and "
                "again: simclr prepare packs these images to read fast"
            )
        self._kept = files.Chunks(self._unpacked, kept)
        self._ids = _own_ids(opened, self._column)
        if label:
            self._label(opened, label, schema)

    def __len__(self):
        return int(self._starts[-1])

    def id(self, index):
        if self._ids:
            return self._ids[index]
        number = int(np.searchsorted(self._files, index, side="right")) - 1
        return f"{self._names[number]}__{index - self._files[number]}"

    def read(self, index):
        group = self._group(index)
        number, inner = self._groups[group]
        images = self._kept.get(self._paths[number], inner)
        data = images[int(index - self._starts[group])].as_py()
        if data is None:
            raise InputError("no bytes of an image in this row")
        return data

    def _group(self, index):
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def _unpacked(self, path, group):
        """The images of a row group, an array of bytes."""
        import pyarrow as pa

        table = _open(path).read_row_group(group, columns=[self._column])
        column = table[self._column].combine_chunks()
        if pa.types.is_struct(column.type):
            column = column.field("bytes")
        return column

    def _label(self, opened, column, schema):
        """Gives the images the labels of a column; some files may lack it."""
        values, without = [], 0
        for file in opened:
            if column in file.schema_arrow.names:
                values += file.read(columns=[column])[column].to_pylist()
            else:
                values += [None] * file.metadata.num_rows
                without += 1
        if without:
            some = counted(without, "file")
            self.notes.append(f"{some} without column {column!r}: no labels")
        names = class_names(schema, column)
        if not names:
            texts = ["" if value is None else _text(value) for value in values]
            if any(texts):
                self.labels, self.class_names = of_names(texts)
            return
        numbers = [-1 if value is None else value for value in values]
        if max(numbers) >= len(names):
            raise InputError(
                f"{self.name} has label {max(numbers)} in column {column!r}, "
                f"whose schema names {counted(len(names), 'class', 'classes')}."
            )
        self.labels = labels_or_none(numbers)
        self.class_names = names if self.labels is not None else None


def _open(path):
    """A ParquetFile of pyarrow.

    Raises:
        InputError, OSError: it cannot be read, or is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    size, _ = files.stat(path)

    def read(offset, count):
        with files.opened(path) as now:
            return now(offset, count)

    try:
        return pq.ParquetFile(Seekable(read, size))
    except pa.ArrowInvalid as error:
        line = first_line(error)[:120]
        raise InputError(f"{path} is no whole Parquet file: {line}") from None


def _text(value):
    """A label as a text: 3.0 is 3."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _own_ids(opened, column):
    """The images' paths, where each has one of its own; else None."""
    import pyarrow as pa

    paths = []
    for file in opened:
        kind = file.schema_arrow.field(column).type
        if not pa.types.is_struct(kind) or "path" not in [f.name for f in kind]:
            return None
        table = file.read(columns=[f"{column}.path"])
        paths += table[column].combine_chunks().field("path").to_pylist()
    if None in paths or "" in paths or len(set(paths)) < len(paths):
        return None
    return paths
