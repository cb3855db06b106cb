"""Losses of students: of a classifier's answers, of an encoder's features."""
