"""Read and write systems; each format has its own module."""
