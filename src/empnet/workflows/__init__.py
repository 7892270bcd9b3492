"""Train, report and judge in one call; ensembles and learning curves."""
