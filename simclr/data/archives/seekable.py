"""A file that libraries can seek in, local or remote."""

import io


class Seekable(io.RawIOBase):
    """A file for reading.

    Args:
        read: function of an offset and a size to bytes, as files.opened gives.
        size: int, of the file.
    """

    def __init__(self, read, size):
        super().__init__()
        self._read, self._size, self._place = read, size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        start = {io.SEEK_CUR: self._place, io.SEEK_END: self._size}
        self._place = start.get(whence, 0) + offset
        return self._place

    def readinto(self, room):
        size = max(0, min(len(room), self._size - self._place))
        data = self._read(self._place, size) if size else b""
        room[: len(data)] = data
        self._place += len(data)
        return len(data)
