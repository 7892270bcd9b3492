"""Inspection of clouds of points: sizes, spacings, duplicates, classes."""
