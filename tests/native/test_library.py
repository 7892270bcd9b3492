"""libempnet itself: what it declares, how it is called, threads, and the loops that have no other test."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from empnet.basis.spline import CubicSpline
from empnet.dataset.dataset import collate
from empnet.kernels import pair_directions, pair_sums
from empnet.native import library
from empnet.native.library import description, native, native_of, threads
from empnet.native.structures import NeighbourRecord
from empnet.preparation import farthest_points, invariants, moments
from empnet.system.one_hot import OneHot
from empnet.system.system import System

pytestmark = pytest.mark.skipif(not library.is_built(), reason="libempnet is not built")


def test_every_declared_function_is_in_the_library_and_every_header_line_is_a_declaration():
    names = [name for name, *_ in library._declarations()]
    assert len(names) == len(set(names))
    assert all(hasattr(library._library(), f"empnet_{name}") for name in names)
    text = "".join((library.FOLDER / "source" / header).read_text() for header in library.HEADERS)
    assert text.count(");\n") == len(names) - text.count("NAME(")  # those of both precisions are written once


def test_version_names_compiler_instructions_and_threads():
    assert description().startswith("libempnet by ")
    assert description().endswith(f"{threads()} thread{'s' * (threads() > 1)}")


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(4, 3),  # float32 in place of float64
        torch.zeros(3, 4, dtype=torch.float64).T,  # not in one piece
        np.zeros((4, 3), dtype=np.int64),
    ],
)
def test_a_wrong_array_is_refused_before_its_memory_is_read(wrong):
    record = NeighbourRecord.of(collate([System([[0, 0, 0], [0, 0, 1]])], 5.0, OneHot([0])).pairs)
    with pytest.raises(TypeError, match="libempnet: wanted float64 in one piece, given "):
        native("vectors_backward")(record, wrong, torch.zeros(2, 3, dtype=torch.float64), 1)


def test_a_wrong_number_of_arguments_is_refused():
    with pytest.raises(ValueError, match="zip"):
        native_of("gated", torch.float32)(1, 2, 3)


clouds = st.integers(4, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 2**31), st.booleans()))


def cloud_of(n, seed, grid):
    random = np.random.default_rng(seed)
    x = random.integers(-2, 3, (n, 3)).astype(float) if grid else random.normal(size=(n, 3))
    x = np.unique(x, axis=0)
    return x - x.mean(axis=0)


@given(clouds)
def test_farthest_points_are_those_of_the_formula(drawn):
    x = cloud_of(*drawn)
    for k in {1, (len(x) + 1) // 2, len(x)}:
        # where two points are equally far and equally crowded, either may come first: they are images of each other
        found, wanted = farthest_points._chosen(x, k), farthest_points._chosen_in_numpy(x, k)
        apart = [np.sort(np.linalg.norm(x[c][:, None] - x[c], axis=2), axis=None) for c in (found, wanted)]
        if not drawn[2]:
            assert found.tolist() == wanted.tolist()
        elif k == 1:
            np.testing.assert_allclose(*apart, atol=1e-9)
        assert len(set(found.tolist())) == k


@given(clouds)
def test_local_sums_are_those_of_the_formula(drawn):
    x = cloud_of(*drawn)
    values, n = np.random.default_rng(0).normal(size=(len(x), 2)), len(x)
    whole = np.zeros(n, dtype=np.int64), np.full(n, n)
    given = x, x, np.array([0.5, 1.0, 3.0]), values, *whole
    for found, wanted in zip(moments._local_sums(*given), moments._local_sums_in_numpy(*given), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@given(clouds)
def test_correlations_are_those_of_the_formula(drawn):
    r = cloud_of(*drawn)
    for found, wanted in zip(invariants._correlations_in_loops(r), invariants._correlations_in_numpy(r), strict=True):
        # sums of up to 1,600 terms of at most 1, rounded to 1e-16
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def sums() -> list[float]:
    """Numbers of a sum over pairs and its gradient, of 300 particles."""
    random = torch.Generator().manual_seed(0)
    r = torch.rand(300, 3, generator=random, dtype=torch.float64) * 12
    batch = collate([System(r.numpy(), [1] * 300)], 4.0, OneHot([1]))
    w, Y, q, _ = pair_directions(batch.positions, batch.pairs, None, None, CubicSpline(16, 4.0), 1, torch.float32)
    T, f = (torch.randn(*shape, generator=random, requires_grad=True) for shape in ((18, 2, 20), (300, 20)))
    A = pair_sums(w, T, Y, f, q, batch.pairs)
    A.square().sum().backward()
    return [float(x.detach().double().abs().sum()) for x in (A, T.grad, f.grad)]


def test_forked_processes_compute_after_the_parent_has_used_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        wanted = sums()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for found in pool.map_async(_of_ones_own, range(4)).get(120):
                assert found == pytest.approx(wanted, rel=1e-5)
    finally:
        torch.set_num_threads(before)


def _of_ones_own(_: int) -> list[float]:
    return sums()


def test_the_librarys_own_threads_give_the_same_bits_each_time(request):
    """Where torch has no OpenMP of GNU's, as on macOS."""
    program = request.path.parent / "own_pool.py"
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
