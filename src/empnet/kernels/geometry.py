"""From positions to spline weights in compiled loops, for CPUs; derivatives of every order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.polynomial import polynomial
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.kernels import geometry_loops as loops
from empnet.kernels import pairs as reference
from empnet.system.batch import Pairs

__all__ = ["Frame", "arrays_of", "pair_weights", "polynomials"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All that a distance depends on but the positions and cells.

    Arguments:
        pairs: The neighbour list.
        system_of: The system of each particle, shape (N,), int64; None if there are no cells.
    """

    pairs: Pairs
    system_of: Tensor | None


class Distances(torch.autograd.Function):
    """The distance of each pair; positions and cells are kept, vectors are not."""

    @staticmethod
    def forward(ctx: Any, frame: Frame, positions: Tensor, cells: Tensor | None) -> Tensor:  # type: ignore[override]
        """Shape (P,), float64."""
        d = _distances(frame, positions, cells)
        ctx.frame = frame
        ctx.save_for_backward(positions, cells, d)
        return d

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[override]
        """In one loop; but if this gradient is to be differentiated, or is one of the cells, in plain torch."""
        positions, cells, d = ctx.saved_tensors
        if torch.is_grad_enabled() or ctx.needs_input_grad[2]:
            return None, *_gradients(ctx.frame, positions, cells, g, ctx.needs_input_grad[1:])
        out = torch.empty_like(positions, memory_format=torch.contiguous_format)
        at = ctx.frame.pairs
        lists = (at.row_pointers, at.column_pointers, at.transposed, at.first, at.second)
        geometry = arrays_of(ctx.frame, positions, cells)
        loops.pull_distances(*(x.numpy() for x in lists), *geometry, d.numpy(), g.contiguous().numpy(), out.numpy())
        return None, out, None


