"""The sum over pairs in plain torch: any device, any dtype, derivatives of any order."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.nn.pairs import sum_over_neighbours

__all__ = ["pair_sums"]


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
    messages = phi.view(len(q), *T.shape[1:]) * f.index_select(0, pairs.senders)[:, None, :]  # (P, L + 1, F)
    if Y is not None:
        sizes = range(1, 2 * T.shape[1], 2)  # 2l + 1
        blocks = zip(messages.split(1, dim=1), Y[:, :, None].split(list(sizes), dim=1), strict=True)
        messages = torch.cat([message * Y_l for message, Y_l in blocks], dim=1)  # (P, S, F)
    return sum_over_neighbours(messages, pairs.receivers, len(f))
