"""What a TPU needs besides the training loop."""
