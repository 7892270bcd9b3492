"""libempnet: the compiled arithmetic of kernels, neighbour lists and clouds. README.md reads like the paper."""
