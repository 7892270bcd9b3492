"""Read and write extended XYZ: the comment line, the columns and the cell."""
