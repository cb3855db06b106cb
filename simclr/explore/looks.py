"""What a store keeps of an image beside its vector: a look at it, and facts.

Letters: h w = an image's height and width.
"""

import cv2
import numpy as np

from simclr.explore.store.schema import images_table
from simclr.messages.errors import InputError

# So many unreadable images, and no other, are a disk that is gone.
_LOST = 100
_SIDE = 48  # Pixels; about 1 KB.
_QUALITY = 75
# Sharpness is of an image of at most this side: of phones and of cameras alike.
_JUDGED_SIDE = 512


class Looks:
    """A reader that notes a look at each image that it loads.

    Takes the place of a data.images.reader.Reader.

    Args:
        reader: Reader.
        root: str, begins each image's id in the store.
        day: str, today.
    """

    def __init__(self, reader, root, day):
        self._reader, self._root, self._day = reader, root, day
        self._seen = {}

    @property
    def source(self):
        return self._reader.source

    @property
    def bad(self):
        return self._reader.bad

    def load(self, row):
        """As Reader.load; a few images may all be unreadable."""
        try:
            image, replaced = self._reader.load(row)
        except InputError:  # On one day one image is new, and it is damaged.
            if len(self.bad) < len(self.source) or len(self.bad) >= _LOST:
                raise
            image, replaced = np.zeros([1, 1, 3], np.uint8), True
        if not replaced:
            self._seen[int(row)] = look(image)
        return image, replaced

    def take(self, rows):
        """What was noted of some images; what was of others is forgotten.

        Args:
            rows: int [n].

        Returns:
            A table of pyarrow, n rows in that order, with a store's columns.
        """
        source = self.source
        found = [self._seen.pop(int(row)) for row in rows]
        self._seen.clear()
        stamps = [stamp_of(source, int(row)) for row in rows]
        return images_table(
            {
                "id": [id_of(self._root, source, row) for row in rows],
                "source": [self._root] * len(rows),
                "bytes": [size for size, _ in stamps],
                "time": [time for _, time in stamps],
                "day": [self._day] * len(rows),
                "label": [_label(source, row) for row in rows],
            }
            | {key: [one[key] for one in found] for key in _KEYS}
        )


_KEYS = ("width", "height", "sharpness", "thumbnail")


def look(image):
    """What is kept of an image's pixels.

    Args:
        image: uint8 [h, w, 3].

    Returns:
        dict: width, height; thumbnail, a JPEG of 48 pixels at the longer
        side, and not enlarged; sharpness, the variance of the Laplacian of
        its grays at 512 pixels at most (Pech-Pacheco et al. 2000).
    """
    height, width = image.shape[:2]
    small = fitted(image, _SIDE)
    _, data = cv2.imencode(
        ".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    gray = cv2.cvtColor(fitted(image, _JUDGED_SIDE), cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(gray, cv2.CV_32F).var())
    return {
        "width": width,
        "height": height,
        "sharpness": sharpness,
        "thumbnail": data.tobytes(),
    }


def id_of(root, source, row):
    """An image's id in a store: unique over all sources."""
    return f"{root}/{source.id(int(row))}"


def fitted(image, side):
    """The image at `side` pixels at the longer side, if it is larger."""
    height, width = image.shape[:2]
    share = side / max(height, width)
    if share >= 1:
        return image
    size = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def stamp_of(source, row):
    """Source.stamp; (None, None) of an image that went meanwhile."""
    try:
        return source.stamp(row)
    except OSError:
        return None, None


def _label(source, row):
    number = -1 if source.labels is None else source.labels[row]
    return source.class_names[number] if number >= 0 else None
