"""Coulomb matrices: the formula on molecules small enough to write out, and what must not change them."""

import numpy as np
import pytest
from ase.units import Bohr
from scipy.spatial.transform import Rotation

from empnet.errors import EmpnetError
from empnet.studies.data.coulomb import coulomb_matrix, coulomb_spectrum
from empnet.system.system import Origin, System

WATER = System([[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]], species=[8, 1, 1])


def test_the_formula_written_out():
    """Oxygen's 0.5 * 8^2.4 = 73.517 hartree is in the paper's own tables; the distances are those of water."""
    matrix = coulomb_matrix(WATER)
    d_OH, d_HH = np.hypot(0.763, 0.596) / Bohr, 1.526 / Bohr
    expected = [[73.516695, 8 / d_OH, 8 / d_OH], [8 / d_OH, 0.5, 1 / d_HH], [8 / d_OH, 1 / d_HH, 0.5]]
    np.testing.assert_allclose(matrix, expected, rtol=1e-7)  # the diagonal has eight digits


def test_two_hydrogen_atoms():
    """Eigenvalues of [[1/2, 1/d], [1/d, 1/2]] are 1/2 + 1/d and 1/2 - 1/d."""
    pair = System([[0, 0, 0], [0, 0, 4 * Bohr]], species=[1, 1])
    np.testing.assert_allclose(coulomb_spectrum(pair, 3), [0.75, 0.25, 0.0], rtol=1e-14)


def test_nothing_changes_by_rotating_moving_and_reordering():
    turn = Rotation.from_euler("xyz", [0.3, -1.0, 2.0]).as_matrix()
    moved = System((WATER.positions @ turn.T + 5.0)[[2, 0, 1]], species=WATER.species[[2, 0, 1]])
    # eigenvalues of a symmetric matrix move by no more than its rounding: 1e-16 of some 74, and of positions near 5
    np.testing.assert_allclose(coulomb_spectrum(moved, 5), coulomb_spectrum(WATER, 5), atol=1e-12)


def test_the_largest_magnitudes_come_first_and_zeros_last():
    near = System([[0, 0, 0], [0, 0, 0.2 * Bohr], [0, 0, 3.0]], species=[1, 1, 1])
    values = coulomb_spectrum(near, 6)
    assert (np.diff(np.abs(values)) <= 0).all()
    assert values[1] < 0 < values[2]
    assert (values[3:] == 0).all()
    assert values.sum() == pytest.approx(1.5)  # the trace


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (System([[0, 0, 0]], origin=Origin("a.xyz", 2)), "a.xyz, frame 2: particles have no species"),
        (System([[0, 0, 0]], [1], cell=np.eye(3), pbc=(True, True, True)), "the system is periodic"),
        (System([[0, 0, 1], [1, 0, 0], [0, 0, 1]], [1, 1, 1]), "particles 0 and 2 are in the same place"),
    ],
)
def test_systems_without_a_coulomb_matrix(system, message):
    with pytest.raises(EmpnetError, match=message):
        coulomb_matrix(system)


def test_more_particles_than_values():
    with pytest.raises(EmpnetError, match="3 particles; wanted at most 2, the spectrum's size"):
        coulomb_spectrum(WATER, 2)
