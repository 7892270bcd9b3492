"""The door to all that is done pair by pair, where nearly all the time of a network is spent.

:func:`pair_weights` goes from positions to spline weights, :func:`pair_sums` from these to what particles receive.
Behind the sums stands one form, linear in each of w, T, Y and f (and in the g that an incoming gradient brings):

    L(w, T, Y, f, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] Y[p,s] (f[i,k] g[j,s,k] + (-1)^l f[j,k] g[i,s,k])

with p = (j, i) the pairs, each listed once, b the four spline weights, s = (l, m) the angular components and k the
features. Both directions go through one filter; a spherical harmonic of odd degree changes its sign with the direction.
Each partial derivative of L is the same form with another slot left open, so a fast implementation needs one small
kernel for each slot, and each kernel's derivatives are the other kernels: derivatives of every order come for nothing,
and memory is O(P), not O(P F). The list by rows and by columns is there so that no kernel needs atomic additions.

An implementation is a module with functions of these two names and signatures. It holds no state: what is saved with
a network never depends on which one computed it. :mod:`empnet.kernels.reference` is the one that all others are
tested against; :mod:`empnet.kernels.fused` is the one for CPUs. The environment variable ``EMPNET_KERNELS`` names
one for tests.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from types import ModuleType

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.errors import EmpnetError
from empnet.kernels import reference
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

NAMES = ("reference", "fused")
"""What ``EMPNET_KERNELS`` may name."""


def choose(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """The implementation to use: the one that ``EMPNET_KERNELS`` names, else the best one that there is.

    Compiled loops serve float32 and float64 on CPUs; plain torch serves everything, and a machine on which Numba does
    not work, after one warning.

    Arguments:
        device: Where the tensors are.
        dtype: What they hold.

    Returns:
        A module with :func:`pair_sums` and :func:`pair_weights`.

    Raises:
        EmpnetError: If ``EMPNET_KERNELS`` names none.

    Example:
        >>> choose(torch.device("cuda"), torch.float32).__name__
        'empnet.kernels.reference'
    """
    named = os.environ.get("EMPNET_KERNELS")
    if named is not None and named not in NAMES:
        raise EmpnetError(f"'{named}' is not a kernel", where="EMPNET_KERNELS", wanted=" or ".join(NAMES))
    served = device.type == "cpu" and dtype in (torch.float32, torch.float64)
    return _fused() if served and named != "reference" else reference


@cache
def _fused() -> ModuleType:
    """The compiled loops, or plain torch if they cannot be had; imported when first needed: Numba takes its time."""
    try:
        from empnet.kernels import fused
    except Exception as error:  # Numba fails in many ways: not installed, wrong NumPy, no threading layer
        told = f"Numba does not work here ({error}), so sums over pairs are made by plain torch, several times slower"
        warnings.warn(told, stacklevel=2)
        return reference
    return fused


def pair_weights(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    dtype: torch.dtype,
    enveloped: bool = True,
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    r"""Where in a table each pair reads, and what the four coefficients that it finds there count.

    .. math::
        d_p = |r_i - r_j + S_p \, \mathrm{cell}|, \qquad
        w_{p,b} = B_b(d_p / h - q_p) \; env(d_p), \qquad q_p = \lfloor d_p / h \rfloor

    All of it in float64, whatever comes out. Differentiable to any order with respect to positions and cells; a pair at
    distance zero feels no gradient.

    Arguments:
        positions: Positions r in angstrom, shape (N, 3), float64.
        pairs: The neighbour list.
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3), float64; None if nothing repeats.
        system_of: The system of each particle, shape (N,), int64; None if there are no cells.
        spline: The spline on which the filters are laid out; the envelope ends at its last knot.
        dtype: Of the weights.
        enveloped: Whether the envelope is part of them; without it there is nothing beyond the last knot.

    Returns:
        w, shape (P, 4); q, shape (P,), int64; and d in angstrom, shape (P,), float64, through which no gradient flows.

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
    r"""What each particle receives from its neighbours through a filter that is a spline.

    .. math::
        A_{j,s,k} = \sum_{p = (j, i)} \; \sum_{b=0}^{3}
                    w_{p,b} \, T_{q_p + b,\, l(s),\, k} \, Y_{p,s} \, f_{i,\, k}, \qquad s = (l, m)

    over the pairs of j in both directions: a pair that is listed as (i, j) counts with :math:`(-1)^l \, Y_{p,s}`.
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
    """What :func:`pair_weights` gives, with the envelope, and the spherical harmonics of each pair's direction.

    Differentiable to any order with respect to positions and cells; a pair at distance zero has no direction (its
    harmonics of degree 1 and higher are zero) and feels no gradient.

    Arguments:
        positions, pairs, cells, system_of, spline: As in :func:`pair_weights`.
        degree: L, the highest degree of the harmonics; see :func:`empnet.basis.harmonics.harmonics`.
        dtype: Of the weights and harmonics.

    Returns:
        w, shape (P, 4); Y of the direction from first to second, shape (P, (L + 1)^2); q, shape (P,), int64; d in
        angstrom, shape (P,), float64, through which no gradient flows.
    """
    found: tuple[Tensor, ...] = choose(positions.device, dtype).pair_directions(
        positions, pairs, cells, system_of, spline, degree, dtype
    )
    return found  # type: ignore[return-value]


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    r"""The neighbours' tensors, summed through filters of the distance, one for each degree.

    .. math:: A_{j,lm,k} = \sum_{p = (j, i)} \; \sum_{b=0}^{3} w_{p,b} \, T_{q_p + b,\, l,\, k} \, V_{i,lm,k}

    over the pairs of j in both directions, which count alike. Differentiable to any order with respect to w, T and V.

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
    r"""What each particle hears of its neighbours' features and tensors.

    .. math::
        A_{j,lm,k} = V_{j,lm,k} + \sum_{p = (j, i)} \; \sum_{b=0}^{3} w_{p,b} \big(
                     \phi_{q_p + b,\, l,\, k} \, Y_{p,lm} \, x_{i,k} + \chi_{q_p + b,\, l,\, k} \, V_{i,lm,k} \big)

    over the pairs of j in both directions, with odd degrees of Y changing their sign. Differentiable to any order with
    respect to w, Y, phi, x, chi and V.

    Arguments:
        w: Four spline weights of each pair, times the cutoff's envelope, shape (P, 4).
        Y: Spherical harmonics of each pair's direction, shape (P, (L + 1)^2).
        phi: Spline coefficients of the features' filters, one for each degree l, shape (K + 2, L + 1, F).
        x: Features of the particles, shape (N, F).
        chi: Those of the tensors' filters, the same shape as phi; None without tensors.
        V: Tensors of the particles, shape (N, (L + 1)^2, F); None: there are none.
        q: First of each pair's four coefficients, shape (P,), int64.
        pairs: The neighbour list.

    Returns:
        A, shape (N, (L + 1)^2, F).
    """
    heard: Tensor = choose(x.device, x.dtype).moments(w, Y, phi, x, chi, V, q, pairs)
    return heard


