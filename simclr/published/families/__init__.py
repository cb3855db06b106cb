"""Nets of keras.applications, torchvision, timm and others, by their names."""
