"""CRC-32C (Castagnoli), as TFRecord files have it, by NumPy.

A CRC is linear: feeding a word to a state is the shift of their sum (XOR), and
zeros before the data leave the state 0 as it is. So the data is cut into many
lanes, which are worked on at once, a word of each at a time; two neighbours
are one lane of twice the length by one more shift.
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANE = 64  # Bytes.
# Shorter data is done sooner byte by byte.
_SHORT = 256


def masked(data):
    """The checksum that a TFRecord file stores, an int.

    Args:
        data: bytes.
    """
    crc = _short(data) if len(data) < _SHORT else _long(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _short(data):
    table, state = _table(), 0xFFFFFFFF
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ 0xFFFFFFFF


def _long(data):
    lanes = -(-len(data) // _LANE)
    padded = np.zeros([lanes * _LANE], np.uint8)
    start = len(padded) - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start : start + 4] ^= 0xFF  # The state that a CRC begins with.
    words = padded.view("<u4").reshape(lanes, -1).T.copy()
    states = np.zeros([lanes], np.uint32)
    for word in words:
        states = _shifted(states ^ word, 4)
    size = _LANE
    while len(states) > 1:
        if len(states) % 2:
            states = np.concatenate([np.zeros([1], np.uint32), states])
        states = _shifted(states[::2], size) ^ states[1::2]
        size *= 2
    return int(states[0]) ^ 0xFFFFFFFF


def _shifted(states, size):
    """States, uint32 [n], after so many more bytes that are 0."""
    low, high = _shifts(size)
    return low.take(states & 0xFFFF) ^ high.take(states >> 16)


@functools.cache
def _shifts(size):
    """What the low and the high 16 bits of a state become, uint32 [65536]."""
    if size == 1:
        table = np.array(_table(), np.uint32)
        halves = np.arange(1 << 16, dtype=np.uint32)
        return tuple(
            table.take(half & 0xFF) ^ half >> 8
            for half in (halves, halves << 16)
        )
    return tuple(_shifted(half, size // 2) for half in _shifts(size // 2))


@functools.cache
def _table():
    """What each last byte of a state adds to the rest of it, list of int."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table
