"""Numpy archives: the layouts in use, reading, writing."""
