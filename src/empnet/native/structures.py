"""The records that functions of libempnet take, field by field as in ``source/functions.h``."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from empnet.native.library import address_of
from empnet.system.batch import Pairs

__all__ = ["Grid", "InteractionRecord", "NeighbourRecord", "NetworkRecord", "Space"]

_POINTER = ctypes.c_void_p


class NeighbourRecord(ctypes.Structure):
    """A neighbour list: ``empnet_list``."""

    _fields_ = [
        ("N", ctypes.c_int64),
        ("P", ctypes.c_int64),
        *((name, _POINTER) for name in ("rows", "columns", "transposed", "first", "second", "q")),
    ]

    @classmethod
    def of(cls, pairs: Pairs, q: Tensor | None = None) -> NeighbourRecord:
        """Return the record of a list.

        Arguments:
            pairs: The pairs; the record keeps their tensors.
            q: First of the four rows of a table that each pair reads, shape (P,), int64; None if none is read.
        """
        lists = pairs.row_pointers, pairs.column_pointers, pairs.transposed, pairs.first, pairs.second, q
        record = cls(len(pairs.row_pointers) - 1, len(pairs), *(address_of(x, torch.int64) for x in lists))
        record.kept = lists  # the memory must not be given back before the call
        return record


class Space(ctypes.Structure):
    """Positions and cells: ``empnet_space``."""

    _fields_ = [
        *((name, _POINTER) for name in ("positions", "shifts", "cells", "system_of")),
        ("n_cells", ctypes.c_int64),
    ]

    @classmethod
    def of(cls, pairs: Pairs, positions: Tensor, cells: Tensor | None, system_of: Tensor | None) -> Space:
        """Return the record of positions.

        Arguments:
            pairs: The neighbour list, for its shifts.
            positions: Positions in angstrom, shape (N, 3), float64.
            cells: Lattice vectors in angstrom, shape (B, 3, 3), float64; None for open systems.
            system_of: The system of each particle, shape (N,), int64; None if there are no cells.

        Raises:
            ValueError: If the pairs have shifts, but there are no cells.
        """
        shifts = pairs.shifts
        if shifts is not None and cells is None:
            raise ValueError("cells: wanted shape (B, 3, 3), because the pairs have shifts, given None")
        real: list[Any] = [None if x is None else x.detach().contiguous() for x in (positions, shifts)]
        cell = None if shifts is None or cells is None else cells.detach().contiguous()
        system = None if cell is None or system_of is None else system_of.contiguous()
        found = (*(address_of(x, torch.float64) for x in (*real, cell)), address_of(system, torch.int64))
        record = cls(*found, 0 if cell is None else len(cell))
        record.kept = (*real, cell, system)
        return record


class Grid(ctypes.Structure):
    """The knots of a spline: ``empnet_grid``."""

    _fields_ = [("spacing", ctypes.c_double), ("r_max", ctypes.c_double), ("last", ctypes.c_int64)]


class InteractionRecord(ctypes.Structure):
    """The weights of one interaction: ``empnet_interaction``."""

    _fields_ = [
        *((name, _POINTER) for name in ("phi", "chi", "own", "W", "W_l", "W_1", "W_2")),
        *((name, _POINTER) for name in ("psi_1", "psi_1_bias", "psi_2", "psi_2_bias", "gate", "gate_bias")),
    ]


class NetworkRecord(ctypes.Structure):
    """A network with fixed weights: ``empnet_network``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("L", "layers", "F", "n_features", "n_species", "n_outputs", "n_rows")),
        ("grid", Grid),
        ("interactions", _POINTER),
        *((name, _POINTER) for name in ("embedding", "readout_1", "readout_1_bias", "readout_2", "readout_2_bias")),
        *((name, _POINTER) for name in ("baseline", "scale")),
    ]
