"""Functions of distances and directions: radial waves, splines, spherical harmonics, their products."""
