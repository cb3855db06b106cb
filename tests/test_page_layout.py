import numpy as np
import pytest

from simclr.explore.page import layout, pacmap
from simclr.explore.store import store as stores
from simclr.messages.errors import InputError
from tests import made_store

DIMS = 16


def rows(count, **options):
    return made_store.mixture(count, 6, DIMS, **options)


def purity(places, label, k=5):
    """The share of nearest neighbours on the plane of a point's own part."""
    near = pacmap.neighbours(places, k)
    return np.mean(label[near] == label[:, None])


def test_parts_lie_apart_and_the_seed_decides():
    x, label = rows(400)
    x = x.astype(np.float32)
    places = pacmap.fit(x, seed=1)
    assert places.shape == (400, 2) and places.dtype == np.float32
    assert purity(places, label) > 0.99
    # Neighbours within a part, too, are more often neighbours on the plane
    # than chance (5 of the part's 66) lets them be.
    one = x[label == 0], places[label == 0]
    near, drawn = (pacmap.neighbours(rows, 5) for rows in one)
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(near, drawn)])
    assert shared > 2 * 5 / len(near)
    np.testing.assert_array_equal(places, pacmap.fit(x, seed=1))
    assert np.abs(places - pacmap.fit(x, seed=2)).max() > 1e-3


def test_the_force_is_the_gradient_of_the_papers_loss():
    scale, numerator = pacmap._forces(0, np.array([0, 1, 2]))
    weights, step = np.array([2, 1000, 1]), 1e-4
    losses = (
        lambda t: t / (10 + t),
        lambda t: t / (10_000 + t),
        lambda t: 1 / (1 + t),
    )
    for i, loss in enumerate(losses):
        for apart in (0.5, 3.0):
            up, down = (1 + (apart + h) ** 2 for h in (step, -step))
            slope = weights[i] * (loss(up) - loss(down)) / (2 * step)
            force = numerator[i] * apart / (scale[i] + apart**2) ** 2
            np.testing.assert_allclose(force, slope, rtol=1e-4)


def test_neighbours_leave_out_the_row_itself():
    x = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)  # All duplicates.
    found = pacmap.neighbours(x, 3)
    for row, near in enumerate(found):
        assert row not in near
        assert set(near // 4) == {row // 4}


def test_of_many_rows_most_true_neighbours_are_found(monkeypatch):
    x = rows(3000)[0].astype(np.float32)
    true = pacmap.neighbours(x, 10)
    monkeypatch.setattr(pacmap, "_MOST_EXACT", 1000)
    found = pacmap.neighbours(x, 10)
    same = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true)])
    assert same > 0.9
    assert not np.any(found == np.arange(3000)[:, None])


@pytest.fixture
def made(tmp_path):
    return made_store.begin(tmp_path / "store", rows(300)[0])


def places_of(store, found):
    x = [found.whitening.apply(block) for block in store.blocks()]
    return found.place(np.concatenate(x))


def test_a_new_day_moves_no_old_point(made):
    layout.write(made, layout.fit(made))
    before = places_of(made, layout.read(made))
    assert before.min() >= 0 and before.max() <= 1
    new = rows(200, of=1)[0]
    new[0] = 50  # Unlike all: it is put beside some, and moves none.
    with stores.held(made.path):
        made.append(
            made_store.rows_of(
                new, made.current, first=300, day="2026-01-02"
            ).to_batches()
        )
    after = places_of(made, layout.read(made))
    assert len(after) == 500
    np.testing.assert_array_equal(after[:300], before)
    assert after.min() >= 0 and after.max() <= 1


def test_a_landmark_lies_at_its_own_place_and_new_images_beside_their_like(
    made, monkeypatch
):
    monkeypatch.setattr(layout, "MOST_LANDMARKS", 150)
    found = layout.fit(made)
    assert len(found.places) == 150
    own = found.place(found.landmarks)
    np.testing.assert_allclose(own, found.places, atol=1e-6)
    new, label = rows(200, of=1)
    places = found.place(found.whitening.apply(new))
    assert purity(places, label) > 0.99


def test_a_store_outgrows_its_map(made, monkeypatch):
    monkeypatch.setattr(layout, "MOST_LANDMARKS", 60)
    found = layout.fit(made)
    assert not layout.is_small(made, found)
    monkeypatch.setattr(layout, "MOST_LANDMARKS", 1000)
    assert layout.is_small(made, found)


def test_another_encoder_has_a_map_of_its_own(made):
    layout.write(made, layout.fit(made))
    made.add_encoder(made_store.encoder(8, number=2))
    made.turn_to(made.encoders[1])
    assert layout.read(made) is None


def test_one_image_has_no_map(tmp_path):
    one = made_store.begin(tmp_path / "one", rows(1)[0])
    with pytest.raises(InputError, match="nothing to whiten by"):
        layout.fit(one)
