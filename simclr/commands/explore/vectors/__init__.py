"""Vectors of images by the encoder of a store."""
