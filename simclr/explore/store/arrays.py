"""A few arrays as a small table, such as a whitening's, without pickle."""

import numpy as np
import pyarrow as pa


def to_table(arrays):
    """Arrays by name, as a table of a row each.

    Args:
        arrays: dict of name -> float array, or a number.

    Returns:
        pa.Table: name, shape, values (float64: no number changes).
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    return pa.table(
        {
            "name": list(arrays),
            "shape": pa.array(
                [list(a.shape) for a in arrays.values()], pa.list_(pa.int64())
            ),
            "values": pa.array(
                [a.astype(np.float64).ravel() for a in arrays.values()],
                pa.list_(pa.float64()),
            ),
        }
    )


def from_table(table):
    """dict of name -> float64 array: what `to_table` was given."""
    return {
        row["name"]: np.array(row["values"], np.float64).reshape(row["shape"])
        for row in table.to_pylist()
    }
