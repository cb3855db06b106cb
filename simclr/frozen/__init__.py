"""Encoders that others trained, in a file, run as they are."""
