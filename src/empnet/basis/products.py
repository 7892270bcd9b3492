"""Products of moments channel by channel, in plain torch."""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.basis.harmonics import degree_of

__all__ = ["coupled", "gated", "inner", "matrices", "mixed", "products"]


@cache
def _basis() -> Tensor:
    """Return the nine Hermitian matrices of unit length that moments are components of; R + iS is stored as R + S."""
    C = torch.zeros(9, 3, 3, dtype=torch.float64)
    C[0] = torch.eye(3, dtype=torch.float64) / math.sqrt(3)
    for s, axis in ((1, 1), (2, 2), (3, 0)):  # y, z, x
        a, b = (axis + 1) % 3, (axis + 2) % 3
        C[s, b, a], C[s, a, b] = math.sqrt(0.5), -math.sqrt(0.5)  # v -> axis x v
    for s, (a, b) in ((4, (0, 1)), (5, (1, 2)), (7, (0, 2))):
        C[s, a, b] = C[s, b, a] = math.sqrt(0.5)
    C[6] = torch.diag(torch.tensor([-1.0, -1.0, 2.0], dtype=torch.float64)) / math.sqrt(6)
    C[8] = torch.diag(torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)) / math.sqrt(2)
    return C


def matrices(A: Float[Tensor, "N 9 F"]) -> tuple[Float[Tensor, "N F 3 3"], Float[Tensor, "N F 3 3"]]:
    """Return the real (symmetric) and imaginary (antisymmetric) part of the Hermitian matrix of a channel's moments.

    Arguments:
        A: Moments of degree 0, 1, 2, shape (N, 9, F).
    """
    C = _basis().to(A)
    symmetric = [0, 4, 5, 6, 7, 8]
    R = torch.einsum("nsk,sab->nkab", A[:, symmetric], C[symmetric])
    return R, torch.einsum("nsk,sab->nkab", A[:, 1:4], C[1:4])


def coupled(A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]) -> Float[Tensor, "N 9 F"]:
    """Return the moments of the anticommutator AB + BA, with A and B as the matrices of moments.

    Arguments:
        A: Moments of degree 0, 1, 2, shape (N, 9, F).
        B: Other moments of the same shape.

    Example:
        >>> x = torch.zeros(1, 9, 1)
        >>> x[0, 3] = 1.0  # a vector along x: its square has a part of degree 0 and one of degree 2
        >>> [round(value, 3) for value in coupled(x, x)[0, :, 0].tolist()]
        [1.155, 0.0, 0.0, 0.0, 0.0, 0.0, 0.408, 0.0, -0.707]
    """
    (R, S), (P, Q) = matrices(A), matrices(B)
    real = R @ P + P @ R - S @ Q - Q @ S
    imaginary = R @ Q + Q @ R + S @ P + P @ S
    return torch.einsum("nkab,sab->nsk", real + imaginary, _basis().to(A))


def inner(A: Float[Tensor, "N S F"], B: Float[Tensor, "N S F"]) -> Float[Tensor, "N L_1 F"]:
    r"""Return the inner product of each degree, :math:`\sum_m A_{lm} B_{lm} / \sqrt{2l + 1}`.

    Arguments:
        A: Moments, shape (N, (L + 1)^2, F).
        B: Other moments of the same shape.
    """
    degrees = math.isqrt(A.shape[1])
    product = A * B
    return torch.stack([product[:, l * l : (l + 1) ** 2].sum(1) / math.sqrt(2 * l + 1) for l in range(degrees)], dim=1)  # noqa: E741


def products(
    f: Float[Tensor, "N F"], A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 11 F"], Float[Tensor, "N 9 F"]]:
    """Compute the invariants and coupled moments as :func:`empnet.kernels.products` defines them."""
    C = coupled(A, B)
    return torch.cat([f[:, None], inner(A, B), inner(C, B), inner(C, C), A[:, :1]], dim=1), B + C


def mixed(A: Float[Tensor, "N S F"], W: Float[Tensor, "L_1 F F_out"]) -> Float[Tensor, "N S F_out"]:
    """Compute :func:`empnet.kernels.mixed` in one product of matrices for each component."""
    l_of = torch.tensor(degree_of(len(W) - 1), device=A.device)
    return torch.einsum("nsk,skc->nsc", A, W.index_select(0, l_of))


def gated(g: Float[Tensor, "N L_1 F"], X: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.gated`."""
    l_of = torch.tensor(degree_of(g.shape[1] - 1), device=g.device)
    return g.index_select(1, l_of) * X
