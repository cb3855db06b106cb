"""A store: one Lance table of images and vectors, and small ones beside it.

    images.lance     a row an image (schema.py)
    NAME.lance       what belongs to all images: the clusters, say
    pending/         vectors that are being made, each shard whole or not there
    lock

The folder may be remote, as gs://bucket/store: then there is no lock, and one
process at a time is the user's care. Whoever writes holds a store; every change
is one version of the table, so a killed process leaves the last whole one.

Letters: m = rows that are live: with a vector of the current encoder, and not
gone; n = rows of a batch; f = features.
"""

import contextlib
import os

import pyarrow as pa

from simclr.explore.store import place, tables
from simclr.explore.store import schema as columns_of
from simclr.explore.store.beside import Beside
from simclr.explore.store.cells import fitted, quoted, to_array
from simclr.explore.store.columns import Columns
from simclr.explore.store.place import is_store
from simclr.messages.errors import InputError
from simclr.storage import files, missing
from simclr.storage.lock import locked
from simclr.storage.place import require_folder

_ENCODERS = b"simclr.encoders"  # A key of the table's metadata.
_BATCH = 8192
# Rows of one merge: a join of 100,000 with vectors fills Lance's memory pool.
_MERGED = 16_384


class Store(Columns, Beside):
    """A store that is there; `begin` makes one.

    Args:
        path: the folder, local or remote.

    Attributes:
        path: str.
        encoders: list of columns_of.Encoder.
        current: the Encoder that searches and clusters use.

    Raises:
        InputError: there is no store, another program wrote it, or it is
            damaged.
    """

    def __init__(self, path):
        self.path = files.absolute(path)
        if not is_store(path):
            why = "" if os.path.exists(self.path) else missing.hint(self.path)
            raise InputError(
                f"{path!r} is no store: `simclr embed` makes one. {why}".strip()
            )
        self.refresh()

    def refresh(self):
        """Goes to the newest version."""
        self._table = tables.open_table(place.images(self.path))
        try:
            text = (self._table.schema.metadata or {})[_ENCODERS]
            self.encoders, number = columns_of.from_json(text)
        except (KeyError, ValueError, TypeError):
            raise InputError(
                f"{self.path} is no store that this version reads."
            ) from None
        self.current = self.encoders[number - 1]

    @property
    def table(self):
        """The table, as tables.open_table, at the version of the store."""
        return self._table

    @property
    def live(self):
        """A filter: rows with a vector of the current encoder, not gone."""
        return f"{self.current.column('model')} is not null and gone is null"

    def named(self, name, *, by_end=True):
        """The id of the live image that a user calls so; "" where none is.

        Args:
            name: str, its id; or the end of it, after a slash, if it is the
                end of no other.
            by_end: bool, whether an end of an id will do.
        """
        if self.count(f"{self.live} and id = {quoted(name)}"):
            return name
        if not by_end:
            return ""
        ending = f"{self.live} and ends_with(id, {quoted(f'/{name}')})"
        found = self.read(["id"], where=ending)["id"].to_pylist()
        return found[0] if len(found) == 1 else ""

    def count(self, where=None):
        """How many rows there are; of those that are live where None."""
        return self._table.count_rows(self.live if where is None else where)

    def scan(self, names, *, where=None, batch_size=_BATCH):
        """Reads columns, batch by batch, in the order of the table.

        Args:
            names: list of str; an encoder's columns are the current one's.
            where: a filter in SQL, of the table's own names; None: live rows;
                "": all rows.
            batch_size: n.

        Yields:
            pa.RecordBatch with columns called as in `names`.
        """
        own = [self.current.column(name) for name in names]
        scanner = self._table.scanner(
            columns=own,
            filter=(self.live if where is None else where) or None,
            batch_size=batch_size,
            scan_in_order=True,
            batch_readahead=4,
            fragment_readahead=1,
        )
        for batch in scanner.to_batches():
            yield batch.rename_columns(names)

    def read(self, names, *, where=None):
        """As `scan`, in one pa.Table."""
        kinds = self._table.schema
        fields = [kinds.field(self.current.column(name)) for name in names]
        kinds = pa.schema([f.with_name(n) for f, n in zip(fields, names)])
        batches = (b.cast(kinds) for b in self.scan(names, where=where))
        return pa.Table.from_batches(batches, kinds)

    def blocks(self, where=None):
        """Yields the vectors of live rows, float16 [n, f], in order."""
        for batch in self.scan(["vector"], where=where):
            yield to_array(batch.column(0))

    def column(self, name):
        """A column of live rows by the table's own name, a pa.ChunkedArray."""
        found = self._table.to_table(
            columns=[name], filter=self.live, scan_in_order=True
        )
        return found.column(0)

    def append(self, batches):
        """Adds rows whose ids are not there yet, in one version.

        Args:
            batches: iterable of pa.RecordBatch, columns by the table's own
                names; those that are not there are null.
        """
        kinds = self._table.schema
        whole = (fitted(batch, kinds) for batch in batches)
        reader = pa.RecordBatchReader.from_batches(kinds, whole)
        tables.write_table(reader, self._table.uri, mode="append")
        self.refresh()

    def merge(self, rows):
        """Writes cells of rows that are there, found by their ids.

        Args:
            rows: pa.Table with `id` and columns by the table's own names.
        """
        for start in range(0, len(rows), _MERGED):
            self._table = tables.open_table(self._table.uri)
            merge = self._table.merge_insert("id").when_matched_update_all()
            merge.execute(rows.slice(start, _MERGED))
        self.refresh()

    def add_encoder(self, encoder):
        """Adds an encoder's columns, all null; the current one stays.

        Args:
            encoder: columns_of.Encoder, the next one in number.
        """
        self._table.add_columns(encoder.fields())
        self._note([*self.encoders, encoder], self.current.number)

    def turn_to(self, encoder):
        """Makes an encoder the current one."""
        self._note(self.encoders, encoder.number)

    def _note(self, encoders, number):
        text = columns_of.to_json(encoders, number)
        table = tables.open_table(self._table.uri)
        table.update_schema_metadata({_ENCODERS.decode(): text})
        self.refresh()


