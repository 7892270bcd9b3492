"""Particles sorted in space: a permutation, near in memory what is near in space, and undone for the user."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from empnet.dataset.dataset import collate
from empnet.dataset.neighbours import neighbour_list
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.system.one_hot import OneHot
from empnet.system.spatial_order import SORTED_FROM, in_given_order, sorted_in_space, spatial_order
from empnet.system.system import System

OPEN, PERIODIC, SLAB = (False,) * 3, (True,) * 3, (True, True, False)


def shuffled(pbc=PERIODIC, skew=False):
    """Copper with every other atom gold, rattled, in random order."""
    atoms = bulk("Cu") * (14, 14, 14) if skew else bulk("Cu", cubic=True) * (9, 9, 9)
    atoms.numbers[::2] = 79
    atoms.rattle(0.1, seed=0)
    order = np.random.default_rng(0).permutation(len(atoms))
    cell = None if pbc == OPEN else atoms.cell.array
    return System(
        atoms.positions[order], atoms.numbers[order], cell=cell, pbc=pbc, arrays={"given": np.arange(len(atoms))}
    )


def spread(system):
    """Mean distance in memory between the two of a pair."""
    pairs = neighbour_list(system, 3.5)
    return np.abs(pairs.receivers - pairs.senders).mean()


@pytest.mark.parametrize("skew", [False, True])
@pytest.mark.parametrize("pbc", [OPEN, PERIODIC, SLAB])
def test_neighbours_in_space_are_near_in_memory(pbc, skew):
    system = shuffled(pbc, skew=skew)
    sorted_, order = sorted_in_space(system, 5.0)
    assert np.array_equal(np.sort(order), np.arange(len(system)))
    # in random order a pair is N / 3 apart; along the curve about a surface, N ** (2 / 3), times a factor, of
    # about 3,000 particles 200
    assert spread(sorted_) < 0.3 * spread(system)


def test_periodic_axes_are_wrapped():
    system = shuffled()
    whole = np.random.default_rng(1).integers(-3, 4, (len(system), 3))
    moved = system.positions + whole @ system.cell
    # a hair off the cells' faces, so that rounding in the shift does not decide
    assert np.array_equal(
        spatial_order(system.positions + 0.013, system.cell, PERIODIC, 2.5),
        spatial_order(moved + 0.013, system.cell, PERIODIC, 2.5),
    )


def test_open_axes_are_not_wrapped_and_need_no_lattice_vector():
    positions = np.array([[0.5, 0.5, z] for z in (0.0, 40.0, 1.0, 41.0)])
    no_third = np.diag([3.0, 3.0, 0.0])
    assert spatial_order(positions, no_third, SLAB, 2.5).tolist() == [0, 2, 1, 3]
    # a third vector of 40 angstrom, along which nothing repeats, does not bring 40 to 0
    assert spatial_order(positions, np.diag([3.0, 3.0, 40.0]), SLAB, 2.5).tolist() == [0, 2, 1, 3]


def test_ties_keep_their_order():
    positions = np.tile([[7.0, 0, 0], [0.0, 0, 0]], (5, 1))
    assert spatial_order(positions, None, OPEN, 2.5).tolist() == [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_particle(n):
    assert spatial_order(np.zeros((n, 3)), None, OPEN, 2.5).tolist() == list(range(n))
    assert spatial_order(np.zeros((n, 3)), np.eye(3), PERIODIC, 2.5).tolist() == list(range(n))


def test_far_from_the_origin_the_order_is_the_same():
    positions = shuffled(OPEN).positions
    far = positions + 2.0**30  # the differences lose no more than 2 ** -22
    assert np.mean(spatial_order(positions, None, OPEN, 2.5) == spatial_order(far, None, OPEN, 2.5)) > 0.99


def test_extents_beyond_all_cells_still_give_an_order():
    positions = np.array([[0.0, 0, 0], [1e15, 1e15, 1e15], [1.0, 0, 0], [-1e15, -1e15, -1e15]])
    assert spatial_order(positions, None, OPEN, 2.5).tolist() == [3, 0, 2, 1]


def test_all_that_belongs_to_a_particle_moves_with_it():
    system = shuffled()
    sorted_, order = sorted_in_space(system, 5.0)
    assert np.array_equal(sorted_.arrays["given"], order)
    for name in ("positions", "species"):
        assert np.array_equal(in_given_order(getattr(sorted_, name), order), getattr(system, name))
    assert sorted_.pbc == system.pbc
    assert np.array_equal(sorted_.cell, system.cell)


def test_small_systems_stay_as_they_are():
    small = System(np.zeros((SORTED_FROM - 1, 3)))
    same, order = sorted_in_space(small, 5.0)
    assert same is small
    assert np.array_equal(order, np.arange(len(small)))


def energy_and_forces(model, system):
    """Of the model, in float64, and each particle's contribution."""
    batch = collate([system], 4.0, OneHot([29, 79]), torch.float64)
    batch.positions.requires_grad_()
    c = model.contributions(batch)
    (gradient,) = torch.autograd.grad(c.sum(), batch.positions)
    return c.sum().item(), -gradient.numpy(), c.detach().numpy()


def test_the_order_is_undone():
    torch.manual_seed(0)
    model = PropertyModel(Architecture(n_species=2, pooling=("sum",), cutoff=4.0, width=8)).double()
    system = shuffled()
    near, order = sorted_in_space(system, 4.0)
    assert not np.array_equal(order, np.arange(len(system)))
    energy, forces, c = energy_and_forces(model, system)
    energy_sorted, forces_sorted, c_sorted = energy_and_forces(model, near)
    # sums of some 50 terms in another order, in float64, relative to the largest: rounding is 50 * 1.1e-16 in each of
    # three layers; two digits to spare
    assert energy_sorted == pytest.approx(energy, rel=1e-12)
    assert np.abs(in_given_order(forces_sorted, order) - forces).max() < 1e-12 * np.abs(forces).max()
    assert np.abs(in_given_order(c_sorted, order) - c).max() < 1e-12 * np.abs(c).max()