def _gradients(
    frame: Frame, positions: Tensor, cells: Tensor | None, g: Tensor, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    """Those of positions and cells by automatic differentiation of the plain formula."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        inputs = [x.view_as(x) if again else x.detach().requires_grad_() for x in (positions, cells) if x is not None]
        cell = inputs[1] if cells is not None else None
        d = reference.distances(reference.displacements(inputs[0], frame.pairs, cell, frame.system_of))
        asked = [x for x, want in zip(inputs, wanted, strict=False) if want]
        found = iter(torch.autograd.grad(d, asked, g, create_graph=again))
    return next(found) if wanted[0] else None, next(found) if wanted[1] else None


def arrays_of(frame: Frame, positions: Tensor, cells: Tensor | None) -> tuple[np.ndarray | None, ...]:
    """Positions, shifts, cells and systems as loops want them.

    Arguments:
        frame: The neighbour list, and which system each particle belongs to.
        positions: Positions in angstrom, shape (N, 3), float64.
        cells: Lattice vectors in angstrom, shape (B, 3, 3), float64; None if nothing repeats.

    Raises:
        ValueError: If the pairs have shifts, but there are no cells.
    """
    shifts = frame.pairs.shifts
    if shifts is not None and cells is None:
        raise ValueError("cells: wanted shape (B, 3, 3), because the pairs have shifts, given None")
    arrays = (positions, shifts, cells if shifts is not None else None, frame.system_of)
    return tuple(None if x is None else x.detach().contiguous().numpy() for x in arrays)


def _distances(frame: Frame, positions: Tensor, cells: Tensor | None) -> Tensor:
    d = positions.new_empty(len(frame.pairs))
    first, second = frame.pairs.first.numpy(), frame.pairs.second.numpy()
    loops.distances(first, second, *arrays_of(frame, positions, cells), d.numpy())
    return d


class Grid(NamedTuple):
    """Where the knots are, and what becomes of the weights.

    Arguments:
        spacing: h, between knots, in angstrom.
        r_max: The last knot in angstrom, where the envelope ends, and beyond which there are no weights.
        last: The largest q.
        enveloped: Whether weights are multiplied by the envelope.
        dtype: Of the weights.
    """

    spacing: float
    r_max: float
    last: int
    enveloped: bool
    dtype: torch.dtype


@lru_cache(maxsize=64)
def polynomials(spacing: float, r_max: float, enveloped: bool, order: int) -> tuple[np.ndarray, np.ndarray]:
    r"""The weights' derivative of some order as a sum of products of polynomials.

    .. math::
        \frac{d^n}{dd^n} \, w_b(u) \, env(y) = \sum_{m=0}^{n} S_{m,b}(u) \, E_m(y), \qquad
        S_{m,b} = \binom{n}{m} h^{-m} w_b^{(m)}, \quad E_m = (-1/r_{max})^{n-m} env^{(n-m)}, \quad y = 1 - d / r_{max}

    Arguments:
        spacing: h, between knots, in angstrom.
        r_max: Where the envelope ends, in angstrom.
        enveloped: Whether there is an envelope; else env = 1.
        order: n.

    Returns:
        Coefficients of S, lowest power first, shape (n + 1, 4, 4), and of E, shape (n + 1, 6).

    Example:
        >>> S, E = polynomials(1.0, 5.0, True, 0)
        >>> float(S[0, 1, 0]), E[0].tolist()  # 4 / 6 at u = 0; 10 y^3 - 15 y^4 + 6 y^5
        (0.6666666666666666, [0.0, 0.0, 0.0, 10.0, -15.0, 6.0])
    """
    cubics = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6
    env = np.array([0.0, 0, 0, 10, -15, 6]) if enveloped else np.ones(1)
    S, E = np.zeros((order + 1, 4, 4)), np.zeros((order + 1, 6))
    for m in range(order + 1):
        for b in range(4):
            c = polynomial.polyder(cubics[b], m)
            S[m, b, : len(c)] = c * math.comb(order, m) / spacing**m
        c = polynomial.polyder(env, order - m)
        E[m, : len(c)] = c * (-1 / r_max) ** (order - m)
    return S, E


class Weights(torch.autograd.Function):
    """A derivative of each distance's four weights; its own derivative is the next one."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, order: int, d: Tensor) -> Tensor:  # type: ignore[override]
        """Shape (P, 4)."""
        ctx.grid, ctx.order = grid, order
        ctx.save_for_backward(d)
        w = d.new_empty((len(d), 4), dtype=grid.dtype)
        factors = polynomials(grid.spacing, grid.r_max, grid.enveloped, order)
        loops.weights_derivative(d.detach().numpy(), *grid[:3], *factors, w.numpy())
        return w

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[override]
        """sum_b g_b w_b'."""
        return None, None, _pull(ctx.grid, ctx.order + 1, ctx.saved_tensors[0], g)


class FirstWeights(torch.autograd.Function):
    """q and w of each distance; the derivative is that of :class:`Weights`."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, d: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """w, shape (P, 4), and q, shape (P,)."""
        ctx.grid = grid
        ctx.save_for_backward(d)
        w, q = _weights(grid, d)
        ctx.mark_non_differentiable(q)
        return w, q

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Tensor | None) -> tuple[None, Tensor]:  # type: ignore[override]
        """sum_b g_b w_b'."""
        return None, _pull(ctx.grid, 1, ctx.saved_tensors[0], g)


def _pull(grid: Grid, order: int, d: Tensor, g: Tensor) -> Tensor:
    """The gradient of the distances; in one loop, unless it is to be differentiated."""
    if torch.is_grad_enabled():
        w: Tensor = Weights.apply(grid, order, d)  # type: ignore[no-untyped-call]
        return (g * w).sum(1).to(d.dtype)
    out = torch.empty_like(d)
    factors = polynomials(grid.spacing, grid.r_max, grid.enveloped, order)
    loops.pull_weights(d.detach().numpy(), *grid[:3], *factors, g.detach().contiguous().numpy(), out.numpy())
    return out


def _weights(grid: Grid, d: Tensor) -> tuple[Tensor, Tensor]:
    w, q = d.new_empty((len(d), 4), dtype=grid.dtype), d.new_empty(len(d), dtype=torch.int64)
    loops.weights(d.detach().numpy(), *grid[:4], q.numpy(), w.numpy())
    return w, q


def pair_weights(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    dtype: torch.dtype,
    enveloped: bool = True,
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """What :func:`empnet.kernels.pair_weights` says, in compiled loops; tensors on the CPU."""
    frame = Frame(pairs, system_of)
    grid = Grid(spline.spacing, float(spline.r_max), spline.n_knots - 2, enveloped, dtype)
    moves = positions.requires_grad or (cells is not None and cells.requires_grad)
    if not (moves and torch.is_grad_enabled()):
        d = _distances(frame, positions, cells)
        return *_weights(grid, d), d
    d = Distances.apply(frame, positions, cells)  # type: ignore[no-untyped-call]
    w, q = FirstWeights.apply(grid, d)  # type: ignore[no-untyped-call]
    return w, q, d.detach()
