"""Published weights: their names, how they are read, which net they are of."""
