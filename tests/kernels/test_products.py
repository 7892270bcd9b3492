"""Products, mixtures and gates of moments: written out, turned, and compiled loops against plain torch."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from empnet.basis import products as plain
from empnet.basis.harmonics import degree_of, harmonics
from empnet.basis.spline import CubicSpline
from empnet.kernels import autograd_products, compiled
from empnet.model.moment_interaction import MomentInteraction

WIDE = 32
EPS = 2.0**-53
AXES = {1: 1, 2: 2, 3: 0}
"""The axis, x, y or z, of each moment of degree 1."""


def moments(n: int, F: int, seed: int = 0, S: int = 9) -> torch.Tensor:
    return torch.randn(n, S, F, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def hermitian(A: torch.Tensor) -> np.ndarray:
    """Return the matrices, shape (N, F, 3, 3), from the symmetric tensors that define the harmonics."""
    A = A.numpy()
    M = np.zeros((*A.shape[::2], 3, 3), complex)
    M += A[:, 0, :, None, None] * np.eye(3) / np.sqrt(3)
    epsilon = np.zeros((3, 3, 3))
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        epsilon[a, b, c], epsilon[a, c, b] = 1, -1
    for s, axis in AXES.items():  # (v x u)_a = sum_bc epsilon_abc v_b u_c
        M += 1j * A[:, s, :, None, None] * epsilon[:, axis] / np.sqrt(2)
    x, y, z = np.eye(3)
    two = [np.outer(x, y), np.outer(y, z), 2 * np.outer(z, z) - np.outer(x, x) - np.outer(y, y), np.outer(x, z)]
    two += [np.outer(x, x) - np.outer(y, y)]
    for s, Q in enumerate(two, start=4):
        Q = Q + Q.T
        M += A[:, s, :, None, None] * Q / np.linalg.norm(Q)
    return M


def test_they_are_those_of_complex_matrices():
    A, B = moments(4, 3, 0), moments(4, 3, 1)
    M, N = hermitian(A), hermitian(B)
    f = moments(4, 3, 2)[:, 0]
    with_features, D = plain.products(f, A, B)
    invariants, C = with_features[:, 1:], D - B
    # each number is a sum of some 20 products of numbers below 10
    atol = 100 * EPS * 100
    np.testing.assert_allclose(hermitian(C), M @ N + N @ M, rtol=0, atol=atol)
    for n, (X, Y) in enumerate(((M, N), (hermitian(C), N), (hermitian(C), hermitian(C)))):
        # the sum over degrees without their factors is the trace of the product
        degrees = np.sqrt([1, 3, 5]) @ invariants[:, 3 * n : 3 * n + 3].numpy()
        np.testing.assert_allclose(degrees, np.einsum("nkab,nkba->nk", X, Y).real, rtol=0, atol=10 * atol)
    assert torch.equal(invariants[:, 9], A[:, 0])
    assert torch.equal(with_features[:, 0], f)


def test_the_form_does_not_change_when_its_three_are_exchanged():
    X, Y, Z = (moments(4, 3, seed) for seed in range(3))
    form = (plain.coupled(X, Y) * Z).sum(1)
    for other in ((plain.coupled(Y, Z) * X).sum(1), (plain.coupled(Z, Y) * X).sum(1), (plain.coupled(X, Z) * Y).sum(1)):
        torch.testing.assert_close(form, other, rtol=0, atol=100 * EPS * 100)


def turning(matrix: np.ndarray, L: int) -> torch.Tensor:
    """Return D, which rotates or reflects moments: Y(matrix r) = D Y(r), fitted on 50 directions."""
    r = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    r = r / r.norm(dim=1, keepdim=True)
    Q = torch.from_numpy(matrix.copy())
    return torch.linalg.lstsq(harmonics(r, L), harmonics(r @ Q.T, L)).solution.T


MATRICES = {
    "rotation": Rotation.from_euler("xyz", [0.3, -1.2, 2.2]).as_matrix(),
    "mirror": np.diag([1.0, -1.0, 1.0]),
    "inversion": -np.eye(3),
    "both": -Rotation.from_euler("xyz", [0.3, -1.2, 2.2]).as_matrix(),
}


@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize("name", MATRICES)
def test_invariants_stay_and_coupled_moments_turn(name, L):
    D = turning(MATRICES[name], L)
    A, B = moments(4, 5, 0, (L + 1) ** 2), moments(4, 5, 1, (L + 1) ** 2)
    layer = MomentInteraction(5, L, 4, 4, CubicSpline(8, 3.0), first=True, last=True)
    f = moments(4, 5, 2)[:, 0]
    invariants, D_kept = layer.products(f, A, B)
    assert invariants.shape == (4, 11 + (L == 3), 5)
    assert D_kept.shape == A.shape
    turned = [torch.einsum("st,ntk->nsk", D, X) for X in (A, B)]
    found, D_turned = layer.products(f, *turned)
    # products of four numbers below 4, of which D rounds each to some 30 eps
    torch.testing.assert_close(found, invariants, rtol=0, atol=4 * 30 * EPS * 4**4 * 10)
    torch.testing.assert_close(D_turned, torch.einsum("st,ntk->nsk", D, D_kept), rtol=0, atol=4 * 30 * EPS * 4**2 * 10)


@pytest.mark.parametrize("L", [1, 2, 3])
def test_inner_products_by_degree(L):
    A, B = moments(4, 5, 0, (L + 1) ** 2), moments(4, 5, 1, (L + 1) ** 2)
    l_of = torch.tensor(degree_of(L))
    wanted = torch.stack(
        [(A * B)[:, l_of == degree].sum(1) / (2 * degree + 1) ** 0.5 for degree in range(L + 1)], dim=1
    )
    torch.testing.assert_close(plain.inner(A, B), wanted, rtol=0, atol=20 * EPS * 16)


def three(n: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """Draw f, A and B."""
    drawn = moments(n, WIDE, 2)[:, 0], moments(n, WIDE, 0), moments(n, WIDE, 1)
    return [x.to(dtype).requires_grad_() for x in drawn]


def derivatives(products, dtype: torch.dtype, order: int) -> list[list[torch.Tensor]]:
    """Return values, and derivatives in f, A and B, each of weighted squares of the order before."""
    slots = three(5, dtype)
    weights = torch.Generator().manual_seed(0)
    found = [list(products(*slots))]
    for n in range(order):
        random = [torch.randn(x.shape, generator=weights, dtype=torch.float64).to(dtype) for x in found[-1]]
        value = sum((g * x * (1 + x)).sum() for g, x in zip(random, found[-1], strict=True))
        found.append(list(torch.autograd.grad(value, slots, create_graph=n + 1 < order)))
    return [[x.detach() for x in row] for row in found]


@pytest.mark.parametrize(("dtype", "order"), [(torch.float64, 3), (torch.float32, 2)])
def test_compiled_loops_are_plain_torch_to_rounding(dtype, order):
    eps = torch.finfo(dtype).eps / 2
    found, wanted = derivatives(compiled.products, dtype, order), derivatives(plain.products, torch.float64, order)
    for n, (row, other) in enumerate(zip(found, wanted, strict=True)):
        for a, b in zip(row, other, strict=True):
            assert a.dtype == dtype
            # some 100 products in each number, and as many more for each order, none above the largest entry
            torch.testing.assert_close(a.double(), b, rtol=0, atol=100 * (n + 1) * eps * float(b.abs().max()))


def test_derivatives_are_those_of_finite_differences():
    slots = three(1)
    assert torch.autograd.gradcheck(compiled.products, slots, fast_mode=True)
    assert torch.autograd.gradgradcheck(compiled.products, slots, fast_mode=True)


def test_gradients_of_one_result_or_one_argument_alone():
    f, A, B = three(2)
    for pick in (0, 1):
        for slots in ((f.detach(), A, B.detach()), (f.detach(), A.detach(), B), (f, A.detach(), B)):
            moving = [x for x in slots if x.requires_grad]
            found, wanted = (
                torch.autograd.grad(of(*slots)[pick].pow(2).sum(), moving, materialize_grads=True)
                for of in (compiled.products, plain.products)
            )
            for a, b in zip(found, wanted, strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=100 * EPS * float(b.abs().max()))


def test_slices_no_particles_and_no_gradient():
    A, B = moments(3, 2 * WIDE, 0)[..., ::2], moments(3, 2 * WIDE, 1)[..., ::2]
    f = moments(3, 2 * WIDE, 2)[:, 0, ::2]
    found, wanted = compiled.products(f, A, B), plain.products(f, A, B)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=100 * EPS * float(b.abs().max()))
    empty = moments(0, WIDE).requires_grad_()
    invariants, D = compiled.products(empty[:, 0], empty, empty)
    assert (invariants.shape, D.shape) == ((0, 11, WIDE), (0, 9, WIDE))
    assert torch.autograd.grad(invariants.sum() + D.sum(), empty)[0].shape == (0, 9, WIDE)


@pytest.mark.parametrize("F", [1, 3, 5, 16, 17, 48])
def test_every_number_of_features_has_its_last_vector(F):
    f, A, B = moments(3, F, 2)[:, 0], moments(3, F, 0), moments(3, F, 1)
    for found, wanted in zip(autograd_products.products(f, A, B), plain.products(f, A, B), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("L", [1, 2, 3])
def test_mixing_is_a_linear_layer_for_each_degree(L):
    A, W = moments(4, 5, 0, (L + 1) ** 2), moments(L + 1, 7, 1, 5)
    wanted = torch.stack([A[:, s] @ W[degree] for s, degree in enumerate(degree_of(L))], dim=1)
    for kernel in (compiled, plain):
        torch.testing.assert_close(kernel.mixed(A, W), wanted, rtol=0, atol=10 * EPS * 50)


@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize("F", [5, WIDE])
def test_gates_are_a_number_for_each_degree(L, F):
    g, X = moments(4, F, 0, L + 1), moments(4, F, 1, (L + 1) ** 2)
    wanted = torch.stack([g[:, degree] * X[:, s] for s, degree in enumerate(degree_of(L))], dim=1)
    for kernel in (compiled, plain):
        assert torch.equal(kernel.gated(g, X), wanted)


@pytest.mark.parametrize("n", [3, 0])
@pytest.mark.parametrize("name", ["mixed", "gated"])
def test_derivatives_of_mixtures_and_gates_are_those_of_plain_torch(name, n):
    X, W, g = moments(n, WIDE, 1), moments(3, WIDE, 0, WIDE), moments(n, WIDE, 0, 3)
    slots, found = (X, W) if name == "mixed" else (g, X), []
    for kernel in (compiled, plain):
        moving = [x.clone().requires_grad_() for x in slots]
        row = [getattr(kernel, name)(*moving)]
        for order in range(3):
            value = sum((x**2 * (1 + x)).sum() for x in row[-len(moving) if order else -1 :])
            row += torch.autograd.grad(value, moving, create_graph=order < 2)
        found.append([x.detach() for x in row])
    for a, b in zip(*found, strict=True):
        # sums of at most 100 products of numbers below the largest entry, up to four of them one within the other
        largest = float(b.abs().max()) if b.numel() else 0.0
        torch.testing.assert_close(a, b, rtol=0, atol=400 * EPS * largest)
