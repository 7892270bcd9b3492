"""The implementation for CPUs: compiled loops with derivatives of every order, and O(P) memory."""

from __future__ import annotations

from empnet.kernels.directions import pair_directions
from empnet.kernels.fused_moments import moments
from empnet.kernels.fused_products import gated, mixed, products
from empnet.kernels.fused_sums import pair_sums, tensor_sums
from empnet.kernels.geometry import pair_weights

__all__ = ["gated", "mixed", "moments", "pair_directions", "pair_sums", "pair_weights", "products", "tensor_sums"]
