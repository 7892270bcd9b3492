"""Stress and virials: their unit and their sign, judged by what strain does to the energy, or by their size."""

from __future__ import annotations

import numpy as np

from empnet.data.inspection.frames import Frames
from empnet.data.inspection.record import Finding
from empnet.data.units import parse_unit

__all__ = ["stress_findings", "symmetric"]

STRONGEST = 1.0
"""eV/angstrom^3, or 160 GPa: stress beyond it is rare; the bulk modulus of diamond is 2.8."""

COMMON = ("kB", "GPa", "bar")


def symmetric(value: object) -> np.ndarray | None:
    """A stress as a 3 x 3 tensor from its 6 components xx yy zz yz xz xy, from 9, or from 3 x 3; None if it is none.

    Arguments:
        value: What the data hold.

    Example:
        >>> symmetric([1, 2, 3, 0, 0, 4]).tolist()
        [[1.0, 4.0, 0.0], [4.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.size not in (6, 9):
        return None
    flat = array.reshape(-1).astype(np.float64)
    return flat[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3) if array.size == 6 else flat.reshape(3, 3)


def stress_findings(frames: Frames, name: str, energy: str) -> list[Finding]:
    """Whether a stress can be in eV/angstrom^3 with the sign that ASE gives it.

    Arguments:
        frames: The data.
        name: Key of the stress or virial.
        energy: Key of the energies; empty if there are none.
    """
    stress = frames.stresses[name]
    there = np.isfinite(stress).all(axis=(1, 2))
    size = np.abs(stress[there]).max(axis=(1, 2), initial=0.0)
    if not there.any() or not size.any():
        return []
    usual, largest = float(np.median(size)), float(size.max())
    shown = f"largest component of a frame: median {usual:.3g}, up to {largest:.3g}"
    if usual <= STRONGEST:
        return [Finding("note", name, f"{shown}: like a stress in eV/angstrom^3")]
    volume = np.abs(np.linalg.det(frames.cells[there]))
    fitting = [unit for unit in COMMON if usual * parse_unit(unit).factor < STRONGEST]
    options = ", ".join(fitting)
    per_volume = float(np.median(size / np.where(volume > 0, volume, np.nan)))
    virial = f"; or a virial in eV (over the volume: {per_volume:.2g} eV/angstrom^3)" if per_volume < STRONGEST else ""
    told = (
        f"{shown}: no stress in eV/angstrom^3 (more than {STRONGEST:g} is rare; 1 eV/angstrom^3 = 1602 kB = 160 GPa); "
        f"suspected: {options}{virial}"
    )
    return [Finding("warning", name, told, "find out, and mind the sign: ASE's stress is positive under tension")]
