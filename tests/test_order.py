import functools

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.order import batch_indices


@functools.cache
def epochs(count, num_examples, batch_size=7, seed=5, **blocks):
    """The first `count` epochs, [count, num_examples], from batches."""

    def indices(step):
        return batch_indices(
            step,
            seed=seed,
            num_examples=num_examples,
            batch_size=batch_size,
            **blocks,
        )

    steps = -(-count * num_examples // batch_size)
    rows = tf.data.Dataset.range(steps).map(indices)
    rows = np.concatenate(list(rows.as_numpy_iterator()))
    return rows[: count * num_examples].reshape(count, num_examples)


@pytest.mark.parametrize("num_examples", [1, 2, 3, 16, 101, 1000])
@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"block_size": 2, "window_blocks": 3},
        {"block_size": 32, "window_blocks": 4},
        {"block_size": 10**6, "window_blocks": 1},
    ],
    ids=str,
)
def test_every_epoch_holds_every_example_once(num_examples, blocks):
    batch_size = 64 if num_examples > 16 else 3  # Does not divide any of them.
    found = np.sort(epochs(3, num_examples, batch_size, **blocks), axis=1)
    np.testing.assert_array_equal(found, [np.arange(num_examples)] * 3)


@pytest.mark.parametrize("block_size", [1, 8])
def test_a_batch_depends_on_seed_and_step_only(block_size):
    def batch(step, seed):
        return batch_indices(
            step,
            seed=seed,
            num_examples=1000,
            batch_size=32,
            block_size=block_size,
        ).numpy()

    steps = tf.data.Dataset.range(40, 50)
    graph = steps.map(
        lambda step: batch_indices(
            step,
            seed=1,
            num_examples=1000,
            batch_size=32,
            block_size=block_size,
        )
    )
    for step, expected in zip(range(40, 50), graph.as_numpy_iterator()):
        assert expected.dtype == np.int64
        np.testing.assert_array_equal(batch(step, 1), expected)
    assert (batch(40, 1) != batch(40, 2)).any()
    assert (batch(40, 1) != batch(41, 1)).any()


def test_seeds_of_32_bits():
    def batch(seed):
        return batch_indices(0, seed=seed, num_examples=9999, batch_size=50)

    seeds = (0, 1, 2**31, 2**32 - 1)
    assert len({tuple(batch(seed).numpy()) for seed in seeds}) == len(seeds)


def test_order_of_positions_does_not_depend_on_the_batch():
    np.testing.assert_array_equal(epochs(2, 100, 7), epochs(2, 100, 25))


def test_positions_do_not_wrap_at_32_bits():
    def batch(step):
        return batch_indices(step, seed=0, num_examples=1000, batch_size=16)

    assert (batch(2**28) != batch(0)).numpy().any()


@pytest.mark.parametrize("block_size", [1, 4096])
def test_positions_and_indices_beyond_32_bits(block_size):
    num_examples = 5_000_000_000
    found = batch_indices(
        3_000_000_000,
        seed=0,
        num_examples=num_examples,
        batch_size=256,
        block_size=block_size,
        window_blocks=8,
    ).numpy()
    assert len(set(found)) == 256
    assert found.min() >= 0 and 2**31 < found.max() < num_examples


@pytest.mark.parametrize("num_examples", [11, 31])
def test_every_example_is_as_likely_at_every_place(num_examples):
    count = 1000
    orders = epochs(count, num_examples, batch_size=4096)
    seen = np.stack([np.bincount(p, minlength=num_examples) for p in orders.T])
    expected = count / num_examples
    # Of a permutation matrix only (num - 1)^2 counts are free.
    chi_square = ((seen - expected) ** 2 / expected).sum()
    chi_square *= (num_examples - 1) / num_examples
    freedom = (num_examples - 1) ** 2
    assert abs(chi_square - freedom) < 4 * np.sqrt(2 * freedom)


def test_epochs_are_not_alike():
    num_examples = 31
    orders = epochs(1000, num_examples, batch_size=4096)
    same = (orders[1:] == orders[:-1]).mean() * num_examples
    assert abs(same - 1) < 0.1


def test_large_epochs_are_not_correlated():
    # With the 4 rounds of index_shuffle two of these twelve are the same.
    num_examples = 65536
    orders = epochs(12, num_examples, batch_size=4096).astype(float)
    between = np.corrcoef(orders)[np.triu_indices(12, 1)]
    next_one = [np.corrcoef(order[1:], order[:-1])[0, 1] for order in orders]
    bound = 4.5 / np.sqrt(num_examples)
    assert np.abs(between).max() < bound
    assert np.abs(next_one).max() < bound


def test_blocks_are_read_together_and_windows_are_mixed():
    num_examples, block_size, window_blocks = 4096, 16, 8
    span = block_size * window_blocks
    orders = epochs(
        8,
        num_examples,
        batch_size=64,
        block_size=block_size,
        window_blocks=window_blocks,
    )
    starts = set()
    for order in orders:
        window = np.sort(order[:span])
        first = np.append(True, np.diff(window) != 1)  # Of each run.
        # Blocks side by side are one run; one may go round the end.
        assert np.count_nonzero(first) <= window_blocks + 1
        starts.update(window[first][1:] % block_size)
        # Shuffled inside: hardly any neighbour follows its neighbour.
        assert np.mean(np.diff(order[:span]) == 1) < 0.1
    assert len(starts) > 2, "blocks start at other examples in every epoch"
    firsts = {frozenset(order[:span] // block_size) for order in orders}
    assert len(firsts) == len(orders), "other blocks in every epoch"


def test_short_last_block_moves():
    orders = epochs(50, 103, batch_size=103, block_size=10, window_blocks=1)
    assert len({frozenset(order[100:]) for order in orders}) > 25


@pytest.mark.parametrize(
    "name", ["num_examples", "batch_size", "block_size", "window_blocks"]
)
def test_sizes_below_one_are_refused(name):
    sizes = {"num_examples": 10, "batch_size": 2, name: 0}
    with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
        batch_indices(0, seed=0, **sizes)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed={seed} must be from 0"):
        batch_indices(0, seed=seed, num_examples=10, batch_size=2)
