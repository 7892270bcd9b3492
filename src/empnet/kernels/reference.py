"""The formulas in plain torch: any device, any dtype, derivatives of any order.

The fast paths are tested against these functions. They stand in the order of :mod:`empnet.kernels`, where their
arguments and shapes are described; those of one particle are in :mod:`empnet.basis.products`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.basis.harmonics import degree_of, harmonics
from empnet.basis.products import gated, mixed, products
from empnet.basis.radial import envelope
from empnet.basis.spline import CubicSpline
from empnet.kernels.pairs import displacements, distances, sum_over_neighbours
from empnet.system.batch import Pairs

__all__ = ["gated", "mixed", "moments", "pair_directions", "pair_sums", "pair_weights", "products", "tensor_sums"]


def pair_weights(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    dtype: torch.dtype,
    enveloped: bool = True,
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Compute w, q and d as :func:`empnet.kernels.pair_weights` defines them."""
    d = distances(displacements(positions, pairs, cells, system_of))
    q = spline.locate(d)
    w = spline.weights(d, q)
    w = w * envelope(d, spline.r_max)[:, None] if enveloped else w.masked_fill((d > spline.r_max)[:, None], 0)
    return w.to(dtype), q, d.detach()


def pair_directions(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None,
    system_of: Int64[Tensor, " N"] | None,
    spline: CubicSpline,
    degree: int,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "P 4"], Float[Tensor, "P S"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Compute w, Y, q and d as :func:`empnet.kernels.pair_directions` defines them."""
    vectors = displacements(positions, pairs, cells, system_of)
    d = distances(vectors)
    q = spline.locate(d)
    w = spline.weights(d, q) * envelope(d, spline.r_max)[:, None]
    Y = harmonics(vectors / d.masked_fill(d == 0, torch.inf)[:, None], degree)  # so that 0 / 0 has no slope either
    return w.to(dtype), Y.to(dtype), q, d.detach()


def _filters(w: Tensor, T: Tensor, q: Tensor) -> Tensor:
    """Return the filters of each pair, shape (P, L + 1, F)."""
    rows = T.flatten(1)
    # index_select, because T[q] is five times slower backwards
    phi = w[:, [0]] * rows.index_select(0, q)
    for b in range(1, 4):
        phi = torch.addcmul(phi, w[:, [b]], rows.index_select(0, q + b))
    return phi.view(len(q), *T.shape[1:])


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.pair_sums` pair by pair; memory is O(P S F)."""
    filters = _filters(w, T, q)  # (P, L + 1, F)
    back = filters
    if Y is not None:
        l_of = torch.tensor(degree_of(T.shape[1] - 1), device=f.device)
        filters = filters.index_select(1, l_of) * Y[:, :, None]  # (P, S, F)
        back = filters * (1 - 2 * (l_of % 2))[:, None]  # against the pair's direction, odd degrees change sign
    receivers = torch.cat([pairs.first, pairs.second])
    features = f.index_select(0, torch.cat([pairs.second, pairs.first]))[:, None, :]
    return sum_over_neighbours(torch.cat([filters, back]) * features, receivers, len(f))


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.tensor_sums` pair by pair; memory is O(P S F)."""
    l_of = torch.tensor(degree_of(T.shape[1] - 1), device=V.device)
    filters = _filters(w, T, q).index_select(1, l_of)
    receivers = torch.cat([pairs.first, pairs.second])
    tensors = V.index_select(0, torch.cat([pairs.second, pairs.first]))
    return sum_over_neighbours(filters.repeat(2, 1, 1) * tensors, receivers, len(V))


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
    """Compute :func:`empnet.kernels.moments` from both sums; memory is O(P S F)."""
    A = pair_sums(w, phi, Y, x, q, pairs)
    if V is None:
        return A
    assert chi is not None  # own invariant: tensors come with their filters
    return A + V + tensor_sums(w, chi, V, q, pairs)
