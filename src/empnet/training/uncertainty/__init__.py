"""Standard deviations of predictions and of measured errors."""
