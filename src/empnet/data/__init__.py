"""File -> System -> Dataset -> Batch: everything that happens before a network sees the data."""
