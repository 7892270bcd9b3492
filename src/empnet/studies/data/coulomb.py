"""Coulomb matrices of molecules and their spectra: a fixed number of values, invariant to rotation and reordering."""

from __future__ import annotations

import numpy as np
from ase import units
from jaxtyping import Float64

from empnet.errors import EmpnetError
from empnet.system.system import System

__all__ = ["coulomb_matrix", "coulomb_spectrum"]


def coulomb_matrix(system: System) -> Float64[np.ndarray, "N N"]:
    r"""Return the Coulomb matrix of a molecule.

    .. math:: C_{ii} = \tfrac12 Z_i^{2.4}, \qquad C_{ij} = \frac{Z_i Z_j}{\lVert r_i - r_j \rVert}

    In atomic units: Z is the atomic number, distances are in bohr, and C is in hartree. The diagonal is a fit to the
    energies of free atoms.

    References:
        Fast and accurate modeling of molecular atomization energies with machine learning, Rupp et al., 2012,
        Physical Review Letters 108, 058301, https://doi.org/10.1103/PhysRevLett.108.058301

    Arguments:
        system: A molecule with positions in angstrom and atomic numbers as species.

    Returns:
        The symmetric matrix, shape (N, N), in hartree.

    Raises:
        EmpnetError: If the system has no species, is periodic, or two of its particles are in the same place.

    Example:
        >>> coulomb_matrix(System([[0, 0, 0], [0, 0, 0.529177]], species=[1, 1])).round(4)
        array([[0.5, 1. ],
               [1. , 0.5]])
    """
    if system.species is None:
        raise EmpnetError("particles have no species", where=system.origin, wanted="atomic numbers")
    if any(system.pbc):
        raise EmpnetError("the system is periodic", where=system.origin, wanted="a molecule: pbc all False")
    Z, r = system.species.astype(np.float64), system.positions / units.Bohr
    d = np.linalg.norm(r[:, None] - r, axis=-1)
    np.fill_diagonal(d, 1.0)
    if (d == 0.0).any():
        i, j = np.argwhere(d == 0.0)[0]
        raise EmpnetError(f"particles {i} and {j} are in the same place", where=system.origin)
    matrix: np.ndarray = Z[:, None] * Z / d
    np.fill_diagonal(matrix, 0.5 * Z**2.4)
    return matrix


def coulomb_spectrum(system: System, size: int) -> Float64[np.ndarray, " size"]:
    r"""Return the eigenvalues of a molecule's Coulomb matrix, by falling magnitude, padded with zeros to a common size.

    Particles of charge zero would add the same zeros, so molecules of any size can be compared.

    References:
        As in :func:`coulomb_matrix`.

    Arguments:
        system: A molecule with positions in angstrom and atomic numbers as species.
        size: Number of values; at least the number of particles.

    Returns:
        Eigenvalues in hartree, shape (size,).

    Raises:
        EmpnetError: As :func:`coulomb_matrix`, or if the molecule has more particles than ``size``.

    Example:
        >>> coulomb_spectrum(System([[0, 0, 0], [0, 0, 0.529177]], species=[1, 1]), 4).round(4)
        array([ 1.5, -0.5,  0. ,  0. ])
    """
    if len(system) > size:
        raise EmpnetError(
            f"{len(system)} particles", where=system.origin, wanted=f"at most {size}, the spectrum's size"
        )
    values = np.linalg.eigvalsh(coulomb_matrix(system))
    spectrum = np.zeros(size)
    spectrum[: len(system)] = values[np.argsort(-np.abs(values), kind="stable")]
    return spectrum
