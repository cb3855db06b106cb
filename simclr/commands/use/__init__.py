"""What a trained run is used for; importing this imports none of it."""

HEADER = ("id", "label", "probability")  # Begins every file of predictions.
