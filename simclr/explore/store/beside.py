"""Tables beside the images of a store: clusters, an index, a few arrays."""

import pyarrow as pa

from simclr.explore.store import place, tables


class Beside:
    """What holds such tables.

    Attributes:
        path: str, the folder.
    """

    def put(self, name, rows):
        """Writes a small table beside the images, over the one before.

        Args:
            name: str.
            rows: pa.Table.
        """
        where = place.side(self.path, name)
        place.tidy(tables.write_table(rows, where, mode="overwrite"))

    def stream(self, name, kinds, batches, *, more=False):
        """Writes a table beside the images that is too large for memory.

        Args:
            name: str.
            kinds: pa.Schema.
            batches: iterable of pa.RecordBatch.
            more: bool, to the rows that are there; else over them.
        """
        reader = pa.RecordBatchReader.from_batches(kinds, batches)
        mode = "append" if more else "overwrite"
        where = place.side(self.path, name)
        place.tidy(tables.write_table(reader, where, mode=mode))

    def beside(self, name):
        """A table beside the images, as tables.open_table; None: there is
        none."""
        return tables.find_table(place.side(self.path, name))

    def get(self, name):
        """The pa.Table that `put` wrote; None: there is none."""
        found = self.beside(name)
        return None if found is None else found.to_table()
