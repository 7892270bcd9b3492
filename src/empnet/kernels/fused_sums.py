"""The sums over pairs as multilinear forms in compiled loops, for CPUs: O(P) memory, derivatives of every order.

They serve any degree and number of features; for degree 2, ``fused_moments`` is several times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels import loops, tensor_loops
from empnet.kernels.multilinear import Slots, value
from empnet.kernels.topology import Topology
from empnet.system.batch import Pairs

__all__ = ["pair_sums", "pair_sums_at", "tensor_sums", "tensor_sums_at"]

SLOTS = ("w", "T", "Y", "f", "g")


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """The form of :func:`pair_sums`."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open."""
        w, T, Y, f, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        n, degrees = len(at.rows) - 1, at.table[1]
        shapes = {"w": (len(at.q), 4), "T": at.table, "Y": (len(at.q), degrees**2), "f": (n, at.table[2])}
        out = like.new_empty(shapes.get(SLOTS[slot], (n, degrees**2, at.table[2])))
        self._fill(SLOTS[slot], w, T, Y, f, g, out.numpy())
        return out

    def _fill(self, slot: str, w: Any, T: Any, Y: Any, f: Any, g: Any, out: np.ndarray) -> None:
        """Write the form with ``slot`` open."""
        at = self.at
        if slot == "g":
            loops.to_g(*at.lists, w, T, Y, f, out)
        elif slot == "f" and Y is None and g is not None:  # then f and g can be exchanged
            loops.to_g(*at.lists, w, T, None, g[:, 0], out[:, None])
        elif slot == "f":
            loops.to_f(*at.lists, w, T, Y, g, out)
        elif slot == "w":
            loops.to_w(*at.half, T, Y, f, g, out)
        elif slot == "Y":
            loops.to_Y(*at.half, w, T, f, g, out)
        else:
            loops.to_T(at.chunks(), *at.half, w, Y, f, g, at.tables(out.dtype), out)


@dataclass(frozen=True, slots=True, eq=False)
class TensorSums:
    """The form of :func:`tensor_sums`, with slots w, T, V and g; the last two can be exchanged."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open."""
        w, T, V, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        shapes = ((len(at.q), 4), at.table)
        out = like.new_empty(shapes[slot] if slot < 2 else (len(at.rows) - 1, at.table[1] ** 2, at.table[2]))
        into = out.numpy()
        if slot == 0:
            tensor_loops.to_w(*at.half, T, V, g, into)
        elif slot == 1:
            tensor_loops.to_T(at.chunks(), *at.half, w, V, g, at.tables(into.dtype), into)
        else:
            tensor_loops.to_g(*at.lists, w, T, g if slot == 2 else V, into)
        return out


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.kernels.pair_sums` says, in compiled loops for any degree and width; on the CPU.

    See there for the formula and the arguments.
    """
    return pair_sums_at(Topology.of(pairs, q, T), w, T, Y, f)


def pair_sums_at(at: Topology, w: Tensor, T: Tensor, Y: Tensor | None, f: Tensor) -> Tensor:
    """The same for a topology that is there already."""
    return value(PairSums(at), SLOTS.index("g"), [w, T, Y, f, None])


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.kernels.tensor_sums` says, in compiled loops for any degree and width; on the CPU."""
    return tensor_sums_at(Topology.of(pairs, q, T), w, T, V)


def tensor_sums_at(at: Topology, w: Tensor, T: Tensor, V: Tensor) -> Tensor:
    """The same for a topology that is there already."""
    return value(TensorSums(at), 3, [w, T, V, None])
