"""What features and answers are worth; importing this imports none of it."""

MAX_IMAGES = 200_000  # That kNN and the probe fit on, and score, by default.
