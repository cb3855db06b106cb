"""Images as `simclr lower` stored them, and in which order they come.

Needs jax and NumPy alone. Letters: R = replicas.
"""

import numpy as np

from simclr.pjrt import files
from simclr.pjrt.devices import memory
from simclr.storage import array_file


class DeviceImages:
    """A copy of all images on each of some devices.

    Args:
        images: uint8 [m, S, S, 3].
        devices: list of jax devices.
    """

    def __init__(self, images, devices):
        import jax

        self._devices = devices
        # A row an image: a TPU would fill the last axis of three up to 128.
        shape, flat = images.shape[1:], images.reshape(len(images), -1)
        self._copies = [jax.device_put(flat, d) for d in devices]
        self._take = jax.jit(lambda flat, rows: flat[rows].reshape(-1, *shape))

    def take(self, rows, place=0):
        """The images of `rows`, int [n], on one of the devices."""
        import jax

        rows = jax.device_put(rows.astype(np.int32), self._devices[place])
        return self._take(self._copies[place], rows)


class ImageStore:
    """Images as `simclr lower` stored them, and what belongs to each.

    Args:
        run: folder.
        name: "images" or "eval_images".
        devices: list of jax devices.
        where: "device", "host", or "auto": on the device, if `share` of its
            memory holds them.
        share: float.
    """

    def __init__(self, run, name, devices, where, share=0.0):
        self._images = array_file.mapped(files.path(run, f"{name}.npy"))
        self.rows = files.arrays(files.path(run, f"{name}_rows.npz"))
        self._targets = files.mapped(files.path(run, f"{name}_target.npy"))
        self._devices = devices
        room = memory(devices[0]) or np.inf
        self.on_device = where == "device" or (
            where == "auto" and self._images.nbytes <= share * room
        )
        if self.on_device:
            self._copies = DeviceImages(self._images, devices)

    def __len__(self):
        return len(self._images)

    @property
    def side(self):
        """Of a stored image, pixels."""
        return self._images.shape[1]

    def take(self, rows, place=0):
        """Some images, on one of the devices."""
        import jax

        if self.on_device:
            return self._copies.take(rows, place)
        return jax.device_put(self._images[rows], self._devices[place])

    def batches(self, config, step, executable):
        """What the lowered step takes, from `step` on.

        Yields:
            list of jax arrays, a parameter each.
        """
        order = Order(config.seed, len(self))
        while True:
            rows = order.rows(step, config.batch_size)
            shares = np.split(rows, len(self._devices))
            batch = {
                name: executable.put([self.rows[name][rows] for rows in shares])
                for name in ("extents", "label", "replaced")
            }
            batch["images"] = executable.join(
                [self.take(rows, place) for place, rows in enumerate(shares)]
            )
            if self._targets is not None:
                batch["target"] = executable.put(
                    [self._targets[rows].astype(np.float32) for rows in shares]
                )
            batch["step"] = executable.put(np.int64(step))
            yield [batch[name] for name in sorted(batch)]
            step += 1


class Order:
    """Which image at which step: a permutation of all in every epoch.

    A function of (seed, step), like simclr/data/order.py; not the same one.
    """

    def __init__(self, seed, num):
        self._seed, self._num, self._known = seed, num, {}

    def rows(self, step, size):
        """int64 [size], the images of the global batch at `step`."""
        position = step * size + np.arange(size)
        epochs, places = position // self._num, position % self._num
        rows = np.zeros(size, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = self._permutation(int(epoch))[places[here]]
        return rows

    def _permutation(self, epoch):
        if epoch not in self._known:
            bits = np.random.Philox(key=[self._seed, epoch])
            shuffled = np.random.Generator(bits).permutation(self._num)
            # A batch crosses from one epoch to the next at most.
            self._known = {
                k: v for k, v in self._known.items() if k == epoch - 1
            } | {epoch: shuffled}
        return self._known[epoch]
