"""Run folder and data -> predictions and their evaluation."""
