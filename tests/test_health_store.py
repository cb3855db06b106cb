"""The health of a store's encoder: days as before, and days that drift."""

import numpy as np
import pytest

import simclr
from simclr.explore import health
from simclr.explore.drift.verdict import NO, TOO_FEW, YES
from simclr.messages.errors import InputError
from tests import made_store

PARTS, DIMS = 5, 12


@pytest.fixture
def begun(tmp_path):
    vectors, _ = made_store.mixture(3000, PARTS, DIMS)
    found = made_store.begin(tmp_path / "store", vectors)
    simclr.cluster(found.path, k=PARTS, day="2026-01-01", quiet=True)
    found.refresh()
    return found


def add(found, vectors, first, day):
    rows = made_store.rows_of(vectors, found.current, first=first, day=day)
    found.append(rows.to_batches())
    simclr.assign(found.path, day=day, quiet=True)
    found.refresh()


def test_a_day_like_the_others(begun):
    vectors, _ = made_store.mixture(500, PARTS, DIMS, of=1)
    add(begun, vectors, 3000, "2026-01-02")
    day, found = health.health(begun)
    assert (day, found.retrain) == ("2026-01-02", NO)
    assert len(found.reasons) == 3


def test_a_day_of_new_images(begun):
    """Although they are a cluster of their own by then."""
    vectors, _ = made_store.mixture(500, PARTS, DIMS, of=1)
    rng = np.random.default_rng(7)
    vectors[:150] = rng.normal(size=DIMS) + 0.3 * rng.normal(size=[150, DIMS])
    add(begun, vectors, 3000, "2026-01-02")
    _, found = health.health(begun)
    assert found.retrain == YES
    assert found.signs[0].value > 0.2


def test_another_mix_is_no_reason(begun):
    vectors, part = made_store.mixture(3000, PARTS, DIMS, of=1)
    add(begun, vectors[part < 2][:500], 3000, "2026-01-02")
    _, found = health.health(begun)
    assert found.retrain == NO
    assert any("no reason to train" in reason for reason in found.reasons)


def test_few_images(begun):
    vectors, _ = made_store.mixture(5, PARTS, DIMS, of=1)
    add(begun, vectors, 3000, "2026-01-02")
    assert health.health(begun)[1].retrain == TOO_FEW


def test_what_is_refused(begun, tmp_path):
    with pytest.raises(InputError, match="no image of the day '2030-01-01'"):
        health.health(begun, day="2030-01-01")
    vectors, _ = made_store.mixture(50, 2, DIMS)
    other = made_store.begin(tmp_path / "other", vectors)
    with pytest.raises(InputError, match="has no clusters"):
        health.health(other)
    simclr.cluster(other.path, k=2, quiet=True)
    other.refresh()
    with pytest.raises(InputError, match="again when it holds 1,200 images"):
        health.health(other, day="2026-01-01")
