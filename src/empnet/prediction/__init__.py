"""Predict with a trained model, and measure its errors."""
