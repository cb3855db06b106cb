"""Which example at which step: a pure function of (seed, step).

N = examples in the global batch. Position p = step * N + row counts every
example ever drawn; p // num_examples is its epoch. Every epoch is a permutation
of all examples, so a batch may cross from one epoch to the next.
"""

import tensorflow as tf

from simclr.data import random_keys
from simclr.messages.errors import InputError

# tf.random.experimental.index_shuffle runs 4 rounds of its cipher and takes
# (seed, epoch) as it comes: with 65,536 examples some epochs are then the same,
# and with 31 the places are far from uniform (chi-square 140 deviations off).
# 16 rounds and a mixed key pass every test that we tried.
ROUNDS = 16


def batch_indices(
    step,
    *,
    seed,
    num_examples,
    batch_size,
    block_size=1,
    window_blocks=64,
):
    """Indices of the examples in the global batch at `step`.

    Where random reads are dear, `block_size` > 1 keeps neighbours together:
    blocks of neighbours are permuted, then the examples inside each window of
    `window_blocks` blocks, so that a reader has about that many blocks open.
    Blocks start at another example in every epoch, so that they do not always
    hold the same neighbours and the short last block is not always the same.

    Args:
        step: Integer scalar, Python or tensor, from 0.
        seed: Python int in [0, 2**32).
        num_examples: Examples in the source, at least 1.
        batch_size: N, examples in the global batch.
        block_size: Neighbours that are read together. 1 is a plain permutation.
        window_blocks: Blocks mixed with each other when block_size > 1.

    Returns:
        int64 [N]. Over the steps, each run of num_examples positions from a
        multiple of num_examples holds every index exactly once.

    Raises:
        InputError: a size below 1 or a seed out of range.
    """
    sizes = {
        "num_examples": num_examples,
        "batch_size": batch_size,
        "block_size": block_size,
        "window_blocks": window_blocks,
    }
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name}={value} must be at least 1.")

    rows = tf.range(batch_size, dtype=tf.int64)
    position = tf.cast(step, tf.int64) * batch_size + rows  # [N]
    num = tf.constant(num_examples, tf.int64)
    epoch, place = position // num, position % num
    if block_size == 1:
        return _shuffle(place, num, _hash(seed, random_keys.ORDER, epoch))

    span = block_size * window_blocks
    window, place = place // span, place % span
    length = tf.minimum(num - window * span, span)  # The last one is shorter.
    place = _shuffle(
        place, length, _hash(seed, random_keys.WINDOWS, epoch, window)
    )
    place += window * span

    slot, offset = place // block_size, place % block_size
    block = _shuffle_blocks(slot, epoch, seed, num_examples // block_size)
    start = (
        tf.cast(_shift(_hash(seed, random_keys.ROTATION, epoch), 1), tf.int64)
        % num
    )
    return (block * block_size + offset + start) % num


def _shuffle_blocks(slot, epoch, seed, num_full):
    """The block at each slot; a short last block stays in its slot."""
    if num_full == 0:
        return slot
    # A small permutation is slow to evaluate (it walks a cycle over at least
    # 2**16 values), and a batch holds few blocks: ask once for each.
    pair, where = tf.unique(epoch * (num_full + 1) + slot)
    epoch, slot = pair // (num_full + 1), pair % (num_full + 1)
    shuffled = _shuffle(
        tf.minimum(slot, num_full - 1),
        tf.constant(num_full, tf.int64),
        _hash(seed, random_keys.BLOCKS, epoch),
    )
    return tf.gather(tf.where(slot < num_full, shuffled, slot), where)


def _shuffle(place, num, key):
    """Where the permutation of [0, num) named by `key` sends each place.

    place int64 [N]; num int64, scalar or [N]; key uint64 [N] -> int64 [N].
    """
    words = tf.stack([key, _shift(key, 32), _shift(_mix(key), 32)], axis=1)
    return tf.raw_ops.RandomIndexShuffle(
        index=place,
        seed=tf.cast(words, tf.uint32),  # [N, 3], the low 32 bits of each.
        max_index=num - 1,
        rounds=ROUNDS,
    )


def _hash(seed, purpose, *parts):
    """uint64 [N], as good as random, of integers `parts`, int64 [N] each."""
    key = _mix(tf.constant(random_keys.pack(seed, purpose), tf.uint64))
    for part in parts:
        key = _mix(key + tf.cast(part, tf.uint64))
    return key


def _mix(x):
    """The output function of SplitMix64 (Steele, Lea and Flood 2014)."""
    x += 0x9E3779B97F4A7C15
    x = (x ^ _shift(x, 30)) * 0xBF58476D1CE4E5B9
    x = (x ^ _shift(x, 27)) * 0x94D049BB133111EB
    return x ^ _shift(x, 31)


def _shift(x, bits):
    return tf.bitwise.right_shift(x, tf.constant(bits, x.dtype))
