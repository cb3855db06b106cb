"""Self-supervised image training on TensorFlow: SimCLR and its family."""

__version__ = "0.1.0"