def products(
    f: Float[Tensor, "N F"], A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 11 F"], Float[Tensor, "N 9 F"]]:
    r"""What two sets of moments of degree 0, 1, 2 say together, channel by channel: invariants, and coupled moments.

    .. math::
        C = A B + B A, \qquad D = B + C, \qquad
        \big( f,\; \langle A, B \rangle_l,\; \langle C, B \rangle_l,\; \langle C, C \rangle_l,\; A_0 \big), \qquad
        \langle A, B \rangle_l = \frac{1}{\sqrt{2l + 1}} \sum_m A_{lm} B_{lm}

    where a channel's nine moments make up a Hermitian 3 x 3 matrix: l = 0 a multiple of the unit matrix, l = 1 i times
    the cross product with a vector, l = 2 a symmetric traceless matrix. Inversion is its transposition, which the
    anticommutator respects, so C rotates and mirrors as A and B do. Differentiable to any order.

    References:
        TensorNet: Cartesian tensor representations for efficient learning of molecular potentials, Simeon and
        De Fabritiis, 2023, https://arxiv.org/abs/2306.06482 (the idea of matrices; there they are real).

    Arguments:
        f: Features, shape (N, F).
        A: Moments, shape (N, 9, F).
        B: Others, the same shape.

    Returns:
        The eleven invariants, shape (N, 11, F), in the order of the formula; and D, shape (N, 9, F).
    """
    found: tuple[Tensor, Tensor] = choose(A.device, A.dtype).products(f, A, B)
    return found


def mixed(A: Float[Tensor, "N S F"], W: Float[Tensor, "L_1 F F_out"]) -> Float[Tensor, "N S F_out"]:
    r"""The channels of each degree mixed among themselves.

    .. math:: B_{n,lm,c} = \sum_k A_{n,lm,k} \, W_{l,k,c}

    Arguments:
        A: Moments, shape (N, (L + 1)^2, F).
        W: A matrix for each degree, shape (L + 1, F, F_out).

    Returns:
        B, shape (N, (L + 1)^2, F_out), contiguous.
    """
    found: Tensor = choose(A.device, A.dtype).mixed(A, W)
    return found


def gated(g: Float[Tensor, "N L_1 F"], X: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
    r"""Each degree times a number of its own, channel by channel: :math:`g_{n,l,k} X_{n,lm,k}`.

    Arguments:
        g: Gates, shape (N, L + 1, F).
        X: Moments, shape (N, (L + 1)^2, F).

    Returns:
        Shape (N, (L + 1)^2, F).
    """
    found: Tensor = choose(X.device, X.dtype).gated(g, X)
    return found
