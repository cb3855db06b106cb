"""Losses, one per file; each returns means over this replica's anchors."""
