"""Train a model: prepare the data, run the loop, keep the run."""
