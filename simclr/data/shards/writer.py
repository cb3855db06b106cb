"""One shard of `simclr prepare`, written aside until it is whole."""

import contextlib
import dataclasses
import os

from simclr.data.shards import FORMATS, arrayrecord, crop_loss, tfrecord
from simclr.data.shards import index as shard_index
from simclr.messages.errors import first_line
from simclr.storage import whole


class Shard:
    """A shard that is being written, under a name that no source reads.

    Args:
        out_dir: local folder.
        number: int, of the shard.
        file_format: one of FORMATS.

    Raises:
        OSError: it cannot be written, as where the disk is full; so do its
            methods.

    Attributes:
        data_bytes: int, bytes of its records so far.
    """

    def __init__(self, out_dir, number, file_format):
        self.data_bytes = 0
        self._file = f"images-{number:05d}.{file_format}"
        self._out_dir = out_dir
        self._path = whole.unfinished_path(os.path.join(out_dir, self._file))
        self._file_format = file_format
        with self._errors():
            self._writer = _WRITERS[file_format](self._path)
        self._sizes, self._labels, self._ids, self._bad = [], [], [], []
        self._images, self._shapes = [], []
        self._source_bytes = self._image_bytes = 0

    def write(self, record, name, label, image, bad):
        """Adds the record of a check.Image, and the bad ones before it."""
        with self._errors():
            self._writer.write(record)
        self.data_bytes += len(record)
        self._sizes.append(len(record))
        self._labels.append(label)
        self._ids.append(name)
        self._bad += bad
        self._images.append(image.index)
        self._shapes.append((image.height, image.width))
        self._source_bytes += image.num_bytes
        self._image_bytes += len(image.data)

    def finish(self, plan):
        """Closes the file, gives it its name, and notes it in the plan."""
        with self._errors():
            self._writer.close()
        num_bytes = os.path.getsize(self._path)
        framed = {}
        if self._file_format == "tfrecord":
            starts, _ = tfrecord.places(self._sizes)
            framed = {"offsets": starts, "sizes": self._sizes}
        index = shard_index.make_index(
            num_bytes=num_bytes, labels=self._labels, ids=self._ids, **framed
        )
        path = os.path.join(self._out_dir, self._file)
        whole.write_whole(path + shard_index.SUFFIX, index.to_bytes())
        whole.finish(self._path, path)
        plan["shards"].append(
            {
                "file": self._file,
                "num": len(self._sizes),
                "bytes": num_bytes,
                "stop": self._images[-1] + 1,
                **self._reencoded(plan),
            }
        )
        plan["num_examples"] += len(self._sizes)
        plan["bad"] += self._bad

    @contextlib.contextmanager
    def _errors(self):
        """What the libraries' writers raise, as the system's own error."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, RuntimeError) and not _of_tensorflow(
                error
            ):
                raise
            path = os.path.join(self._out_dir, self._file)
            if fault := whole.disk_fault(str(error), path):
                raise fault from None
            line = first_line(error)[:120]
            raise OSError(f"{path} cannot be written: {line}") from None

    def _reencoded(self, plan):
        """What the plan says of re-encoded images, a dict."""
        if not plan["side"]:
            return {}
        loss = crop_loss.crop_loss(
            self._shapes,
            self._images,
            side=plan["side"],
            image_size=plan["image_size"],
        )
        return {
            "source_bytes": self._source_bytes,
            "image_bytes": self._image_bytes,
            "crop_loss": dataclasses.asdict(loss),
        }


def _of_tensorflow(error):
    return type(error).__module__.startswith("tensorflow.")


def _tfrecord_writer(path):
    import tensorflow as tf

    return tf.io.TFRecordWriter(path)


_WRITERS = dict(zip(FORMATS, (arrayrecord.writer, _tfrecord_writer)))
