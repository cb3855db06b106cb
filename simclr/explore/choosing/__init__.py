"""Which images to label next, and which to train on."""
