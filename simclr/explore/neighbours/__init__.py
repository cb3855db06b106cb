"""The images most like some images: exactly, or by an index."""