@contextlib.contextmanager
def held(path):
    """Holds a store's folder: nobody else writes to it.

    Args:
        path: folder of a store, or one to make.

    Raises:
        InputError: another process writes, or `path` is a file or a folder
            of something else, or a bucket that does not answer.
    """
    if files.is_remote(path):
        _finish(path)
        yield
        return
    folder = files.absolute(path)
    require_folder(folder, f"The store {path}")
    if os.path.isdir(folder) and not is_store(path):
        others = sorted(set(os.listdir(folder)) - {"lock", "pending"})
        if others:
            raise InputError(
                f"{path} holds something else, {others[0]!r}: choose another "
                "folder for the store."
            )
    os.makedirs(folder, exist_ok=True)
    busy = f"Another process writes to the store {path}: wait for it."
    with locked(folder, busy):
        _finish(path)
        yield


def _finish(path):
    """What a kill at the last step of `replace` left undone; and columns that
    a store does not have which is older than they are."""
    if is_store(path):
        store = Store(path)
        store._finish_replacing()
        fields = columns_of.missing(store.table.schema.names)
        if fields:
            store.table.add_columns(fields)


def begin(path, encoder, batches):
    """Makes a store of its first rows.

    Args:
        path: folder.
        encoder: columns_of.Encoder, number 1.
        batches: iterable of pa.RecordBatch, as for Store.append.

    Returns:
        Store.
    """
    text = columns_of.to_json([encoder], 1)
    kinds = columns_of.schema([encoder]).with_metadata({_ENCODERS: text})
    whole = (fitted(batch, kinds) for batch in batches)
    reader = pa.RecordBatchReader.from_batches(kinds, whole)
    tables.write_table(reader, place.images(path))
    return Store(path)
