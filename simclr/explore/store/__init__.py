"""One table of images and vectors, that grows from day to day."""
