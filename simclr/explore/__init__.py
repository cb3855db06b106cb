"""What comes after training: a store of vectors, and what is found in it."""

import os

# Lance warns of what is meant, such as a table that is about to be made.
os.environ.setdefault("LANCE_LOG", "error")
