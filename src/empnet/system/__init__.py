"""A system of particles, and what everything speaks of: units, species, batches."""
