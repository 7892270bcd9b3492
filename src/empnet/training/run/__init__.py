"""Run folder: configuration, card, weights, checkpoint, log."""
