"""Vectors, distances and sums over pairs, against loops."""

from dataclasses import replace

import pytest
import torch

from empnet.kernels.pairs import (
    all_pairs,
    displacements,
    distances,
    exchanged,
    full_pairs,
    mean_per_system,
    sum_over_neighbours,
    sum_per_system,
)


def full(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, dtype=torch.bool)


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()


def test_all_pairs_are_those_of_a_loop(mask: torch.Tensor) -> None:
    index = {slot: n for n, slot in enumerate(map(tuple, mask.nonzero().tolist()))}
    wanted = [(index[b, j], index[b, i]) for b, j in index for c, i in index if b == c and i > j]
    pairs = all_pairs(mask)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == wanted


def test_all_pairs_keep_the_invariants_of_the_record(mask: torch.Tensor) -> None:
    pairs = all_pairs(mask)
    n = int(mask.sum())
    for ends, pointers in ((pairs.first, pairs.row_pointers), (pairs.second, pairs.column_pointers)):
        counts = torch.bincount(ends, minlength=n)
        assert torch.equal(pointers, torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]))
    assert torch.equal(pairs.transposed, torch.argsort(pairs.second, stable=True))


@pytest.mark.parametrize("shape", [(0, 3), (2, 1), (0, 0), (3, 0)])
def test_there_may_be_no_pairs(shape: tuple[int, int]) -> None:
    pairs = all_pairs(full(*shape))
    assert len(pairs) == 0
    assert pairs.row_pointers.tolist() == [0] * (shape[0] * shape[1] + 1)


def test_displacements_point_from_first_to_second() -> None:
    positions = torch.randn(5, 3, dtype=torch.float64)
    pairs = all_pairs(full(1, 5))
    vectors = displacements(positions, pairs)
    for vector, j, i in zip(vectors, pairs.first, pairs.second, strict=True):
        assert torch.equal(vector, positions[i] - positions[j])


@pytest.mark.parametrize("n_systems", [1, 2])
def test_displacements_across_cells(n_systems: int) -> None:
    torch.manual_seed(0)
    pairs = all_pairs(full(n_systems, 3))
    shifts = torch.randint(-2, 3, (len(pairs), 3)).double()
    pairs = replace(pairs, shifts=shifts)
    positions = torch.randn(3 * n_systems, 3, dtype=torch.float64)
    cells = torch.randn(n_systems, 3, 3, dtype=torch.float64)
    system_of = torch.arange(n_systems).repeat_interleave(3)
    vectors = displacements(positions, pairs, cells, system_of)
    for p, (j, i) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        wanted = positions[i] - positions[j] + shifts[p] @ cells[system_of[j]]
        torch.testing.assert_close(vectors[p], wanted)


def test_shifts_want_a_cell() -> None:
    pairs = all_pairs(full(2, 2))
    shifted = replace(pairs, shifts=torch.zeros(2, 3).double())
    positions = torch.zeros(4, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"cells: wanted shape \(B, 3, 3\).*given None"):
        displacements(positions, shifted)
    with pytest.raises(ValueError, match=r"system_of: wanted shape \(N,\).*2 cells, given None"):
        displacements(positions, shifted, torch.zeros(2, 3, 3).double())


def test_distances_are_norms_with_their_derivatives() -> None:
    vectors = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(distances(vectors), vectors.norm(dim=1))
    assert torch.autograd.gradcheck(distances, vectors)
    assert torch.autograd.gradgradcheck(distances, vectors)


def test_zero_distance_has_zero_derivatives_of_all_orders() -> None:
    vectors = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    derivative = distances(vectors)
    assert derivative.tolist() == [0, 0]
    for _ in range(4):
        # the factor makes each derivative depend on the vectors, also where the one before vanishes
        (derivative,) = torch.autograd.grad((derivative * (1 + vectors.sum())).sum(), vectors, create_graph=True)
        assert torch.equal(derivative, torch.zeros_like(derivative))


def test_sums_are_those_of_a_loop() -> None:
    values = torch.randn(6, 2, 3, dtype=torch.float64)
    where = torch.tensor([3, 0, 0, 1, 3, 3])
    sums = sum_over_neighbours(values, where, 5)
    for n in range(5):
        torch.testing.assert_close(sums[n], values[where == n].sum(0))


def test_sums_per_system_are_taken_in_float64() -> None:
    values = torch.tensor([2.0**30, 1.0, -(2.0**30), 5.0])  # float32 would lose the 1
    system_of = torch.tensor([0, 0, 0, 1])
    assert sum_per_system(values, system_of, 2).tolist() == [1.0, 5.0]
    assert sum_per_system(values, system_of, 2).dtype == torch.float64


def test_means_per_system() -> None:
    values = torch.tensor([[1.0, 10.0], [3.0, 20.0], [7.0, 30.0]])
    means = mean_per_system(values, torch.tensor([0, 0, 2]), 3)
    assert means.tolist() == [[2.0, 15.0], [0.0, 0.0], [7.0, 30.0]]


@pytest.mark.parametrize("pool", [sum_per_system, mean_per_system])
def test_an_empty_batch_has_empty_sums(pool) -> None:
    nowhere = torch.zeros(0, dtype=torch.int64)
    assert pool(torch.zeros(0, 4), nowhere, 0).shape == (0, 4)
    assert pool(torch.zeros(0, 4), nowhere, 2).tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("shape", [(3, 5), (2, 1), (0, 3), (3, 0), (1, 1100)])  # the last one is not kept
def test_full_lists_are_those_of_full_masks(shape: tuple[int, int]) -> None:
    found, wanted = full_pairs(*shape, torch.device("cpu")), all_pairs(full(*shape))
    for name in ("first", "second", "row_pointers", "transposed", "column_pointers"):
        assert torch.equal(getattr(found, name), getattr(wanted, name))


def test_a_full_list_is_made_once_for_a_shape_and_device() -> None:
    cpu = torch.device("cpu")
    kept = full_pairs(2, 3, cpu)
    assert full_pairs(2, 3, cpu) is kept
    assert full_pairs(3, 2, cpu) is not kept
    assert full_pairs(2, 3, cpu) is kept


def test_exchanged_messages_are_those_of_a_loop() -> None:
    torch.manual_seed(0)
    pairs, f = all_pairs(full(2, 4)), torch.randn(8, 3, dtype=torch.float64)
    phi, wanted = torch.randn(len(pairs), 3, dtype=torch.float64), torch.zeros_like(f)
    for p, (j, i) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        wanted[j] += phi[p] * f[i]
        wanted[i] += phi[p] * f[j]
    torch.testing.assert_close(exchanged(phi, f, pairs.first, pairs.second), wanted, rtol=0, atol=1e-14)
