"""Directions of pairs and sums with moments: compiled loops against plain torch, to third derivatives."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from empnet.basis.harmonics import degree_of
from empnet.basis.spline import CubicSpline
from empnet.dataset.dataset import collate
from empnet.kernels import autograd_moments, compiled, reference
from empnet.kernels.pairs import full_pairs
from empnet.model.architecture import Architecture
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.system.system import System

CUTOFF, KNOTS = 3.0, 13
SPLINE = CubicSpline(KNOTS, CUTOFF)  # with a knot at each quarter of an angstrom
PLAIN, WIDE = 3, 32
"""Widths: one for the loops of any width and degree, and one with fast loops at degree 2."""

rng = np.random.default_rng(3)
CLOUD = System(rng.normal(size=(6, 3)), [1] * 6)
CRYSTAL = System(
    rng.uniform(0, 2, (2, 3)), [1] * 2, cell=2.2 * np.eye(3) + 0.2 * rng.normal(size=(3, 3)), pbc=(True,) * 3
)
ONE = System([[0.1, 0.2, 0.3]], [1])
FAR = System([[0, 0, 0], [9, 0, 0], [0, 9, 0]], [1] * 3)
SYSTEMS = {"both": [CLOUD, CRYSTAL], "self-images": [CRYSTAL], "no pairs": [FAR], "one": [ONE]}


def all_of(r: torch.Tensor) -> Batch:
    """Return one open system with all its pairs."""
    n = len(r)
    one = torch.ones(n, 1, dtype=torch.float64)
    return Batch(r.double(), one, torch.zeros(n, dtype=torch.int64), 1, full_pairs(1, n, r.device))


def batch_of(name: str) -> Batch:
    return collate(SYSTEMS[name], CUTOFF, OneHot([1]), torch.float64)


@contextmanager
def threads(n: int):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: loops for several are compiled separately, which takes time."""
    with threads(1):
        yield


