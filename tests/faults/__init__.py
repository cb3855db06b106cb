"""Kills commands at random, and sees that nothing is lost: `make faults`."""
