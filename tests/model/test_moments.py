"""The model with angular moments: symmetries, extensivity, smoothness, and equal results of both kernels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation

from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.system.system import System

ENCODER = OneHot([1, 6, 8, 29])
CUTOFF = 5.0
TOLERANCE = 1e-11
"""Of contributions of order one: products of four sums of some 30 terms, in three layers, each rounded by 1e-16."""


def of(atoms) -> System:
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc))


def batch_of(*systems: System) -> Batch:
    return collate(list(systems), CUTOFF, ENCODER, torch.float64)


ETHANOL = of(molecule("CH3CH2OH"))
COPPER = bulk("Cu", cubic=True)
COPPER.rattle(0.1, seed=1)


def model_of(moments: int, pooling: str = "sum", layers: int = 3) -> PropertyModel:
    """Small, with a readout as large as after training."""
    torch.manual_seed(moments)
    sizes = {"width": 8, "hidden": 8, "knots": 24, "n_basis": 8}
    architecture = Architecture(4, (pooling,), cutoff=CUTOFF, layers=layers, moments=moments, **sizes)
    model = PropertyModel(architecture).double()
    with torch.no_grad():
        model.readout[-1].weight.mul_(10)
        for interaction in model.interactions:
            interaction.mean_neighbours.fill_(10)
    return model


@pytest.fixture(autouse=True)
def plain_torch(monkeypatch):
    """Use plain torch where speed does not matter, so that nothing is compiled."""
    monkeypatch.setenv("EMPNET_KERNELS", "reference")


@pytest.fixture(params=[0, 1, 2, 3])
def model(request) -> PropertyModel:
    return model_of(request.param)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)


ROTATION = Rotation.from_euler("xyz", [0.3, -1.2, 2.2]).as_matrix()


@pytest.mark.parametrize("system", [ETHANOL, of(COPPER)], ids=["molecule", "crystal"])
def test_rotation_reflection_translation_and_order_change_nothing(model, system):
    order = np.random.default_rng(0).permutation(len(system))
    wanted = model.contributions(batch_of(system))

    def turned(matrix: np.ndarray) -> System:
        cell = None if system.cell is None else system.cell @ matrix.T
        return replace(system, positions=system.positions @ matrix.T, cell=cell)

    others = [turned(ROTATION), turned(-np.eye(3)), turned(np.diag([1.0, 1.0, -1.0]) @ ROTATION)]
    others.append(replace(system, positions=system.positions + 12.3))
    with torch.no_grad():
        for other in others:
            close(model.contributions(batch_of(other)), wanted)
        reordered = System(system.positions[order], system.species[order], cell=system.cell, pbc=system.pbc)
        close(model.contributions(batch_of(reordered)), wanted[order])


def test_copies_far_apart_and_supercells(model):
    twice = System(np.concatenate([ETHANOL.positions, ETHANOL.positions + 50]), np.tile(ETHANOL.species, 2))
    with torch.no_grad():
        close(model(batch_of(twice)), 2 * model(batch_of(ETHANOL)))
        close(model(batch_of(of(COPPER * (2, 1, 1)))), 2 * model(batch_of(of(COPPER))))


def test_a_batch_is_each_system_alone(model):
    systems = [ETHANOL, of(COPPER), System([[0.0, 0, 0]], [1]), of(molecule("H2O")), of(bulk("Cu"))]
    with torch.no_grad():
        close(model(batch_of(*systems)), torch.cat([model(batch_of(system)) for system in systems]))


def test_means_do_not_grow():
    model = model_of(2, "mean")
    with torch.no_grad():
        close(model(batch_of(of(COPPER * (2, 1, 1)))), model(batch_of(of(COPPER))))


def test_nothing_jumps_at_the_cutoff(model):
    """Energy, force and curvature as a third particle, off the axis of two others, comes within the cutoff of one."""
    base = batch_of(System([[0, 0, 0], [0, 0, -1], [0, 0.5, CUTOFF - 0.1]], [6, 1, 8]))
    way = torch.tensor([0, 0.6, 0.8], dtype=torch.float64)

    def at(d: float) -> torch.Tensor:
        distance = torch.tensor(d, dtype=torch.float64, requires_grad=True)
        r = torch.stack([torch.zeros(3).double(), torch.tensor([0, 0.5, -1]).double(), distance * way])
        energy = model(replace(base, positions=r)).sum()
        (slope,) = torch.autograd.grad(energy, distance, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, distance)
        return torch.stack([energy.detach(), slope.detach(), curvature])

    # the envelope is 10 (1 - d / cutoff)^3 near its end: 1e-5 angstrom before it, 1e-15 with slope 1e-9, curvature 2e-4
    below, beyond = at(CUTOFF - 1e-5), at(CUTOFF + 1e-5)
    assert torch.all((below - beyond).abs() < torch.tensor([1e-12, 1e-7, 1e-2], dtype=torch.float64))
    assert beyond[1:].abs().max() == 0
    assert at(CUTOFF - 2)[1:].abs().max() > 1e-4  # else nothing is tested


def test_a_frozen_copy_gives_the_same(model):
    frozen = model.frozen()
    assert frozen.is_frozen
    assert not model.is_frozen
    batch = batch_of(ETHANOL, of(COPPER))
    found = []
    for each in (model, frozen):
        positions = batch.positions.clone().requires_grad_()
        energy = each(replace(batch, positions=positions))
        found.append((energy.detach(), torch.autograd.grad(energy.sum(), positions)[0]))
    for a, b in zip(*found, strict=True):
        close(b, a)


@pytest.mark.parametrize("moments", [0, 1, 2, 3])
def test_both_kernels_share_a_state_dict_and_agree(moments, monkeypatch):
    states, outputs = [], []
    for kernel in ("reference", "compiled"):
        monkeypatch.setenv("EMPNET_KERNELS", kernel)
        model = model_of(moments, layers=2)
        states.append(model.state_dict())
        energy = model(batch_of(ETHANOL, of(COPPER)))
        outputs.append([energy.detach(), *torch.autograd.grad(energy.sum(), list(model.parameters()))])
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    for a, b in zip(*outputs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=TOLERANCE * (1 + float(b.abs().max())))


def test_a_state_dict_makes_the_same_model(model):
    other = PropertyModel(model.architecture).double()
    other.load_state_dict(model.state_dict())
    batch = batch_of(ETHANOL)
    assert torch.equal(other(batch), model(batch))


def test_the_first_keeps_no_filter_for_tensors_and_the_last_none_of_them():
    model = model_of(2)
    assert [interaction.chi is None for interaction in model.interactions] == [True, False, False]
    assert [interaction.gate is None for interaction in model.interactions] == [False, False, True]
    for parameter, gradient in zip(
        model.parameters(), torch.autograd.grad(model(batch_of(ETHANOL)).sum(), list(model.parameters())), strict=True
    ):
        assert gradient.shape == parameter.shape  # each parameter counts
        assert gradient.abs().max() > 0


def test_angles_are_seen():
    """Two neighbours at 90 and at 120 degrees, which are not neighbours of each other."""

    def bent(angle: float) -> System:
        return System(0.72 * CUTOFF * np.array([[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]]), [8, 1, 1])

    for moments in (0, 1, 2, 3):
        model = model_of(moments)
        for interaction in model.interactions:
            interaction.mean_neighbours.fill_(0.01)  # so that distant neighbours matter
        with torch.no_grad():
            one, other = model(batch_of(bent(np.pi / 2), bent(2 * np.pi / 3)))
        difference = abs(one - other).item()
        assert difference > 1e-6 if moments else difference < TOLERANCE
