"""From positions to spline weights and spherical harmonics in compiled loops, with derivatives of every order.

Formula: :func:`empnet.kernels.reference.pair_directions`. Loops: ``native/source/geometry.cpp``. Two nodes stand
one after the other: positions and cells -> :class:`Vectors` -> :class:`Directions`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.basis.harmonics import harmonics
from empnet.basis.radial import envelope
from empnet.basis.spline import CubicSpline
from empnet.kernels.autograd_pair_weights import PairIndex, SplineGrid
from empnet.kernels.pairs import distances, sum_over_neighbours
from empnet.native.library import native, native_of, threads
from empnet.native.structures import NeighbourRecord
from empnet.system.batch import Pairs

__all__ = ["pair_directions"]


class Vectors(torch.autograd.Function):
    """The vector from the first particle of each pair to the second: linear in positions and cells."""

    @staticmethod
    def forward(ctx: Any, index: PairIndex, positions: Tensor, cells: Tensor | None) -> Tensor:  # type: ignore[override]
        """Return the vectors, shape (P, 3), float64."""
        ctx.index, ctx.shape = index, (len(positions), 0 if cells is None else len(cells))
        return _vectors(index, positions, cells)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor, Tensor | None]:  # type: ignore[override]
        """Return the gradients of positions and cells, linear in g."""
        positions = VectorsBackward.apply(ctx.index, ctx.shape[0], g)  # type: ignore[no-untyped-call]
        cells = _grad_cells(ctx.index, ctx.shape[1], g) if ctx.needs_input_grad[2] else None
        return None, positions, cells


class VectorsBackward(torch.autograd.Function):
    """From the gradient of the vectors to that of the positions: linear, the transpose of :class:`Vectors`."""

    @staticmethod
    def forward(ctx: Any, index: PairIndex, n: int, g: Tensor) -> Tensor:  # type: ignore[override]
        """Return the gradient of the positions, shape (N, 3)."""
        ctx.index = index
        out = g.new_empty(n, 3)
        native("vectors_backward")(NeighbourRecord.of(index.pairs), g.detach().contiguous(), out, threads())
        return out

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[override]
        """Return the differences of h."""
        index = PairIndex(_without_shifts(ctx.index.pairs), None)
        if torch.is_grad_enabled():
            return None, None, Vectors.apply(index, h, None)  # type: ignore[no-untyped-call]
        return None, None, _vectors(index, h, None)


def _without_shifts(pairs: Pairs) -> Pairs:
    """Return the list without lattice vectors: a change of a position changes its images alike."""
    return Pairs(pairs.first, pairs.second, pairs.row_pointers, pairs.transposed, pairs.column_pointers)


def _vectors(index: PairIndex, positions: Tensor, cells: Tensor | None) -> Tensor:
    out = positions.new_empty(len(index.pairs), 3)
    native("vectors")(*index.records(positions, cells), out, threads())
    return out


def _grad_cells(index: PairIndex, n: int, g: Tensor) -> Tensor:
    """Return sum_p S_p^T g_p over the pairs of each system, shape (B, 3, 3)."""
    shifts = index.pairs.shifts
    if shifts is None:
        return g.new_zeros(n, 3, 3)
    if n == 1:
        return (shifts.T @ g)[None]
    assert index.system_of is not None  # own invariant: several cells come with the systems they belong to
    system = index.system_of.index_select(0, index.pairs.first)
    return sum_over_neighbours(shifts[:, :, None] * g[:, None, :], system, n)


class Directions(torch.autograd.Function):
    """w, Y, q and d of each pair's vector."""

    @staticmethod
    def forward(ctx: Any, grid: SplineGrid, degree: int, dtype: torch.dtype, v: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Return w (P, 4), Y (P, S), q (P,) and d (P,); the last two without derivatives."""
        ctx.grid = grid
        ctx.save_for_backward(v)
        w, Y, q, d = _directions(grid, degree, dtype, v)
        ctx.mark_non_differentiable(q, d)
        return w, Y, q, d

    @staticmethod
    def backward(ctx: Any, gw: Tensor, gY: Tensor, *_: Any) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return the gradient of the vectors."""
        return None, None, None, _directions_backward(ctx.grid, ctx.saved_tensors[0], gw, gY)


class DirectionsBackward(torch.autograd.Function):
    """From the gradients of w and Y to that of the vectors: linear in both.

    The result depends on the vectors, too. That derivative has a node of its own, :class:`VectorSecondGradient`,
    because training on forces needs none of it.
    """

    @staticmethod
    def forward(ctx: Any, grid: SplineGrid, saved: tuple[Tensor, ...], gw: Tensor, gY: Tensor) -> Tensor:  # type: ignore[override]
        """Return the gradient of the vectors, shape (P, 3), float64; ``saved`` are the vectors and both gradients."""
        ctx.grid = grid
        ctx.save_for_backward(*saved)
        out = torch.empty_like(saved[0])
        v, gradients = saved[0].detach(), (x.detach().contiguous() for x in (gw, gY))
        given = len(v), v.contiguous(), grid.record, math.isqrt(gY.shape[1]) - 1
        native_of("directions_backward", gY.dtype)(*given, *gradients, out, threads())
        return out

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return the gradients of gw and gY; in one loop, unless a graph is recorded."""
        v, gw, gY = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, None, *_second_order(ctx.grid, v, gw, gY, h)[1:]
        w, Y = gw.new_empty(gw.shape), gY.new_empty(gY.shape)
        given = len(v), v.contiguous(), ctx.grid.record, math.isqrt(gY.shape[1]) - 1
        native_of("directions_jvp", gY.dtype)(*given, h.contiguous(), w, Y, threads())
        return None, None, w, Y


class VectorSecondGradient(torch.autograd.Function):
    """The derivative of :class:`DirectionsBackward` with respect to the vectors."""

    @staticmethod
    def forward(ctx: Any, grid: SplineGrid, saved: tuple[Tensor, ...], v: Tensor) -> Tensor:  # type: ignore[override]
        """Return a zero tensor of the vectors' shape, to be added to the gradient."""
        ctx.grid = grid
        ctx.save_for_backward(*saved)
        return v.new_zeros(()).expand(v.shape)

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[override]
        """Return the derivative by automatic differentiation of the formula."""
        v, gw, gY = ctx.saved_tensors
        return None, None, _second_order(ctx.grid, v, gw, gY, h)[0]


def _directions_backward(grid: SplineGrid, v: Tensor, gw: Tensor, gY: Tensor) -> Tensor:
    """Return the gradient of the vectors, differentiable with respect to gw, gY and, if a graph needs it, v."""
    saved = (v, gw, gY)
    gradient: Tensor = DirectionsBackward.apply(grid, saved, gw, gY)  # type: ignore[no-untyped-call]
    if not (torch.is_grad_enabled() and v.requires_grad):
        return gradient
    second: Tensor = VectorSecondGradient.apply(grid, saved, v)  # type: ignore[no-untyped-call]
    return gradient + second


def _weights_and_harmonics(grid: SplineGrid, degree: int, dtype: torch.dtype, v: Tensor) -> tuple[Tensor, Tensor]:
    """Compute w and Y in plain torch, for derivatives of any order."""
    d = distances(v)
    spline = CubicSpline(grid.last + 2, grid.r_max)
    w = spline.weights(d, spline.locate(d)) * envelope(d, grid.r_max)[:, None]
    unit = v / d.masked_fill(d == 0, torch.inf)[:, None]
    return w.to(dtype), harmonics(unit, degree).to(dtype)


def _second_order(grid: SplineGrid, v: Tensor, gw: Tensor, gY: Tensor, h: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of v, gw and gY, of h times the gradient of the vectors."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        inputs = [x.view_as(x) if again and x.requires_grad else x.detach().requires_grad_() for x in (v, gw, gY)]
        outputs = _weights_and_harmonics(grid, math.isqrt(gY.shape[1]) - 1, gw.dtype, inputs[0])
        (gradient,) = torch.autograd.grad(outputs, inputs[:1], inputs[1:], create_graph=True)
        return torch.autograd.grad(gradient, inputs, h, create_graph=again)


def _directions(grid: SplineGrid, degree: int, dtype: torch.dtype, v: Tensor) -> tuple[Tensor, ...]:
    P = len(v)
    w, Y = v.new_empty((P, 4), dtype=dtype), v.new_empty((P, (degree + 1) ** 2), dtype=dtype)
    q, d = v.new_empty(P, dtype=torch.int64), v.new_empty(P)
    native_of("directions", dtype)(P, v.detach().contiguous(), grid.record, degree, d, q, w, Y, threads())
    return w, Y, q, d


def pair_directions(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    degree: int,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "P 4"], Float[Tensor, "P S"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Compute :func:`empnet.kernels.pair_directions` in compiled loops; tensors on the CPU."""
    index, grid = PairIndex(pairs, system_of), SplineGrid.of(spline)
    differentiable = positions.requires_grad or (cells is not None and cells.requires_grad)
    if not (differentiable and torch.is_grad_enabled()):
        return _directions(grid, degree, dtype, _vectors(index, positions, cells))  # type: ignore[return-value]
    v = Vectors.apply(index, positions, cells)  # type: ignore[no-untyped-call]
    return Directions.apply(grid, degree, dtype, v)  # type: ignore[no-any-return, no-untyped-call]
