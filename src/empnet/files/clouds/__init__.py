"""Reading point clouds: scans, shapes and tables of points, one by one, in folders and by patterns."""
