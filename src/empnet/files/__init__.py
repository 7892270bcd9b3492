"""Read and write systems, a file for each format."""
