"""The fast implementation: compiled loops for CPUs, with derivatives of every order and O(P) memory.

The formulas are in :mod:`empnet.kernels.reference`, the same functions in the same order.
"""

from __future__ import annotations

from empnet.kernels.autograd_moments import moments
from empnet.kernels.autograd_pair_directions import pair_directions
from empnet.kernels.autograd_pair_weights import pair_weights
from empnet.kernels.autograd_products import gated, mixed, products
from empnet.kernels.autograd_sums import pair_sums, tensor_sums

__all__ = ["gated", "mixed", "moments", "pair_directions", "pair_sums", "pair_weights", "products", "tensor_sums"]
