"""The sum over pairs against a literal loop, and its derivatives against finite differences."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from empnet import kernels
from empnet.errors import EmpnetError
from empnet.kernels.pairs import sum_over_neighbours
from empnet.native import library
from empnet.system.batch import Pairs

K = 6


def neighbour_list(ends: torch.Tensor, n: int) -> Pairs:
    """Return the list of pairs with these ends, shape (2, P)."""
    ends = ends.sort(dim=0).values
    first, second = ends[:, ends[0].argsort(stable=True)]
    rows, columns = (
        torch.nn.functional.pad(torch.bincount(end, minlength=n).cumsum(0), (1, 0)) for end in (first, second)
    )
    return Pairs(first, second, rows, torch.argsort(second, stable=True), columns)


def problem(n: int, P: int, F: int, L: int | None) -> tuple:
    """Draw random w, T, Y, f, q and pairs; L is the highest degree, None for distances only."""
    torch.manual_seed(n + P + F)
    ends = torch.randint(0, n, (2, P)) if P else torch.zeros(2, 0, dtype=torch.int64)
    degrees = 1 if L is None else L + 1
    w = torch.randn(P, 4, dtype=torch.float64, requires_grad=True)
    T = torch.randn(K + 2, degrees, F, dtype=torch.float64, requires_grad=True)
    Y = None if L is None else torch.randn(P, degrees**2, dtype=torch.float64, requires_grad=True)
    f = torch.randn(n, F, dtype=torch.float64, requires_grad=True)
    q = torch.randint(0, K - 1, (P,))
    return w, T, Y, f, q, neighbour_list(ends, n)


def loop(w, T, Y, f, q, pairs) -> torch.Tensor:
    """Compute the formula one term at a time."""
    degree_of = [degree for degree in range(T.shape[1]) for _ in range(2 * degree + 1)]
    A = torch.zeros(len(f), len(degree_of), f.shape[1], dtype=f.dtype)
    for p, (j, i) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        for s, degree in enumerate(degree_of):
            for b in range(4):
                y = 1 if Y is None else Y[p, s]
                A[j, s] += w[p, b] * T[q[p] + b, degree] * y * f[i]
                A[i, s] += (-1) ** degree * w[p, b] * T[q[p] + b, degree] * y * f[j]
    return A


@pytest.fixture(params=kernels.NAMES)
def pair_sums(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMPNET_KERNELS", request.param)
    return kernels.pair_sums


@pytest.mark.parametrize("L", [None, 0, 2])
@pytest.mark.parametrize("F", [1, 3, 17])
@pytest.mark.parametrize(("n", "P"), [(5, 23), (1, 3), (1, 0), (4, 0), (0, 0)])
def test_values_are_those_of_the_loop(pair_sums, n: int, P: int, F: int, L: int | None) -> None:
    args = problem(n, P, F, L)
    A = pair_sums(*args)
    assert A.shape == (n, 1 if L is None else (L + 1) ** 2, F)
    torch.testing.assert_close(A.detach(), loop(*args).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("L", [None, 2])
@pytest.mark.parametrize("F", [1, 3, 17])
@pytest.mark.parametrize(("n", "P"), [(3, 5), (1, 2), (2, 0)])
def test_derivatives_of_first_and_second_order(pair_sums, n: int, P: int, F: int, L: int | None) -> None:
    w, T, Y, f, q, pairs = problem(n, P, F, L)
    slots = [w, T, f] if Y is None else [w, T, f, Y]

    def form(w, T, f, Y=None) -> torch.Tensor:
        return pair_sums(w, T, Y, f, q, pairs)

    assert torch.autograd.gradcheck(form, slots, fast_mode=True)
    assert torch.autograd.gradgradcheck(form, slots, fast_mode=True)


def test_float32_stays_float32(pair_sums) -> None:
    w, T, Y, f, q, pairs = problem(5, 23, 3, 2)
    A = pair_sums(w.float(), T.float(), Y.float(), f.float(), q, pairs)
    assert A.dtype == torch.float32
    # 23 pairs x 4 weights at most in a sum of terms of order one
    torch.testing.assert_close(A.double(), pair_sums(w, T, Y, f, q, pairs), rtol=0, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("F", [1, 17, 64, 200])
def test_float32_rounds_no_more_than_it_must(pair_sums, F: int, threads: int) -> None:
    """Sums of n products of three numbers, in any order, are off by at most (n + 3) eps sum |terms| (Higham, 2002).

    sum |terms| is the same form of absolute values, in float64. Of n, 1 % is added for what the bound leaves out.
    """
    w, T, _, f, q, pairs = problem(9, 60, F, None)
    single = [slot.detach().float().requires_grad_() for slot in (w, T, f)]
    g = torch.randn(9, 1, F)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:

        def all_slots(slots: list[torch.Tensor], g: torch.Tensor) -> list[torch.Tensor]:
            A = pair_sums(slots[0], slots[1], None, slots[2], q, pairs)
            return [A.detach(), *torch.autograd.grad(A, slots, g)]

        found = all_slots(single, g)
        exact = all_slots([slot.detach().double().requires_grad_() for slot in single], g.double())
        sizes = all_slots([slot.detach().double().abs().requires_grad_() for slot in single], g.double().abs())
    finally:
        torch.set_num_threads(before)
    received = 4 * int(torch.bincount(torch.cat([pairs.first, pairs.second])).max())
    for a, b, size, n in zip(found, exact, sizes, (received, 2 * F, 2 * len(pairs), received), strict=True):
        assert a.dtype == torch.float32
        assert ((a - b).abs() <= 1.01 * (n + 3) * torch.finfo(torch.float32).eps / 2 * size).all()


def test_a_spline_of_ones_is_a_plain_sum(pair_sums) -> None:
    w, T, _, f, q, pairs = problem(5, 23, 3, None)
    A = pair_sums(torch.full_like(w, 0.25), torch.ones_like(T), None, f, q, pairs)
    wanted = sum_over_neighbours(f[torch.cat([pairs.second, pairs.first])], torch.cat([pairs.first, pairs.second]), 5)
    torch.testing.assert_close(A[:, 0], wanted)


def values_and_derivatives(name, args, monkeypatch) -> list[torch.Tensor]:
    """Return the sum, its gradient, and the gradient of that gradient's squares: all slots, two orders."""
    monkeypatch.setenv("EMPNET_KERNELS", name)
    w, T, Y, f, q, pairs = args
    slots = [slot.detach().requires_grad_() for slot in (w, T, f, Y) if slot is not None]
    A = kernels.pair_sums(slots[0], slots[1], slots[3] if Y is not None else None, slots[2], q, pairs)
    first = torch.autograd.grad(A.square().sum(), slots, create_graph=True)
    second = torch.autograd.grad(sum(slot.square().sum() for slot in first), slots)
    return [A.detach(), *(slot.detach() for slot in first), *second]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("L", [None, 2])
