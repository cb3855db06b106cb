"""Encoders and heads, Keras functional models of standard layers."""
