"""Systems of particles, and their units, species and batches."""
