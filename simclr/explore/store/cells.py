"""Cells of a store's table: as arrays, of a column's type, in SQL.

Letters: n = rows of a batch, f = features.
"""

import pyarrow as pa


def to_array(vectors):
    """float16 [n, f] of a pa.FixedSizeListArray without nulls."""
    return vectors.flatten().to_numpy().reshape(len(vectors), -1)


def quoted(text):
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def of_type(values, field):
    """A column's values, an array of pyarrow, as a pa.Field says."""
    return pa.array(values).cast(field.type)


def fitted(batch, kinds):
    """A batch with all columns of a schema; null where it has none."""
    return pa.record_batch(
        [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(len(batch), field.type)
            for field in kinds
        ],
        schema=kinds,
    )
