"""Whether a day of images calls for a new training of the encoder."""
