"""Clusters that last: found, chosen in number, and followed from day to day."""
