"""From positions to spline weights and spherical harmonics in compiled loops, for CPUs; derivatives of every order."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.basis.harmonics import harmonics
from empnet.basis.radial import envelope
from empnet.basis.spline import CubicSpline
from empnet.kernels import direction_loops as loops
from empnet.kernels.geometry import Frame, arrays_of
from empnet.kernels.pairs import distances, sum_over_neighbours
from empnet.system.batch import Pairs

__all__ = ["pair_directions"]


class Vectors(torch.autograd.Function):
    """From the first particle of each pair to the second: linear in positions and cells."""

    @staticmethod
    def forward(ctx: Any, frame: Frame, positions: Tensor, cells: Tensor | None) -> Tensor:  # type: ignore[override]
        """Shape (P, 3), float64."""
        ctx.frame, ctx.shape = frame, (len(positions), 0 if cells is None else len(cells))
        return _vectors(frame, positions, cells)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor, Tensor | None]:  # type: ignore[override]
        """The transpose, which is linear, too."""
        positions = PulledVectors.apply(ctx.frame, ctx.shape[0], g)  # type: ignore[no-untyped-call]
        cells = _pulled_cells(ctx.frame, ctx.shape[1], g) if ctx.needs_input_grad[2] else None
        return None, positions, cells


class PulledVectors(torch.autograd.Function):
    """From the gradient of the vectors to that of the positions."""

    @staticmethod
    def forward(ctx: Any, frame: Frame, n: int, g: Tensor) -> Tensor:  # type: ignore[override]
        """Shape (N, 3)."""
        ctx.frame = frame
        out = g.new_empty(n, 3)
        at = frame.pairs
        lists = (at.row_pointers, at.column_pointers, at.transposed)
        loops.pull_vectors(*(x.numpy() for x in lists), g.detach().contiguous().numpy(), out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[override]
        """Differences again."""
        at = ctx.frame.pairs
        if torch.is_grad_enabled():
            return None, None, Vectors.apply(Frame(_open(at), None), h, None)  # type: ignore[no-untyped-call]
        return None, None, _vectors(Frame(_open(at), None), h, None)


def _open(pairs: Pairs) -> Pairs:
    """The same list without lattice vectors: of a change of positions, images change alike."""
    return Pairs(pairs.first, pairs.second, pairs.row_pointers, pairs.transposed, pairs.column_pointers)


def _vectors(frame: Frame, positions: Tensor, cells: Tensor | None) -> Tensor:
    out = positions.new_empty(len(frame.pairs), 3)
    first, second = frame.pairs.first.numpy(), frame.pairs.second.numpy()
    loops.vectors(first, second, *arrays_of(frame, positions, cells), out.numpy())
    return out


def _pulled_cells(frame: Frame, n: int, g: Tensor) -> Tensor:
    """sum_p S_p^T g_p over the pairs of each system, shape (B, 3, 3)."""
    shifts = frame.pairs.shifts
    if shifts is None:
        return g.new_zeros(n, 3, 3)
    if n == 1:
        return (shifts.T @ g)[None]
    assert frame.system_of is not None  # own invariant: several cells come with the systems they belong to
    system = frame.system_of.index_select(0, frame.pairs.first)
    return sum_over_neighbours(shifts[:, :, None] * g[:, None, :], system, n)


class Grid(NamedTuple):
    """Where the knots are, and how far the harmonics go.

    Arguments:
        spacing: h, between knots, in angstrom.
        r_max: The last knot in angstrom, where the envelope ends.
        last: The largest q.
        degree: L of the harmonics.
        dtype: Of the weights and harmonics.
    """

    spacing: float
    r_max: float
    last: int
    degree: int
    dtype: torch.dtype

    def plain(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """w and Y in plain torch, for derivatives of any order."""
        d = distances(v)
        spline = CubicSpline(self.last + 2, self.r_max)
        w = spline.weights(d, spline.locate(d)) * envelope(d, self.r_max)[:, None]
        unit = v / d.masked_fill(d == 0, torch.inf)[:, None]
        return w.to(self.dtype), harmonics(unit, self.degree).to(self.dtype)


class Directions(torch.autograd.Function):
    """w, Y, q and d of each pair's vector."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, v: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """w (P, 4), Y (P, S), q (P,) and d (P,); the last two without derivatives."""
        ctx.grid = grid
        ctx.save_for_backward(v)
        w, Y, q, d = _directions(grid, v)
        ctx.mark_non_differentiable(q, d)
        return w, Y, q, d

    @staticmethod
    def backward(ctx: Any, gw: Tensor, gY: Tensor, *_: Any) -> tuple[None, Tensor]:  # type: ignore[override]
        """The vectors' gradient."""
        return None, _pulled(ctx.grid, ctx.saved_tensors[0], gw, gY)