def random_slots(n: int, L: int, F: int, dtype=torch.float64) -> list[torch.Tensor]:
    """Draw T, U (tables of features and of tensors), f and V."""
    draw = torch.Generator().manual_seed(n + 10 * L + F)
    shapes = (KNOTS + 2, L + 1, F), (KNOTS + 2, L + 1, F), (n, F), (n, (L + 1) ** 2, F)
    return [torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def derivatives(
    kernel, batch: Batch, L: int, F: int, order: int, dtype=torch.float64, *, tensors: bool = True
) -> list[list[torch.Tensor]]:
    """Return moments, and derivatives in all slots, each of a weighted sum over the order before.

    The sums weight the slots differently, and differently for each entry, so that no error can cancel.
    """
    T, U, f, V = random_slots(len(batch.positions), L, F, dtype)
    if not tensors:
        U = V = None
    r = batch.positions.clone().requires_grad_()
    cells = None if batch.cells is None else batch.cells.clone().requires_grad_()
    of_batch = r, batch.pairs, cells, batch.system_of, SPLINE
    w, Y, q, d = kernel.pair_directions(*of_batch, L, dtype)
    A = kernel.moments(w, Y, T, f, U, V, q, batch.pairs)
    slots = [x for x in (r, cells, T, U, f, V) if x is not None]
    found = [[A, Y, d.to(dtype)]]
    weights = torch.Generator().manual_seed(0)
    value = (A**3 * torch.rand(A.shape, generator=weights, dtype=torch.float64)).sum()
    for n in range(order):
        found.append(list(torch.autograd.grad(value, slots, create_graph=n + 1 < order)))
        value = sum((x**2 * torch.rand(x.shape, generator=weights, dtype=torch.float64)).sum() for x in found[-1])
    return [[x.detach() for x in row] for row in found]


def assert_equal_to_rounding(found, wanted, eps: float, terms: int) -> None:
    """Compare each derivative to within ``terms`` roundings of the largest entry, and as many more for each order."""
    for order, (row, other) in enumerate(zip(found, wanted, strict=True)):
        for a, b in zip(row, other, strict=True):
            assert a.shape == b.shape
            largest = float(b.abs().max()) if b.numel() else 0.0
            torch.testing.assert_close(a.double(), b.double(), rtol=0, atol=(order + 1) * terms * eps * largest)


def terms(batch: Batch, L: int, F: int) -> int:
    """Bound the number of products in the longest sums: for the table, a pair's weights, and a particle."""
    P, S = max(len(batch.pairs), 1), (L + 1) ** 2
    return 4 * S * max(P, F) + 10  # and some for the polynomials


CASES = [(L, PLAIN) for L in (1, 2, 3)] + [(2, WIDE)]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize(("L", "F"), CASES)
@pytest.mark.parametrize("tensors", [True, False])
@pytest.mark.parametrize("order", [2, 3])  # the last one is computed without a graph, by other loops
def test_values_and_derivatives_to_the_third(L, F, name, tensors, order):
    batch = batch_of(name)
    assert (len(batch.pairs) == 0) == (name in ("no pairs", "one"))
    found, wanted = (derivatives(kernel, batch, L, F, order, tensors=tensors) for kernel in (compiled, reference))
    assert_equal_to_rounding(found, wanted, 2.0**-53, terms(batch, L, F))


@pytest.mark.parametrize(("L", "F"), CASES)
def test_the_crystal_has_images_of_a_particle_itself(L, F):
    """Such a pair by hand: messages in both directions carry equal features, so odd degrees cancel."""
    batch = batch_of("self-images")
    at = (batch.pairs.first == batch.pairs.second).nonzero()[:, 0]
    assert len(at) > 0
    pairs = batch.pairs
    of_batch = batch.positions, pairs, batch.cells, batch.system_of, SPLINE, L, torch.float64
    w, Y, q, _ = compiled.pair_directions(*of_batch)
    T, U, f, V = (x.detach() for x in random_slots(2, L, F))
    alone = torch.zeros_like(w)
    alone[at] = w[at]
    A, both = compiled.pair_sums(alone, T, Y, f, q, pairs), compiled.moments(alone, Y, T, f, U, V, q, pairs)
    B = both - V - A
    l_of = torch.tensor(degree_of(L))
    for j in range(2):
        wanted_A, wanted_B = torch.zeros_like(A[j]), torch.zeros_like(B[j])
        for p in at[pairs.first[at] == j]:
            phi, chi = ((w[p, :, None, None] * X[q[p] : q[p] + 4]).sum(0)[l_of] for X in (T, U))
            wanted_A += 2 * (l_of % 2 == 0)[:, None] * phi * Y[p][:, None] * f[j]
            wanted_B += 2 * chi * V[j]
        # some 20 pairs of four weights in one sum, of values below 100
        torch.testing.assert_close(A[j], wanted_A, rtol=0, atol=100 * 2.0**-53 * 100)
        torch.testing.assert_close(B[j], wanted_B, rtol=0, atol=100 * 2.0**-53 * 100)


@pytest.mark.parametrize(("L", "F"), CASES)
def test_a_pair_at_a_knot_at_the_cutoff_beyond_it_and_at_distance_zero(L, F):
    """To second derivatives: the third derivatives of the spline and the envelope jump at knots and at the cutoff."""
    r = torch.tensor([[0, 0, 0], [0, 1.25, 0], [CUTOFF, 0, 0], [0, 0, 0], [0, 0, -1.7], [0, CUTOFF + 1.25, 0]])
    batch = all_of(r)
    found, wanted = (derivatives(kernel, batch, L, F, 2) for kernel in (compiled, reference))
    assert_equal_to_rounding(found, wanted, 2.0**-53, terms(batch, L, F))
    d = found[0][2]
    assert {0.0, 1.25, CUTOFF}.issubset(d.tolist())
    assert all(x.isfinite().all() for row in found for x in row)


@pytest.mark.parametrize("kernel", [compiled, reference])
def test_a_pair_at_distance_zero_has_no_direction_and_feels_nothing(kernel):
    r = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    w, Y, _, d = kernel.pair_directions(r, full_pairs(1, 2, r.device), None, None, SPLINE, 3, torch.float64)
    assert Y.tolist() == [[1.0] + [0.0] * 15]
    assert d.tolist() == [0.0]
    (slope,) = torch.autograd.grad((w.sum() + (Y * torch.randn(16).double()).sum()).exp(), r, create_graph=True)
    assert slope.tolist() == [[0.0] * 3] * 2
    if slope.requires_grad:
        (second,) = torch.autograd.grad(slope.square().sum(), r)
        assert second.tolist() == [[0.0] * 3] * 2


def test_float32():
    """Against plain torch in float64, with the same tables and features; the geometry is float64 for both."""
    batch = batch_of("both")
    found = derivatives(compiled, batch, 2, WIDE, 2, torch.float32)
    assert {x.dtype for x in found[0]} == {torch.float32}
    wanted = derivatives(reference, batch, 2, WIDE, 2)
    assert [x.dtype for x in found[1]] == [torch.float64] * 2 + [torch.float32] * 4
    assert_equal_to_rounding(found, wanted, 2.0**-24, terms(batch, 2, WIDE))


@pytest.mark.parametrize("F", [PLAIN, WIDE])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_parts_of_the_list_add_up(F, count):
    """The list is cut into a chunk for each thread, some of them without particles: one has nearly all pairs."""
    crowd = System([*rng.uniform(0, 2, (30, 3)), *([[20.0 * k, 0, 0] for k in range(1, 4)])], np.ones(33, int))
    batch = collate([crowd, CRYSTAL], CUTOFF, OneHot([1]), torch.float64)
    wanted = derivatives(compiled, batch, 2, F, 2)
    with threads(count):
        assert_equal_to_rounding(derivatives(compiled, batch, 2, F, 2), wanted, 2.0**-53, terms(batch, 2, F))


def test_two_threads_add_in_another_order_and_always_in_the_same():
    cloud = System(rng.uniform(0, 6, (40, 3)), np.ones(40, int))
    batch = collate([cloud, CRYSTAL], CUTOFF, OneHot([1]), torch.float64)
    alone, again = (derivatives(compiled, batch, 2, WIDE, 0) for _ in range(2))
    with threads(2):
        two, once_more = (derivatives(compiled, batch, 2, WIDE, 0) for _ in range(2))
    assert all(map(torch.equal, alone[0], again[0]))
    assert all(map(torch.equal, two[0], once_more[0]))
    assert_equal_to_rounding(two, alone, 2.0**-53, terms(batch, 2, WIDE))


@pytest.mark.parametrize(("L", "F"), CASES)
def test_derivatives_are_those_of_finite_differences(L, F):
    """Each of the four, on its own, to second order."""
    batch = batch_of("both")
    T, U, f, V = random_slots(len(batch.positions), L, F)
    r, cells = batch.positions.clone().requires_grad_(), batch.cells.clone().requires_grad_()
    pairs = batch.pairs
    with torch.no_grad():
        fixed = compiled.pair_directions(r, pairs, cells, batch.system_of, SPLINE, L, torch.float64)
    w, Y = (x.clone().requires_grad_() for x in fixed[:2])
    q = fixed[2]

    def directions(r, cells):
        return compiled.pair_directions(r, pairs, cells, batch.system_of, SPLINE, L, torch.float64)[:2]

    def sums(w, T, Y, f):
        return compiled.pair_sums(w, T, Y, f, q, pairs)

    def tensors(w, U, V):
        return compiled.tensor_sums(w, U, V, q, pairs)

    def moments(w, Y, T, f, U, V):
        return compiled.moments(w, Y, T, f, U, V, q, pairs)

    forms = [(directions, (r, cells)), (sums, (w, T, Y, f)), (tensors, (w, U, V)), (moments, (w, Y, T, f, U, V))]
    for form, slots in forms:
        assert torch.autograd.gradcheck(form, slots, fast_mode=True)
        assert torch.autograd.gradgradcheck(form, slots, fast_mode=True)


@pytest.mark.parametrize(("L", "F"), CASES)
def test_no_particles_at_all(L, F):
    batch = all_of(torch.zeros(0, 3))
    for row in derivatives(compiled, batch, L, F, 1):
        assert all(x.isfinite().all() for x in row)


def test_expanded_gradients_and_slices():
    batch = batch_of("both")
    T, U, f, V = (x.detach() for x in random_slots(len(batch.positions), 2, WIDE))
    of_batch = batch.positions, batch.pairs, batch.cells, batch.system_of, SPLINE, 2, torch.float64
    found = []
    for kernel in (compiled, reference):
        w, Y, q, _ = kernel.pair_directions(*of_batch)
        part = torch.cat([f, f], dim=1)[:, ::2].requires_grad_()
        of_tensors = torch.cat([V, V], dim=2)[..., ::2].requires_grad_()
        A = kernel.moments(w, Y, T, part, U, of_tensors, q, batch.pairs)
        found.append([list(torch.autograd.grad(A.sum(), (part, of_tensors)))])  # the sum's gradient is one number
    assert_equal_to_rounding(*found, 2.0**-53, terms(batch, 2, WIDE))


def test_without_gradients_the_same_values():
    batch = batch_of("both")
    with torch.no_grad():
        of_batch = batch.positions, batch.pairs, batch.cells, batch.system_of, SPLINE, 3, torch.float64
        still = compiled.pair_directions(*of_batch)
    r = batch.positions.clone().requires_grad_()
    moving = compiled.pair_directions(r, *of_batch[1:])
    assert all(torch.equal(a, b) for a, b in zip(still, moving, strict=True))
    assert [x.requires_grad for x in moving] == [True, True, False, False]


@pytest.mark.parametrize("kernel", [compiled, reference])
def test_shifts_without_cells_are_refused(kernel):
    batch = batch_of("self-images")
    with pytest.raises(ValueError, match=r"^cells: wanted shape .*, because the pairs have shifts, given None$"):
        kernel.pair_directions(batch.positions, batch.pairs, None, batch.system_of, SPLINE, 1, torch.float64)


def test_only_those_derivatives_are_computed_that_are_asked_for(monkeypatch):
    """Forces need no gradient of the tables, and training on them none of the pairs."""
    asked = []
    for name in ("grad_pairs", "grad_features", "grad_tables", "second_order"):
        loop = getattr(autograd_moments.Loops, name)
        monkeypatch.setattr(
            autograd_moments.Loops, name, lambda *a, name=name, loop=loop: asked.append(name) or loop(*a)
        )
    batch = batch_of("both")
    model = PropertyModel(Architecture(1, ("sum",), width=WIDE, layers=2, cutoff=CUTOFF, moments=2)).double()
    found = energy_and_derivatives(model, batch, graph=True)
    assert sorted(asked) == [
        "grad_features",
        "grad_pairs",
        "grad_pairs",
    ]  # features of the first one do not depend on positions
    asked.clear()
    found.forces.square().sum().backward(inputs=list(model.parameters()))
    assert "grad_pairs" not in asked
    assert asked.count("second_order") == 2
