"""Read and write systems, with a module for each format."""