class PulledDirections(torch.autograd.Function):
    """From the gradients of w and Y to that of the vectors: linear in both.

    The vectors are another matter, and have a node of their own (:class:`Bend`): training on forces asks for nothing
    of what goes through it.
    """

    @staticmethod
    def forward(ctx: Any, grid: Grid, saved: tuple[Tensor, ...], gw: Tensor, gY: Tensor) -> Tensor:  # type: ignore[override]
        """``saved`` are the vectors and both gradients; shape (P, 3), float64."""
        ctx.grid = grid
        ctx.save_for_backward(*saved)
        out = torch.empty_like(saved[0])
        gradients = (x.detach().contiguous().numpy() for x in (gw, gY))
        loops.pull_directions(saved[0].detach().numpy(), *grid[:3], *gradients, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """In one loop; in plain torch if this is to be differentiated."""
        v, gw, gY = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, None, *_second(ctx.grid, v, gw, gY, h)[1:]
        w, Y = gw.new_empty(gw.shape), gY.new_empty(gY.shape)
        loops.push_directions(v.numpy(), *ctx.grid[:3], h.contiguous().numpy(), w.numpy(), Y.numpy())
        return None, None, w, Y


class Bend(torch.autograd.Function):
    """How the gradient of the vectors changes with the vectors: the way into :class:`PulledDirections` for them."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, saved: tuple[Tensor, ...], v: Tensor) -> Tensor:  # type: ignore[override]
        """Nothing, in the vectors' shape."""
        ctx.grid = grid
        ctx.save_for_backward(*saved)
        return v.new_zeros(()).expand(v.shape)

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[override]
        """By automatic differentiation of the plain formulas."""
        v, gw, gY = ctx.saved_tensors
        return None, None, _second(ctx.grid, v, gw, gY, h)[0]


def _pulled(grid: Grid, v: Tensor, gw: Tensor, gY: Tensor) -> Tensor:
    saved = (v, gw, gY)
    pulled: Tensor = PulledDirections.apply(grid, saved, gw, gY)  # type: ignore[no-untyped-call]
    if not (torch.is_grad_enabled() and v.requires_grad):
        return pulled
    bend: Tensor = Bend.apply(grid, saved, v)  # type: ignore[no-untyped-call]
    return pulled + bend


def _second(grid: Grid, v: Tensor, gw: Tensor, gY: Tensor, h: Tensor) -> tuple[Tensor, ...]:
    """The gradients of v, gw and gY, of h times the pulled gradient."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        inputs = [x.view_as(x) if again and x.requires_grad else x.detach().requires_grad_() for x in (v, gw, gY)]
        w_and_Y = grid.plain(inputs[0])
        (pulled,) = torch.autograd.grad(w_and_Y, inputs[:1], inputs[1:], create_graph=True)
        return torch.autograd.grad(pulled, inputs, h, create_graph=again)


def _directions(grid: Grid, v: Tensor) -> tuple[Tensor, ...]:
    P = len(v)
    w, Y = v.new_empty((P, 4), dtype=grid.dtype), v.new_empty((P, (grid.degree + 1) ** 2), dtype=grid.dtype)
    q, d = v.new_empty(P, dtype=torch.int64), v.new_empty(P)
    loops.directions(v.detach().numpy(), *grid[:3], d.numpy(), q.numpy(), w.numpy(), Y.numpy())
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
    """What :func:`empnet.kernels.pair_directions` says, in compiled loops; tensors on the CPU."""
    frame = Frame(pairs, system_of)
    grid = Grid(spline.spacing, float(spline.r_max), spline.n_knots - 2, degree, dtype)
    moves = positions.requires_grad or (cells is not None and cells.requires_grad)
    if not (moves and torch.is_grad_enabled()):
        return _directions(grid, _vectors(frame, positions, cells))  # type: ignore[return-value]
    v = Vectors.apply(frame, positions, cells)  # type: ignore[no-untyped-call]
    return Directions.apply(grid, v)  # type: ignore[no-any-return, no-untyped-call]
