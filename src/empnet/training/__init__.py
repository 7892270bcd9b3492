"""Training of a model: preparation of the data, the loop, and the run's files."""
