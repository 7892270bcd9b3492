"""Spline weights and sums over pairs in plain torch: any device, any dtype, derivatives of any order."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.nn.pairs import displacements, distances, sum_over_neighbours
from empnet.nn.radial import envelope
from empnet.nn.spline import CubicSpline

__all__ = ["pair_sums", "pair_weights"]


def pair_weights(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    dtype: torch.dtype,
    enveloped: bool = True,
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """What :func:`empnet.nn.kernels.pair_weights` says, one formula after the other."""
    d = distances(displacements(positions, pairs, cells, system_of))
    q = spline.locate(d)
    w = spline.weights(d, q)
    w = w * envelope(d, spline.r_max)[:, None] if enveloped else w.masked_fill((d > spline.r_max)[:, None], 0)
    return w.to(dtype), q, d.detach()


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.nn.kernels.pair_sums` says, term by term; memory is O(P S F).

    See there for the formula and the arguments.
    """
    rows = T.flatten(1)
    # index_select, because T[q] is five times slower backwards
    phi = w[:, [0]] * rows.index_select(0, q)
    for b in range(1, 4):
        phi = torch.addcmul(phi, w[:, [b]], rows.index_select(0, q + b))
    filters = phi.view(len(q), *T.shape[1:])  # (P, L + 1, F)
    back = filters
    if Y is not None:
        l_of = torch.repeat_interleave(torch.arange(T.shape[1]), 2 * torch.arange(T.shape[1]) + 1).to(f.device)
        filters = filters.index_select(1, l_of) * Y[:, :, None]  # (P, S, F)
        back = filters * (1 - 2 * (l_of % 2))[:, None]
    ends = torch.cat([pairs.first, pairs.second])
    heard = f.index_select(0, torch.cat([pairs.second, pairs.first]))[:, None, :]
    return sum_over_neighbours(torch.cat([filters, back]) * heard, ends, len(f))
