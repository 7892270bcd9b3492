"""Energies of free atoms, for finding the zero and the unit of energies from their size."""

from __future__ import annotations

import numpy as np
from ase import units

__all__ = ["all_electron_energy", "cohesive_energy", "valence_energy"]

# Energy to separate a solid (for H N O F Cl: a molecule) of the element into free atoms, eV per atom.
# C. Kittel, Introduction to Solid State Physics, 8th ed., table 1 of chapter 3; H: half of D0 = 4.478 eV of H2.
COHESIVE = {
    1: 2.24, 3: 1.63, 4: 3.32, 5: 5.81, 6: 7.37, 7: 4.92, 8: 2.60, 9: 0.84, 11: 1.11, 12: 1.51, 13: 3.39, 14: 4.63,
    15: 3.43, 16: 2.85, 17: 1.40, 19: 0.93, 20: 1.84, 21: 3.90, 22: 4.85, 23: 5.31, 24: 4.10, 25: 2.92, 26: 4.28,
    27: 4.39, 28: 4.44, 29: 3.49, 30: 1.35, 31: 2.81, 32: 3.85, 33: 2.96, 34: 2.46, 35: 1.22, 37: 0.85, 38: 1.72,
    39: 4.37, 40: 6.25, 41: 7.57, 42: 6.82, 43: 6.85, 44: 6.74, 45: 5.75, 46: 3.89, 47: 2.95, 48: 1.16, 49: 2.52,
    50: 3.14, 51: 2.75, 52: 2.19, 53: 1.11, 55: 0.80, 56: 1.90, 57: 4.47, 58: 4.32, 59: 3.70, 60: 3.40, 62: 2.14,
    63: 1.86, 64: 4.14, 65: 4.05, 66: 3.04, 67: 3.14, 68: 3.29, 69: 2.42, 70: 1.60, 71: 4.43, 72: 6.44, 73: 8.10,
    74: 8.90, 75: 8.03, 76: 8.17, 77: 6.94, 78: 5.84, 79: 3.81, 80: 0.67, 81: 1.88, 82: 2.03, 83: 2.18,
}  # fmt: skip

# Energy of a pseudo-atom in eV: sum of the ionisation energies of the valence electrons.
# Ionisation energies: NIST Atomic Spectra Database.
VALENCE = {
    1: 13.60, 5: 71.38, 6: 148.0, 7: 266.9, 8: 433.1, 9: 658.8, 13: 53.26, 14: 103.1, 15: 176.9, 16: 276.4, 17: 408.9,
}  # fmt: skip


def all_electron_energy(z: int) -> float:
    """Return the total energy of a free atom with all its electrons, in eV: -13.6 for hydrogen, -1,024 for carbon.

    E = -(0.768745 Z^(7/3) - Z^2 / 2 + 0.269900 Z^(5/3)) Hartree; accurate to 1 % from carbon on, without relativity.
    B.-G. Englert and J. Schwinger, Phys. Rev. A 32, 26 (1985).

    Arguments:
        z: Atomic number.

    Example:
        >>> round(all_electron_energy(8) / -2041.4, 2)  # Hartree-Fock: -74.81 Hartree, with correlation -75.07
        1.0
    """
    if z == 1:
        return -units.Hartree / 2
    return -(0.768745 * z ** (7 / 3) - z**2 / 2 + 0.269900 * z ** (5 / 3)) * units.Hartree


def cohesive_energy(z: int) -> float:
    """Return the energy of an atom in its pure element relative to the free atom, in eV; nan if unknown.

    Arguments:
        z: Atomic number.

    Example:
        >>> cohesive_energy(14)
        -4.63
    """
    return -COHESIVE.get(z, np.nan)


def valence_energy(z: int) -> float:
    """Return the energy of a free atom with valence electrons only, in eV; nan if not tabulated.

    Arguments:
        z: Atomic number.

    Example:
        >>> valence_energy(1)
        -13.6
    """
    return -VALENCE.get(z, np.nan)
