"""Images in large files; importing this imports none of it."""

FORMATS = ("arrayrecord", "tfrecord")  # That are written, the first by default.
