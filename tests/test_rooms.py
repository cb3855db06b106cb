"""Memory of batches: used again, but never while somebody holds it."""

import concurrent.futures

import numpy as np
import tensorflow as tf

from simclr.data.views.rooms import Rooms


def address(array):
    return array.ctypes.data


def test_what_nobody_holds_is_used_again():
    rooms = Rooms()
    first = rooms.take([3, 5], np.float32)
    assert first.shape == (3, 5) and first.dtype == np.float32
    assert address(first) % 64 == 0
    second = rooms.take([3, 5], np.float32)
    assert not np.shares_memory(first, second)
    places = {address(first), address(second)}
    other = rooms.take([3, 6], np.float32)
    assert address(other) not in places
    del first, second
    again = [rooms.take([5, 3], np.int32) for _ in range(2)]
    assert {address(array) for array in again} == places


def test_views_and_tensors_hold_it():
    rooms = Rooms()
    array = rooms.take([4, 100], np.float32)
    array[:] = 7
    row = array[2, 1:]
    del array
    taken = rooms.take([4, 100], np.float32)
    taken[:] = 1
    assert np.all(row == 7)

    def make():
        out = rooms.take([4, 100], np.float32)
        out[:] = 3
        return out

    tensor = tf.numpy_function(make, [], tf.float32)
    for _ in range(3):
        rooms.take([4, 100], np.float32)[:] = 5
    assert np.all(tensor == 3)


def test_a_pipeline_keeps_its_batches():
    """Batches that wait in a queue are not those that are being made."""
    rooms = Rooms()

    def make(i):
        out = rooms.take([1000, 10], np.float32)
        out[:] = i
        return out

    batches = tf.data.Dataset.range(40).map(
        lambda i: tf.numpy_function(make, [i], tf.float32),
        num_parallel_calls=4,
    )
    for i, batch in enumerate(batches.prefetch(4)):
        assert np.all(batch == i)
    assert len(rooms._pieces) < 40


def test_threads_take_different_pieces():
    rooms = Rooms()

    def fill(i):
        out = rooms.take([500], np.int64)
        out[:] = i
        return np.all(out == i)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fill, range(500)))
