"""Columns of a store's table, written over: some of their cells, or whole."""

import lance
import numpy as np
import pyarrow as pa

from simclr.explore.store import place, tables
from simclr.explore.store.cells import of_type

# End the names of a column that is to replace another, and of that other one.
_NEW, _OLD = "__new", "__old"
_BATCH = 8192


class Columns:
    """What holds such a table.

    Attributes:
        table: as tables.open_table, at the version that the store is at.
        current: schema.Encoder, whose columns are meant.
        live: str, a filter: the rows that count.
    """

    def fill(self, columns, where):
        """Writes cells of some rows, all in one version; they do not move.

        Only fragments of the table that hold such rows are written, and of
        these only the columns: the time does not grow with the others.

        Args:
            columns: dict of name -> pa.Array or numpy array, a value for each
                row that `scan` gives with `where`, in that order. An encoder's
                columns are the current one's.
            where: as of `scan`.
        """
        kinds = self.table.schema
        own = {self.current.column(k): v for k, v in columns.items()}
        address = self._addresses(where)
        cells = {n: of_type(v, kinds.field(n)) for n, v in own.items()}
        rows = pa.table({"_rowaddr": address, **cells})
        written, fields = [], []
        number = address >> 32  # Of the fragment.
        for one in np.unique(number):
            fragment = self.table.get_fragment(int(one))
            part = rows.filter(pa.array(number == one))
            found, fields = fragment.update_columns(part, left_on="_rowaddr")
            written.append(found)
        if written:
            change = lance.LanceOperation.Update(
                updated_fragments=written, fields_modified=fields
            )
            uri, version = self.table.uri, self.table.version
            with tables.watched(uri):
                lance.LanceDataset.commit(uri, change, read_version=version)
            self.refresh()

    def replace(self, columns, where=None):
        """Writes whole columns anew, without touching the others.

        They change all at once: each version has the old ones or the new ones.

        Args:
            columns: dict of name -> pa.Array or numpy array, a value for each
                row that `scan` gives with `where`, in that order. All other
                rows have null. An encoder's columns are the current one's.
        """
        rows = self.numbers(where)
        total = self.table.count_rows()
        source = np.full(total, -1, np.int64)
        source[rows] = np.arange(len(rows))
        source = pa.array(source, mask=source < 0)
        kinds = self.table.schema
        own = {self.current.column(k): v for k, v in columns.items()}
        arrays = {
            name + _NEW: of_type(values, kinds.field(name)).take(source)
            for name, values in own.items()
        }
        self._drop([name for name in arrays if name in kinds.names])
        new = pa.table(arrays)
        reader = pa.RecordBatchReader.from_batches(
            new.schema, new.to_batches(max_chunksize=_BATCH)
        )
        self.table.add_columns(reader)
        self._finish_replacing()
        place.tidy(self.table)

    def numbers(self, where=None):
        """int64: which of all rows, in the table's order, `scan` gives."""
        every = self._addresses("")
        some = self._addresses(where)
        order = np.argsort(every, kind="stable")
        return order[np.searchsorted(every[order], some)]

    def _addresses(self, where):
        found = self.table.scanner(
            columns=[],
            filter=(self.live if where is None else where) or None,
            with_row_address=True,
            scan_in_order=True,
        ).to_table()
        return found.column("_rowaddr").to_numpy()

    def _drop(self, names):
        if names:
            self.table.drop_columns(names)
            self.refresh()

    def _finish_replacing(self):
        """Lets columns that are whole take the places of the old ones."""
        self.refresh()
        names = self.table.schema.names
        new = [n[: -len(_NEW)] for n in names if n.endswith(_NEW)]
        turns = [{"path": n, "name": n + _OLD} for n in new if n in names]
        turns += [{"path": n + _NEW, "name": n} for n in new]
        if turns:
            self.table.alter_columns(*turns)
            self.refresh()
        names = self.table.schema.names
        self._drop([n for n in names if n.endswith(_OLD)])