@pytest.mark.parametrize("F", [1, 3, 17, 64, 128, 200])
def test_compiled_loops_are_the_reference_in_other_order(F: int, L: int | None, threads: int, monkeypatch) -> None:
    args = problem(7, 40, F, L)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found, wanted = (values_and_derivatives(name, args, monkeypatch) for name in ("compiled", "reference"))
    finally:
        torch.set_num_threads(before)
    for a, b in zip(found, wanted, strict=True):
        # sums of some 4 x 40 x F products, of which two orders are products again: each rounds by less than n eps of
        # the largest entry, n the number of terms
        torch.testing.assert_close(a, b, rtol=0, atol=160 * F * 2.2e-16 * float(b.abs().max().clamp(min=1)))


def test_third_derivatives(monkeypatch) -> None:
    monkeypatch.setenv("EMPNET_KERNELS", "compiled")
    w, T, _, f, q, pairs = problem(3, 5, 2, None)

    def force_gradient(w: torch.Tensor) -> torch.Tensor:
        (force,) = torch.autograd.grad(kernels.pair_sums(w, T, None, f, q, pairs).pow(3).sum(), w, create_graph=True)
        return force

    assert torch.autograd.gradgradcheck(force_gradient, [w], fast_mode=True)


def test_the_same_bits_again(monkeypatch) -> None:
    w, T, Y, f, q, pairs = problem(50, 3000, 17, 2)
    single = tuple(x.float() for x in (w, T, Y, f))
    args = (*single, q, pairs)
    first = values_and_derivatives("compiled", args, monkeypatch)
    for _ in range(3):
        assert all(map(torch.equal, values_and_derivatives("compiled", args, monkeypatch), first))


