"""Sums over pairs as multilinear forms in compiled loops: O(P) memory, derivatives of every order.

Formulas: :func:`empnet.kernels.reference.pair_sums` and :func:`~empnet.kernels.reference.tensor_sums`. Loops: those of
moments, ``native/source/moments.hpp``, without tensors or without features.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels.multilinear import Slots, value
from empnet.kernels.topology import Topology
from empnet.native.library import native_of, threads
from empnet.system.batch import Pairs

__all__ = ["pair_sums", "pair_sums_at", "tensor_sums", "tensor_sums_at"]

SLOTS = ("w", "T", "Y", "f", "g")


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """The form of :func:`pair_sums`."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open."""
        w, T, Y, f, g = (None if x is None else x.detach().contiguous() for x in slots)
        like = next(x for x in slots if x is not None)
        at, name = self.at, SLOTS[slot]
        n, S, F = at.n_particles, at.n_components, at.table[2]
        shapes = {"w": (at.n_pairs, 4), "T": at.table, "Y": (at.n_pairs, S), "f": (n, F), "g": (n, S, F)}
        out = like.new_empty(shapes[name])
        of, calls = (at.record, at.degree, F), threads()
        if name == "g":
            native_of("moments", out.dtype)(*of, w, Y, T, f, None, None, None, out, calls)
        elif name == "f":
            native_of("moments_grad_features", out.dtype)(*of, w, Y, T, None, g, None, out, None, calls)
        elif name == "T":
            given = at.table[0], w, Y, f, None, g, None, None
            native_of("moments_grad_tables", out.dtype)(*of, *given, out, None, calls)
        else:
            both = (out, None) if name == "w" else (None, out)
            native_of("moments_grad_pairs", out.dtype)(*of, w, Y, T, f, None, None, g, *both, calls)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class TensorSums:
    """The form of :func:`tensor_sums`, with slots w, T, V and g; the last two can be exchanged."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open."""
        w, T, V, g = (None if x is None else x.detach().contiguous() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        of, calls, F = (at.record, at.degree, at.table[2]), threads(), at.table[2]
        if slot == 0:
            out = like.new_empty(at.n_pairs, 4)
            native_of("moments_grad_pairs", out.dtype)(*of, None, None, None, None, T, V, g, out, None, calls)
        elif slot == 1:
            out = like.new_empty(at.table)
            given = at.table[0], w, None, None, V, g, None, None
            native_of("moments_grad_tables", out.dtype)(*of, *given, None, out, calls)
        else:
            out = like.new_empty(at.n_particles, at.n_components, F)
            V = g if slot == 2 else V
            native_of("moments", out.dtype)(*of, w, None, None, None, T, V, None, out, calls)
        return out


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.pair_sums` in compiled loops, for any degree and width; tensors on the CPU."""
    return pair_sums_at(Topology.of(pairs, q, T), w, T, Y, f)


def pair_sums_at(at: Topology, w: Tensor, T: Tensor, Y: Tensor | None, f: Tensor) -> Tensor:
    """Compute :func:`pair_sums` for a given topology."""
    return value(PairSums(at), SLOTS.index("g"), [w, T, Y, f, None])


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.tensor_sums` in compiled loops, for any degree and width; tensors on the CPU."""
    return tensor_sums_at(Topology.of(pairs, q, T), w, T, V)


def tensor_sums_at(at: Topology, w: Tensor, T: Tensor, V: Tensor) -> Tensor:
    """Compute :func:`tensor_sums` for a given topology."""
    return value(TensorSums(at), 3, [w, T, V, None])
