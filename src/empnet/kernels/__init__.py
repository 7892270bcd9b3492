"""All work that is done pair by pair, where a network spends nearly all its time.

:func:`pair_weights` goes from positions to spline weights, :func:`pair_sums` from these to the sums that particles
receive. Behind the sums stands one form, linear in each of w, T, Y and f, and in g, an incoming gradient:

    L(w, T, Y, f, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] Y[p,s] (f[i,k] g[j,s,k] + (-1)^l f[j,k] g[i,s,k])

with p = (j, i) the pairs, each listed once, b the four spline weights, s = (l, m) the angular components and k the
features. Messages in both directions go through one filter; a spherical harmonic of odd degree changes sign with the
direction. Each partial derivative of L is the same form with another slot open. So a fast implementation needs one
small kernel for each slot, and each kernel's derivatives are the other kernels: derivatives of every order come for
free, and memory is O(P), not O(P F). The neighbour list is indexed by rows and by columns, so that no kernel needs
atomic additions.

An implementation is a module with the functions below, with these names and signatures. It holds no state: a saved
network never depends on the implementation. :mod:`empnet.kernels.reference` has the formulas, against which
:mod:`empnet.kernels.compiled`, for CPUs, is tested. For tests, the environment variable ``EMPNET_KERNELS`` chooses one.
README.md in this folder is the map.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.errors import EmpnetError
from empnet.kernels import reference
from empnet.native.library import is_built
from empnet.system.batch import Pairs

__all__ = [
    "NAMES",
    "choose",
    "gated",
    "mixed",
    "moments",
    "pair_directions",
    "pair_sums",
    "pair_weights",
    "products",
    "tensor_sums",
]

NAMES = ("reference", "compiled")
"""The values of ``EMPNET_KERNELS``."""


def choose(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """Return the implementation for a device and a dtype: the fastest one, or the one that ``EMPNET_KERNELS`` names.

    Compiled loops serve float32 and float64 on CPUs. Plain torch serves everything else and, after one warning,
    machines for which libempnet was not built. An error in the compiled kernels themselves is raised.

    Arguments:
        device: The tensors' device.
        dtype: The tensors' dtype.

    Returns:
        A module with the functions of this one, from :func:`pair_weights` to :func:`gated`.

    Raises:
        EmpnetError: If ``EMPNET_KERNELS`` has another value.

    Example:
        >>> choose(torch.device("cuda"), torch.float32).__name__
        'empnet.kernels.reference'
    """
    named = os.environ.get("EMPNET_KERNELS")
    if named is not None and named not in NAMES:
        raise EmpnetError(f"'{named}' is not a kernel", where="EMPNET_KERNELS", wanted=" or ".join(NAMES))
    served = device.type == "cpu" and dtype in (torch.float32, torch.float64)
    return _compiled() if served and named != "reference" else reference


@cache
def _compiled() -> ModuleType:
    """Return the compiled loops, or plain torch where libempnet is not built."""
    if not is_built():
        return reference
    from empnet.kernels import compiled  # imports this package

    return compiled


def pair_weights(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    dtype: torch.dtype,
    enveloped: bool = True,
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    r"""Locate each pair's four coefficients in a spline table, and compute their weights.

    .. math::
        d_p = |r_i - r_j + S_p \, \mathrm{cell}|, \qquad
        w_{p,b} = B_b(d_p / h - q_p) \; env(d_p), \qquad q_p = \lfloor d_p / h \rfloor

    The arithmetic is in float64, and only w is rounded. Differentiable to any order with respect to positions and
    cells; a pair at distance zero has zero gradient.

    Arguments:
        positions: Positions r in angstrom, shape (N, 3), float64.
        pairs: The neighbour list.
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3), float64; None for open systems.
        system_of: The system of each particle, shape (N,), int64; None if there are no cells.
        spline: The spline that tabulates the filters; the envelope ends at its last knot.
        dtype: The weights' dtype.
        enveloped: Whether to multiply the weights by the envelope; without it they are zero beyond the last knot.

    Returns:
        w, shape (P, 4); q, shape (P,), int64; and d in angstrom, shape (P,), float64, without a gradient.

    Raises:
        ValueError: If the pairs have shifts, but there are no cells.

    Example:
        >>> from empnet.kernels.pairs import all_pairs
        >>> pairs, r = all_pairs(torch.ones(1, 2, dtype=torch.bool)), torch.tensor([[0.0, 0, 0], [0, 0, 1]]).double()
        >>> w, q, d = pair_weights(r, pairs, None, None, CubicSpline(9, 4.0), torch.float64)
        >>> q.tolist(), [round(value, 3) for value in w[0].tolist()]  # u = 0: 1/6, 4/6, 1/6, 0, times the envelope
        ([2], [0.149, 0.598, 0.149, 0.0])
    """
    weights: tuple[Tensor, Tensor, Tensor] = choose(positions.device, dtype).pair_weights(
        positions, pairs, cells, system_of, spline, dtype, enveloped
    )
    return weights


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    r"""Sum the neighbours' features through filters that are splines of the distance.

    .. math::
        A_{j,s,k} = \sum_{p = (j, i)} \; \sum_{b=0}^{3}
                    w_{p,b} \, T_{q_p + b,\, l(s),\, k} \, Y_{p,s} \, f_{i,\, k}, \qquad s = (l, m)

    over the pairs of j in both directions: a pair listed as (i, j) contributes with :math:`(-1)^l \, Y_{p,s}`.
    Differentiable to any order with respect to w, T, Y and f.

    Arguments:
        w: Four spline weights of each pair, times the cutoff's envelope, shape (P, 4).
        T: Spline coefficients of the filters, one for each degree l, shape (K + 2, L + 1, F).
        Y: Spherical harmonics of each pair's direction from j to i, m = -l ... l for l = 0, 1, ... L, shape (P, S) with
            S = (L + 1)^2; None for distances only (then L = 0, S = 1 and Y is 1).
        f: Features of the particles, shape (N, F).
        q: First of each pair's four coefficients, shape (P,), int64.
        pairs: The neighbour list.

    Returns:
        A, shape (N, S, F).

    Example:
        >>> import torch
        >>> from empnet.kernels.pairs import all_pairs
        >>> pairs = all_pairs(torch.ones(1, 2, dtype=torch.bool))
        >>> w, T, f = torch.full((1, 4), 0.25), torch.ones(6, 1, 3), torch.tensor([[1.0] * 3, [2.0] * 3])
        >>> pair_sums(w, T, None, f, torch.zeros(1, dtype=torch.int64), pairs)[:, 0].tolist()
        [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]
    """
    sums: Tensor = choose(f.device, f.dtype).pair_sums(w, T, Y, f, q, pairs)
    return sums


def pair_directions(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    degree: int,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "P 4"], Float[Tensor, "P S"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Compute :func:`pair_weights` with the envelope, and the spherical harmonics of each pair's direction.

    Differentiable to any order with respect to positions and cells; a pair at distance zero has no direction (its
    harmonics of degree 1 and higher are zero) and zero gradient.

    Arguments:
        positions, pairs, cells, system_of, spline: As in :func:`pair_weights`.
        degree: L, the highest degree of the harmonics; see :func:`empnet.basis.harmonics.harmonics`.
        dtype: The dtype of weights and harmonics.

    Returns:
        w, shape (P, 4); Y of the direction from first to second, shape (P, (L + 1)^2); q, shape (P,), int64; d in
        angstrom, shape (P,), float64, without a gradient.
    """
    directions: tuple[Tensor, ...] = choose(positions.device, dtype).pair_directions(
        positions, pairs, cells, system_of, spline, degree, dtype
    )
    return directions  # type: ignore[return-value]


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    r"""Sum the neighbours' tensors through filters of the distance, one for each degree.

    .. math:: A_{j,lm,k} = \sum_{p = (j, i)} \; \sum_{b=0}^{3} w_{p,b} \, T_{q_p + b,\, l,\, k} \, V_{i,lm,k}

    over the pairs of j in both directions, without a sign. Differentiable to any order with respect to w, T and V.

    Arguments:
        w: Four spline weights of each pair, times the cutoff's envelope, shape (P, 4).
        T: Spline coefficients of the filters, one for each degree l, shape (K + 2, L + 1, F).
        V: Tensors of the particles, shape (N, (L + 1)^2, F).
        q: First of each pair's four coefficients, shape (P,), int64.
        pairs: The neighbour list.

    Returns:
        A, shape (N, (L + 1)^2, F).
    """
    sums: Tensor = choose(V.device, V.dtype).tensor_sums(w, T, V, q, pairs)
    return sums


