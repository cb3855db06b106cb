"""Memory for the arrays of batches, used again and again.

A batch's arrays are large. Memory that the kernel has just given is cleared
page by page when it is first written to, which takes a third of the time of
colours on a host. So what no batch holds any more goes to the next one.
"""

import sys
import threading

import numpy as np

_ALIGNED = 64  # Bytes: TensorFlow takes such an array without a copy.
# References to a piece of memory that nobody else holds: of the list of all
# pieces, of the loop over it and of the call that counts.
_OWN = 3


class Rooms:
    """Arrays of the batches of one pipeline; threads may share it.

    At most as many pieces are kept as were in use at once.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._pieces = []

    def take(self, shape, dtype):
        """An array whose values do not matter.

        Its memory is used again when neither it nor a view of it is left,
        in Python or in a tensor.
        """
        num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        with self._lock:
            for memory in self._pieces:
                if (
                    memory.nbytes == num_bytes + _ALIGNED
                    and sys.getrefcount(memory) == _OWN
                ):
                    break
            else:
                memory = np.empty(num_bytes + _ALIGNED, np.uint8)
                self._pieces.append(memory)
            start = -memory.ctypes.data % _ALIGNED
            array = memory[start : start + num_bytes]
        return array.view(dtype).reshape(shape)
