"""Readers of files of weights: names, shapes, arrays; no code of theirs."""
