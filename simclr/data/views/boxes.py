"""Where random crops lie, for a whole batch at once, without TensorFlow.

SimCLR's crop is the Inception crop as TensorFlow samples it, which is not
torchvision's: areas are not uniform (their median is 0.36 on a 300 x 400 image)
and none is below a tenth of the image, because a crop must cover that much.

The boxes are, bit for bit, those of TensorFlow's operation
`stateless_sample_distorted_bounding_box` on x86-64: its random numbers (Philox,
Salmon et al. 2011) in its order, and its float32 arithmetic. One call of that
operation an image costs more than the rest of a small image's views.

Shapes: m = boxes.
"""

import numpy as np

ASPECT = (3 / 4, 4 / 3)  # Width / height.
MIN_COVERED = 0.1  # Of the object's area; the object is the whole image.
_ATTEMPTS = 100  # Then the whole image.

_ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
# Scrambles the seeds, so that it does not matter which part of them varies.
_SCRAMBLE = 0x3EC8F720, 0x02461E29
# Blocks of 4 random numbers that are made at a time: enough for most boxes.
_BLOCKS = 4


def crop_boxes(shapes, seeds, area=(0.08, 1.0)):
    """Random boxes, one a seed.

    Args:
        shapes: int [m, 2], height and width of each box's image, pixels.
        seeds: int32 [m, 2].
        area: smallest and largest share of the image's area.

    Returns:
        int32 [m, 4]: top, left, height and width.
    """
    height, width = np.asarray(shapes, np.int64).T
    boxes = np.stack([0 * height, 0 * width, height, width], axis=1)
    smallest, largest = (
        np.float32(share) * width.astype("f") * height.astype("f")
        for share in area
    )
    numbers = _Numbers(np.asarray(seeds))
    left = np.arange(len(boxes))  # What has no box yet.
    for _ in range(_ATTEMPTS):
        if not len(left):
            break
        numbers.of(left)
        found, good = _attempt(
            numbers, height[left], width[left], smallest[left], largest[left]
        )
        boxes[left[good]] = found[good]
        left = left[~good]
    return boxes.astype(np.int32)


def _attempt(numbers, full_height, full_width, smallest, largest):
    """TensorFlow's GenerateRandomCrop: int64 [m, 4], and whether it is good."""
    low, high = np.float32(ASPECT[0]), np.float32(ASPECT[1])
    aspect = numbers.uniform() * (high - low) + low

    def width_of(height):
        return np.rint(height.astype("f") * aspect).astype(np.int64)

    height = np.rint(np.sqrt(smallest / aspect)).astype(np.int64)
    most = np.rint(np.sqrt(largest / aspect)).astype(np.int64)
    # The largest height whose width, rounded, is not beyond the image's.
    wide = width_of(most) > full_width
    fitting = (full_width + 0.5 - float(np.float32(1e-7))) / aspect.astype("d")
    most = np.where(wide, fitting.astype(np.int64), most)
    most -= wide & (width_of(most) > full_width)
    most = np.minimum(most, full_height)
    height = np.minimum(height, most)
    height += numbers.below(most - height + 1, height < most)
    # Rounding may have put the area just out of its range.
    area = (height * width_of(height)).astype("f")
    height += area < smallest
    area = (height * width_of(height)).astype("f")
    height -= area > largest
    width = width_of(height)
    area = (height * width).astype("f")
    good = (
        (area >= smallest)
        & (area <= largest)
        & (width <= full_width)
        & (height <= full_height)
        & (width > 0)
        & (height > 0)
    )
    top = numbers.below(full_height - height, good & (height < full_height))
    left = numbers.below(full_width - width, good & (width < full_width))
    covered = area / (full_height * full_width).astype("f")
    good &= covered >= np.float32(MIN_COVERED)
    return np.stack([top, left, height, width], axis=1), good


class _Numbers:
    """A stream of random numbers for each of many seeds.

    Args:
        seeds: int32 [m, 2].
    """

    def __init__(self, seeds):
        words = seeds.astype(np.int64).view(np.uint64)  # Signs are extended.
        first, second = words[:, 0], words[:, 1]
        counter = first & _LOW, first >> _HALF, second & _LOW, second >> _HALF
        key = [np.full(len(seeds), k, np.uint64) for k in _SCRAMBLE]
        mixed = _philox(counter, key)
        self._key, self._counter = mixed[:2], mixed[2:]
        self._stream = np.empty([len(seeds), 0], np.uint64)
        self._next = np.zeros(len(seeds), np.int64)
        self._rows = np.arange(len(seeds))

    def of(self, rows):
        """From here on, each number is one for each of these rows, int [k]."""
        self._rows = rows

    def uniform(self):
        """float32 [k] in [0, 1)."""
        bits = self._take(np.ones(len(self._rows), bool))
        return (bits & np.uint64(0x7FFFFF)).astype("f") * np.float32(2.0**-23)

    def below(self, limit, asked):
        """Integers in [0, limit), none more likely than others.

        Args:
            limit: int64 [k], at least 1 where asked.
            asked: bool [k]; the others take no number from their stream.

        Returns:
            int64 [k]; 0 where not asked.
        """
        limit = np.where(asked, limit, 1).astype(np.uint64)
        # Numbers below this make small results likelier; none, of a power of 2.
        skewed = np.where(
            limit & (limit - np.uint64(1)), _LOW % limit + np.uint64(1), 0
        )
        result = np.zeros(len(limit), np.uint64)
        while asked.any():
            bits = self._take(asked)
            result[asked] = bits[asked]
            asked = asked & (bits < skewed)
        return (result % limit).astype(np.int64)

    def _take(self, asked):
        """The next number, uint64 [k] below 2**32, of the rows asked for."""
        place = self._next[self._rows]
        while place.max() >= self._stream.shape[1]:
            self._extend()
        self._next[self._rows] += asked
        return self._stream[self._rows, place]

    def _extend(self):
        """The next blocks of every row."""
        first = self._stream.shape[1] // 4
        block = np.arange(first, first + _BLOCKS, dtype=np.uint64)
        counter = [block, 0 * block, *(c[:, None] for c in self._counter)]
        shape = np.broadcast_shapes(*(c.shape for c in counter))
        words = _philox(
            [np.broadcast_to(c, shape) for c in counter],
            [k[:, None] for k in self._key],
        )
        more = np.stack(words, axis=-1).reshape(len(self._key[0]), -1)
        self._stream = np.concatenate([self._stream, more], axis=1)


def _philox(counter, key):
    """Philox4x32-10 of 4 words and a key of 2, arrays of uint64 < 2**32."""
    (a, b, c, d), (first, second) = counter, key
    for _ in range(_ROUNDS):
        one, two = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (two >> _HALF) ^ b ^ first,
            two & _LOW,
            (one >> _HALF) ^ d ^ second,
            one & _LOW,
        )
        first = (first + _KEY_STEPS[0]) & _LOW
        second = (second + _KEY_STEPS[1]) & _LOW
    return a, b, c, d
