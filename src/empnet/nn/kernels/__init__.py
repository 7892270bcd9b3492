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
tested against; :mod:`empnet.nn.kernels.fused` is the one for CPUs. The environment variable ``EMPNET_KERNELS`` names
one for tests.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.data.errors import EmpnetError
from empnet.nn.kernels import reference

__all__ = ["NAMES", "choose", "pair_sums"]

PairSums = Callable[[Tensor, Tensor, Tensor | None, Tensor, Tensor, Pairs], Tensor]

NAMES = ("reference", "fused")
"""What ``EMPNET_KERNELS`` may name."""


def choose(device: torch.device, dtype: torch.dtype) -> PairSums:
    """The implementation to use: the one that ``EMPNET_KERNELS`` names, else the best one that there is.

    Compiled loops serve float32 and float64 on CPUs; plain torch serves everything, and a machine on which Numba does
    not work, after one warning.

    Arguments:
        device: Where the tensors are.
        dtype: What they hold.

    Returns:
        A function with the signature of :func:`pair_sums`.

    Raises:
        EmpnetError: If ``EMPNET_KERNELS`` names none.

    Example:
        >>> choose(torch.device("cuda"), torch.float32).__module__
        'empnet.nn.kernels.reference'
    """
    named = os.environ.get("EMPNET_KERNELS")
    if named is not None and named not in NAMES:
        raise EmpnetError(f"'{named}' is not a kernel", where="EMPNET_KERNELS", wanted=" or ".join(NAMES))
    served = device.type == "cpu" and dtype in (torch.float32, torch.float64)
    return _fused() if served and named != "reference" else reference.pair_sums


@cache
def _fused() -> PairSums:
    """The compiled loops, or plain torch if they cannot be had; imported when first needed: Numba takes its time."""
    try:
        from empnet.nn.kernels import fused
    except Exception as error:  # Numba fails in many ways: not installed, wrong NumPy, no threading layer
        told = f"Numba does not work here ({error}), so sums over pairs are made by plain torch, several times slower"
        warnings.warn(told, stacklevel=2)
        return reference.pair_sums
    return fused.pair_sums


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
    return choose(f.device, f.dtype)(w, T, Y, f, q, pairs)
