"""Preparation of point clouds: from the points of a scan to few points with invariant features."""
