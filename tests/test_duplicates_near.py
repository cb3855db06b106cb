"""New rows among old ones by cells: as a look at all, where all are visited."""

import numpy as np
import pytest

from simclr.explore.duplicates import near
from simclr.explore.duplicates.cells import NEAREST, cells_of


def unit(rows):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16)


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=[200, 8]), rng.normal(size=[30, 8])
    new[:5] = old[10:15]
    return unit(old), unit(new), rng.random(200).astype("f")


def blocks(old, level, centres, size):
    """As an index has them: cell by cell, some rows at a time."""
    cells = cells_of(old, centres)
    order = np.concatenate(cells.home)
    home = np.repeat(np.arange(len(centres)), [len(c) for c in cells.home])
    for start in range(0, len(order), size):
        part = order[start : start + size]
        yield home[start : start + size], old[part], level[part], part


def literal(new, old, row, cells, visited):
    """The rows of the cells that a row visits, the most similar first."""
    similar = [
        (float(new[row].astype("d") @ old[j].astype("d")), j)
        for j in range(len(old))
        if cells[j] in visited
    ]
    return sorted(similar, key=lambda one: -one[0])[:32]


@pytest.mark.parametrize("count", [3, 12])
@pytest.mark.parametrize("size", [7, 1000])
def test_as_a_look_at_each(sets, count, size):
    old, new, level = sets
    centres = old[:count].astype(np.float32)
    found = near.search(new, centres, blocks(old, level, centres, size))
    home = (old.astype("f") @ centres.T).argmax(1)
    for row in range(len(new)):
        order = np.argsort(-(new[row].astype("f") @ centres.T))
        expected = literal(new, old, row, home, set(order[:NEAREST].tolist()))
        got = found.number[row][found.number[row] >= 0]
        assert len(got) == len(expected)
        np.testing.assert_allclose(
            found.similarity[row][: len(got)],
            [value for value, _ in expected],
            atol=1e-3,
        )
        np.testing.assert_allclose(
            found.similarity[row][: len(got)],
            (old[got].astype("f") @ new[row].astype("f")),
            atol=1e-5,
        )
        np.testing.assert_array_equal(found.level[row][: len(got)], level[got])
    copies = found.number[:5, 0]
    if count == 3:  # All cells are visited.
        np.testing.assert_array_equal(copies, np.arange(10, 15))


def test_no_old_row(sets):
    _, new, _ = sets
    found = near.search(new, new[:3].astype("f"), [])
    assert (found.number == -1).all() and (found.levels == 0).all()
