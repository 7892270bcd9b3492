"""Figures of point clouds and of their classes."""
