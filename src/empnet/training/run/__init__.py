"""The run folder: configuration, card, weights, checkpoint, log."""
