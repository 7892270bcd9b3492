"""Spherical harmonics against Legendre polynomials and SciPy's complex ones."""

import numpy as np
import pytest
import torch
from numpy.polynomial import Legendre
from scipy.integrate import lebedev_rule
from scipy.special import sph_harm_y

from empnet.basis.harmonics import MAX_DEGREE, degree_of, harmonics

L = MAX_DEGREE
TOLERANCE = 1e-14 * (2 * L + 1)
"""A polynomial of at most six terms, each rounded some five times, of values below sqrt(2 l + 1) times 3."""


def directions(n: int, seed: int = 0) -> torch.Tensor:
    v = torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return v / v.norm(dim=1, keepdim=True)


def parts(Y: torch.Tensor) -> list[torch.Tensor]:
    """Return the components of each degree."""
    return [Y[:, degree**2 : (degree + 1) ** 2] for degree in range(L + 1)]


def test_the_addition_theorem():
    u, v = directions(50, 0), directions(40, 1)
    cosines = (u @ v.T).numpy()
    for degree, (a, b) in enumerate(zip(parts(harmonics(u, L)), parts(harmonics(v, L)), strict=True)):
        wanted = (2 * degree + 1) * Legendre.basis(degree)(cosines)
        np.testing.assert_allclose((a @ b.T).numpy(), wanted, rtol=0, atol=(2 * degree + 1) * TOLERANCE)


def test_they_are_the_real_parts_of_the_complex_ones():
    """With Condon and Shortley's phase taken out, m < 0 from the sine of m times the azimuth, times sqrt(4 pi)."""
    u = directions(50).numpy()
    polar, azimuth = np.arccos(u[:, 2]), np.arctan2(u[:, 1], u[:, 0])

    def real(degree: int, m: int) -> np.ndarray:
        Y = np.sqrt(4 * np.pi) * (-1.0) ** m * sph_harm_y(degree, abs(m), polar, azimuth)
        return Y.real if m == 0 else np.sqrt(2) * (Y.real if m > 0 else Y.imag)

    wanted = np.stack([real(degree, m) for degree in range(L + 1) for m in range(-degree, degree + 1)], axis=1)
    # the angles' own rounding is multiplied by slopes up to l sqrt(2 l + 1)
    np.testing.assert_allclose(harmonics(torch.from_numpy(u), L).numpy(), wanted, rtol=0, atol=20 * TOLERANCE)


def test_they_are_orthonormal_on_the_sphere():
    """By a quadrature that is exact for polynomials of degree 2 L."""
    points, weights = lebedev_rule(2 * L + 1)
    Y = harmonics(torch.from_numpy(points.T.copy()), L).numpy()
    np.testing.assert_allclose((Y.T * weights) @ Y / (4 * np.pi), np.eye(Y.shape[1]), rtol=0, atol=100 * TOLERANCE)


@pytest.mark.parametrize("degree", range(L + 1))
def test_lower_degrees_come_first_and_inversion_changes_odd_ones(degree):
    u = directions(10)
    Y = harmonics(u, degree)
    assert Y.shape == (10, len(degree_of(degree))) == (10, (degree + 1) ** 2)
    assert torch.equal(Y, harmonics(u, L)[:, : Y.shape[1]])
    assert torch.equal(harmonics(-u, degree), Y * (-1.0) ** torch.tensor(degree_of(degree)))


def test_a_zero_vector_has_degree_zero_alone():
    assert harmonics(torch.zeros(1, 3), L).tolist() == [[1.0] + [0.0] * 15]


def test_each_degree_is_a_homogeneous_polynomial_that_solves_the_equation_of_laplace():
    v = (1.7 * directions(10)).requires_grad_()
    Y = harmonics(v, L)
    for s, degree in enumerate(degree_of(L)):
        if degree:
            (slope,) = torch.autograd.grad(Y[:, s].sum(), v, create_graph=True)
            # some five terms of 1.7^3 times those of unit vectors
            torch.testing.assert_close((slope * v).sum(1), degree * Y[:, s], rtol=0, atol=100 * TOLERANCE)
        if degree > 1:
            rows = [torch.autograd.grad(slope[:, a].sum(), v, retain_graph=True)[0][:, a] for a in range(3)]
            assert sum(rows).abs().max() < 100 * TOLERANCE


def test_the_dtype_stays_and_no_vectors_are_no_rows():
    assert harmonics(directions(3).float(), 2).dtype == torch.float32
    assert harmonics(torch.zeros(0, 3, dtype=torch.float64), 3).shape == (0, 16)


@pytest.mark.parametrize("degree", [-1, 4])
def test_degrees_that_there_are_not(degree):
    with pytest.raises(ValueError, match=rf"^degree: wanted 0 to 3, given {degree}$"):
        harmonics(torch.zeros(1, 3), degree)
