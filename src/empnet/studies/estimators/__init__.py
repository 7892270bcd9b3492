"""Estimators of the exam, with scikit-learn's interface."""
