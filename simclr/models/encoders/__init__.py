"""The nets behind the names of simclr/models/backbones.py, a file a family."""