def test_what_is_not_finite_stays_so(monkeypatch) -> None:
    monkeypatch.setenv("EMPNET_KERNELS", "compiled")
    w, T, _, f, q, pairs = problem(5, 23, 8, None)
    with torch.no_grad():
        f[pairs.second[0]] = float("nan")
    assert kernels.pair_sums(w, T, None, f, q, pairs)[pairs.first[0]].isnan().all()


def test_slices_and_expanded_gradients(monkeypatch) -> None:
    monkeypatch.setenv("EMPNET_KERNELS", "compiled")
    w, T, _, f, q, pairs = problem(5, 23, 8, None)
    whole = torch.cat([f, f], dim=1)
    part = whole[:, ::2].detach().requires_grad_()
    kernels.pair_sums(w, T, None, part, q, pairs).sum().backward()  # the gradient of a sum is one expanded number
    monkeypatch.setenv("EMPNET_KERNELS", "reference")
    (wanted,) = torch.autograd.grad(kernels.pair_sums(w, T, None, part, q, pairs).sum(), part)
    torch.testing.assert_close(part.grad, wanted, rtol=0, atol=1e-12)


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch):
    """Clear the caches of what is known about libempnet, before and after."""
    monkeypatch.delenv("EMPNET_KERNELS", raising=False)
    monkeypatch.delattr(kernels, "compiled", raising=False)
    for known in (kernels._compiled, library._library, library.native):
        known.cache_clear()
    yield
    for known in (kernels._compiled, library._library, library.native):
        known.cache_clear()


def not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "FOLDER", tmp_path)


def damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in library.KINDS:
        (tmp_path / f"libempnet-{kind}{library.ENDING}").write_bytes(b"\x7fELF and then nothing")
    monkeypatch.setattr(library, "FOLDER", tmp_path)


def of_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "VERSION", -1)


@pytest.mark.parametrize("broken", [not_built, damaged, of_another_version])
def test_without_the_library_there_is_one_warning_and_the_same_result(broken, forgotten, monkeypatch, tmp_path) -> None:
    broken(monkeypatch, tmp_path)
    args = problem(5, 23, 3, None)
    with pytest.warns(
        UserWarning, match="^libempnet was not built for this machine, so plain torch and NumPy take its"
    ):
        A = kernels.pair_sums(*args)
    assert torch.equal(A, kernels.pair_sums(*args))  # and no second one
    torch.testing.assert_close(A, loop(*args), rtol=0, atol=1e-12)


@pytest.mark.parametrize("mistake", [ImportError("no loop of this name"), NameError("name 'F' is not defined")])
def test_a_mistake_in_the_compiled_kernels_is_an_error(mistake, forgotten, monkeypatch) -> None:
    class Mistaken(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise mistake

    # the first name that is imported from it raises, as the module itself would
    monkeypatch.delitem(sys.modules, "empnet.kernels.compiled", raising=False)
    monkeypatch.setitem(sys.modules, "empnet.kernels.autograd_moments", Mistaken("empnet.kernels.autograd_moments"))
    with pytest.raises(type(mistake), match=str(mistake)):
        kernels.pair_sums(*problem(5, 23, 3, None))


def test_other_devices_and_types_get_plain_torch(monkeypatch) -> None:
    monkeypatch.delenv("EMPNET_KERNELS", raising=False)
    assert kernels.choose(torch.device("meta"), torch.float32) is kernels.reference
    assert kernels.choose(torch.device("cpu"), torch.bfloat16) is kernels.reference
    assert kernels.choose(torch.device("cpu"), torch.float32) is not kernels.reference


def test_an_unknown_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPNET_KERNELS", "abacus")
    with pytest.raises(EmpnetError, match="EMPNET_KERNELS: 'abacus' is not a kernel; wanted reference or compiled"):
        kernels.choose(torch.device("cpu"), torch.float32)
