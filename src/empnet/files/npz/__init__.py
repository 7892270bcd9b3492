"""Read and write numpy archives."""
