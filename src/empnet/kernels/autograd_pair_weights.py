"""From positions to distances and spline weights in compiled loops, with derivatives of every order.

Formula: :func:`empnet.kernels.reference.pair_weights`. Loops: ``native/source/geometry.cpp``. Two nodes stand one
after the other: positions and cells -> :class:`Distances` -> :class:`FirstWeights`.
"""

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
from empnet.kernels.pairs import displacements, distances
from empnet.native.library import native, native_of, threads
from empnet.native.structures import Grid, NeighbourRecord, Space
from empnet.system.batch import Pairs

__all__ = ["PairIndex", "SplineGrid", "pair_weights", "polynomials"]


@dataclass(frozen=True, slots=True, eq=False)
class PairIndex:
    """A neighbour list and the system of each particle: a distance depends on these, positions and cells.

    Arguments:
        pairs: The neighbour list.
        system_of: The system of each particle, shape (N,), int64; None if there are no cells.
    """

    pairs: Pairs
    system_of: Tensor | None

    def records(self, positions: Tensor, cells: Tensor | None) -> tuple[NeighbourRecord, Space]:
        """Return the list and the positions as libempnet takes them.

        Raises:
            ValueError: If the pairs have shifts, but there are no cells.
        """
        return NeighbourRecord.of(self.pairs), Space.of(self.pairs, positions, cells, self.system_of)


class SplineGrid(NamedTuple):
    """The knots of a spline, as libempnet takes them.

    Arguments:
        spacing: h, between knots, in angstrom.
        r_max: The last knot in angstrom, where the envelope ends; beyond, weights are zero.
        last: The largest q.
    """

    spacing: float
    r_max: float
    last: int

    @classmethod
    def of(cls, spline: CubicSpline) -> SplineGrid:
        """Return the grid of a spline."""
        return cls(spline.spacing, float(spline.r_max), spline.n_knots - 2)

    @property
    def record(self) -> Grid:
        """The grid as libempnet takes it."""
        return Grid(*self)


class Distances(torch.autograd.Function):
    """The distance of each pair; the graph keeps positions and cells, not vectors."""

    @staticmethod
    def forward(ctx: Any, index: PairIndex, positions: Tensor, cells: Tensor | None) -> Tensor:  # type: ignore[override]
        """Return d, shape (P,), float64."""
        d = _distances(index, positions, cells)
        ctx.index = index
        ctx.save_for_backward(positions, cells, d)
        return d

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[override]
        """Return the gradients of positions and cells."""
        positions, cells, d = ctx.saved_tensors
        # the loop serves forces; a gradient of cells, or one with a graph of its own, comes from the formula
        if torch.is_grad_enabled() or ctx.needs_input_grad[2]:
            return None, *_gradients(ctx.index, positions, cells, g, ctx.needs_input_grad[1:])
        out = torch.empty_like(positions, memory_format=torch.contiguous_format)
        native("distances_backward")(*ctx.index.records(positions, cells), d, g.contiguous(), out, threads())
        return None, out, None


def _gradients(
    index: PairIndex, positions: Tensor, cells: Tensor | None, g: Tensor, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of positions and cells by automatic differentiation of the formula."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        inputs = [x.view_as(x) if again else x.detach().requires_grad_() for x in (positions, cells) if x is not None]
        cell = inputs[1] if cells is not None else None
        d = distances(displacements(inputs[0], index.pairs, cell, index.system_of))
        asked = [x for x, want in zip(inputs, wanted, strict=False) if want]
        found = iter(torch.autograd.grad(d, asked, g, create_graph=again))
    return next(found) if wanted[0] else None, next(found) if wanted[1] else None


def _distances(index: PairIndex, positions: Tensor, cells: Tensor | None) -> Tensor:
    d = positions.new_empty(len(index.pairs))
    native("distances")(*index.records(positions, cells), d, threads())
    return d


@lru_cache(maxsize=64)
def polynomials(spacing: float, r_max: float, enveloped: bool, order: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return a derivative of the weights as factors of a sum of products of polynomials.

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
    """A derivative of each distance's four weights; its own derivative is the one of the next order."""

    @staticmethod
    def forward(ctx: Any, grid: SplineGrid, enveloped: bool, order: int, dtype: torch.dtype, d: Tensor) -> Tensor:  # type: ignore[override]
        """Return the derivative of this order, shape (P, 4)."""
        ctx.grid, ctx.enveloped, ctx.order = grid, enveloped, order
        ctx.save_for_backward(d)
        w = d.new_empty((len(d), 4), dtype=dtype)
        factors = polynomials(grid.spacing, grid.r_max, enveloped, order)
        given = len(d), d.detach().contiguous(), grid.record, order + 1, *factors
        native_of("weights_derivative", dtype)(*given, w, threads())
        return w

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return sum_b g_b w_b' for w of this order."""
        d = _distance_gradient(ctx.grid, ctx.enveloped, ctx.order + 1, ctx.saved_tensors[0], g)
        return None, None, None, None, d


class FirstWeights(torch.autograd.Function):
    """q and w of each distance; derivatives are those of :class:`Weights`."""

    @staticmethod
    def forward(ctx: Any, grid: SplineGrid, enveloped: bool, dtype: torch.dtype, d: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return w, shape (P, 4), and q, shape (P,)."""
        ctx.grid, ctx.enveloped = grid, enveloped
        ctx.save_for_backward(d)
        w, q = _weights(grid, enveloped, dtype, d)
        ctx.mark_non_differentiable(q)
        return w, q

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return sum_b g_b w_b'."""
        return None, None, None, _distance_gradient(ctx.grid, ctx.enveloped, 1, ctx.saved_tensors[0], g)


def _distance_gradient(grid: SplineGrid, enveloped: bool, order: int, d: Tensor, g: Tensor) -> Tensor:
    """Return sum_b g_b times the weights' derivative; in one loop, unless a graph is recorded."""
    if torch.is_grad_enabled():
        w: Tensor = Weights.apply(grid, enveloped, order, g.dtype, d)  # type: ignore[no-untyped-call]
        return (g * w).sum(1).to(d.dtype)
    out = torch.empty_like(d)
    factors = polynomials(grid.spacing, grid.r_max, enveloped, order)
    given = len(d), d.detach().contiguous(), grid.record, order + 1, *factors
    native_of("weights_backward", g.dtype)(*given, g.detach().contiguous(), out, threads())
    return out


def _weights(grid: SplineGrid, enveloped: bool, dtype: torch.dtype, d: Tensor) -> tuple[Tensor, Tensor]:
    w, q = d.new_empty((len(d), 4), dtype=dtype), d.new_empty(len(d), dtype=torch.int64)
    native_of("weights", dtype)(len(d), d.detach().contiguous(), grid.record, enveloped, q, w, threads())
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
    """Compute :func:`empnet.kernels.pair_weights` in compiled loops; tensors on the CPU."""
    index, grid = PairIndex(pairs, system_of), SplineGrid.of(spline)
    differentiable = positions.requires_grad or (cells is not None and cells.requires_grad)
    if not (differentiable and torch.is_grad_enabled()):
        d = _distances(index, positions, cells)
        return *_weights(grid, enveloped, dtype, d), d
    d = Distances.apply(index, positions, cells)  # type: ignore[no-untyped-call]
    w, q = FirstWeights.apply(grid, enveloped, dtype, d)  # type: ignore[no-untyped-call]
    return w, q, d.detach()
