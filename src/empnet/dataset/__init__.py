"""Data sets on disk: neighbour lists, arrays, cache, splits."""
