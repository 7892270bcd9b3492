"""The door to the sum over pairs, where nearly all the time of a network is spent.

Behind it stands one form, linear in each of w, T, Y and f (and in the g that an incoming gradient brings):

    L(w, T, Y, f, g) = sum_p sum_s sum_b sum_k  w[p,b] T[q_p + b, l(s), k] Y[p,s] f[sender(p), k] g[receiver(p), s, k]

with p the pairs, b the four spline weights, s = (l, m) the angular components and k the features. Each partial
derivative of L is the same form with another slot left open, so a fast implementation needs one small kernel for
each slot, and each kernel's derivatives are the other kernels: derivatives of every order come for nothing, and
memory is O(P), not O(P F). Pairs sorted by receiver, ``row_pointers`` and ``transposed`` are there so that no
kernel needs atomic additions.

An implementation is a function with the signature of :func:`pair_sums`. It holds no state: what is saved with a
network never depends on which one computed it. :mod:`empnet.nn.kernels.reference` is the one that all others are
tested against. The environment variable ``EMPNET_KERNELS`` names one for tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.data.errors import EmpnetError
from empnet.nn.kernels import fused, reference

__all__ = ["choose", "pair_sums"]

PairSums = Callable[[Tensor, Tensor, Tensor | None, Tensor, Tensor, Pairs], Tensor]

IMPLEMENTATIONS: dict[str, PairSums] = {"reference": reference.pair_sums, "fused": fused.pair_sums}


def choose() -> PairSums:
    """The implementation to use: the one that ``EMPNET_KERNELS`` names, else the best one that there is.

    Returns:
        A function with the signature of :func:`pair_sums`.

    Raises:
        EmpnetError: If ``EMPNET_KERNELS`` names none.

    Example:
        >>> choose().__module__
        'empnet.nn.kernels.reference'
    """
    name = os.environ.get("EMPNET_KERNELS", "reference")
    if name not in IMPLEMENTATIONS:
        raise EmpnetError(f"'{name}' is not a kernel", where="EMPNET_KERNELS", wanted=" or ".join(IMPLEMENTATIONS))
    return IMPLEMENTATIONS[name]


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
        A_{j,s,k} = \sum_{p:\, receiver(p) = j} \; \sum_{b=0}^{3}
                    w_{p,b} \, T_{q_p + b,\, l(s),\, k} \, Y_{p,s} \, f_{sender(p),\, k}, \qquad s = (l, m)

    Differentiable to any order with respect to w, T, Y and f.

    Arguments:
        w: Four spline weights of each pair, times the cutoff's envelope, shape (P, 4).
        T: Spline coefficients of the filters, one for each degree l, shape (K + 2, L + 1, F).
        Y: Spherical harmonics of each pair's direction, m = -l ... l for l = 0, 1, ... L, shape (P, S) with
            S = (L + 1)^2; None for distances only (then L = 0, S = 1 and Y is 1).
        f: Features of the particles, shape (N, F).
        q: First of each pair's four coefficients, shape (P,), int64.
        pairs: The neighbour list.

    Returns:
        A, shape (N, S, F).

    Example:
        >>> import torch
        >>> from empnet.nn.pairs import all_pairs
        >>> pairs = all_pairs(torch.ones(1, 2, dtype=torch.bool))
        >>> w, T, f = torch.full((2, 4), 0.25), torch.ones(6, 1, 3), torch.tensor([[1.0] * 3, [2.0] * 3])
        >>> pair_sums(w, T, None, f, torch.zeros(2, dtype=torch.int64), pairs)[:, 0].tolist()
        [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]
    """
    return choose()(w, T, Y, f, q, pairs)