def moments(
    w: Float[Tensor, "P 4"],
    Y: Float[Tensor, "P S"],
    phi: Float[Tensor, "K_2 L_1 F"],
    x: Float[Tensor, "N F"],
    chi: Float[Tensor, "K_2 L_1 F"] | None,
    V: Float[Tensor, "N S F"] | None,
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    r"""Compute the moments of each particle's neighbours: sums of their features and tensors through filters.

    .. math::
        A_{j,lm,k} = V_{j,lm,k} + \sum_{p = (j, i)} \; \sum_{b=0}^{3} w_{p,b} \big(
                     \phi_{q_p + b,\, l,\, k} \, Y_{p,lm} \, x_{i,k} + \chi_{q_p + b,\, l,\, k} \, V_{i,lm,k} \big)

    over the pairs of j in both directions; odd degrees of Y change sign with the direction. Differentiable to any order
    with respect to w, Y, phi, x, chi and V.

    Arguments:
        w: Four spline weights of each pair, times the cutoff's envelope, shape (P, 4).
        Y: Spherical harmonics of each pair's direction, shape (P, (L + 1)^2).
        phi: Spline coefficients of the features' filters, one for each degree l, shape (K + 2, L + 1, F).
        x: Features of the particles, shape (N, F).
        chi: Spline coefficients of the tensors' filters, of phi's shape; None without tensors.
        V: Tensors of the particles, shape (N, (L + 1)^2, F), or None.
        q: First of each pair's four coefficients, shape (P,), int64.
        pairs: The neighbour list.

    Returns:
        A, shape (N, (L + 1)^2, F).
    """
    A: Tensor = choose(x.device, x.dtype).moments(w, Y, phi, x, chi, V, q, pairs)
    return A


def products(
    f: Float[Tensor, "N F"], A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 11 F"], Float[Tensor, "N 9 F"]]:
    r"""Multiply two sets of moments of degree 0, 1, 2, channel by channel, to invariants and to coupled moments.

    .. math::
        C = A B + B A, \qquad D = B + C, \qquad
        \big( f,\; \langle A, B \rangle_l,\; \langle C, B \rangle_l,\; \langle C, C \rangle_l,\; A_0 \big), \qquad
        \langle A, B \rangle_l = \frac{1}{\sqrt{2l + 1}} \sum_m A_{lm} B_{lm}

    where a channel's nine moments form a Hermitian 3 x 3 matrix: l = 0 a multiple of the unit matrix, l = 1 i times
    the cross product with a vector, l = 2 a symmetric traceless matrix. Inversion transposes the matrix, and the
    anticommutator commutes with transposition, so C rotates and mirrors as A and B do. Differentiable to any order.

    References:
        TensorNet: Cartesian tensor representations for efficient learning of molecular potentials, Simeon and
        De Fabritiis, 2023, https://arxiv.org/abs/2306.06482 (moments as matrices, which are real there).

    Arguments:
        f: Features, shape (N, F).
        A: Moments, shape (N, 9, F).
        B: Other moments of the same shape.

    Returns:
        The eleven invariants, shape (N, 11, F), in the order of the formula; and D, shape (N, 9, F).
    """
    invariants_and_D: tuple[Tensor, Tensor] = choose(A.device, A.dtype).products(f, A, B)
    return invariants_and_D


def mixed(A: Float[Tensor, "N S F"], W: Float[Tensor, "L_1 F F_out"]) -> Float[Tensor, "N S F_out"]:
    r"""Mix the channels of each degree.

    .. math:: B_{n,lm,c} = \sum_k A_{n,lm,k} \, W_{l,k,c}

    Arguments:
        A: Moments, shape (N, (L + 1)^2, F).
        W: A matrix for each degree, shape (L + 1, F, F_out).

    Returns:
        B, shape (N, (L + 1)^2, F_out), contiguous.
    """
    B: Tensor = choose(A.device, A.dtype).mixed(A, W)
    return B


def gated(g: Float[Tensor, "N L_1 F"], X: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
    r"""Multiply each degree by a number of its own, channel by channel: :math:`g_{n,l,k} X_{n,lm,k}`.

    Arguments:
        g: Gates, shape (N, L + 1, F).
        X: Moments, shape (N, (L + 1)^2, F).

    Returns:
        Shape (N, (L + 1)^2, F).
    """
    Y: Tensor = choose(X.device, X.dtype).gated(g, X)
    return Y
