"""Classes as targets: probabilities, weights and errors."""
