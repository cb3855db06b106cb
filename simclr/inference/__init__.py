"""One forward pass for all; importing this imports none of it."""

DTYPES = ("float16", "float32")  # Of vectors in shards, the first by default.
