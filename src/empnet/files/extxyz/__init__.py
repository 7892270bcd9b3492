"""Extended XYZ: the comment line, the columns, the cell."""
