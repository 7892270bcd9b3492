"""Data that only the exam needs."""
