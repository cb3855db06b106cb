"""A report's table as a file."""

import os

import pyarrow as pa
import pyarrow.csv

from simclr.storage.whole import whole_path


def write(folder, name, table):
    """Writes a pa.Table as a whole CSV file.

    Args:
        folder: str, of the report.
        name: str, of the file in it.
        table: pa.Table.
    """
    with whole_path(os.path.join(folder, name)) as path:
        pa.csv.write_csv(table, path)
