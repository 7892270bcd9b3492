"""The symmetries and limits of physics hold for PropertyModel."""

import copy

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
CUTOFF = 4.0
EPS32 = 2.0**-23


def of(atoms) -> System:
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc))


def batch_of(*systems: System, dtype=torch.float64) -> Batch:
    return collate(list(systems), CUTOFF, ENCODER, dtype)


@pytest.fixture(params=["sum", "mean"])
def model(request) -> PropertyModel:
    torch.manual_seed(0)
    model = PropertyModel(Architecture(n_species=4, pooling=(request.param,), cutoff=CUTOFF, width=16)).double()
    model.baseline[:, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return model


@pytest.fixture
def ethanol() -> System:
    return of(molecule("CH3CH2OH"))


def moved(system: System, matrix=None, shift=0.0, order=None) -> System:
    matrix = np.eye(3) if matrix is None else matrix
    order = np.arange(len(system)) if order is None else order
    cell = None if system.cell is None else system.cell @ matrix.T
    positions = (system.positions @ matrix.T + shift)[order]
    return System(positions, system.species[order], cell=cell, pbc=system.pbc)


ROTATION = Rotation.from_euler("xyz", [0.3, -1.2, 2.2]).as_matrix()


@pytest.mark.parametrize("atoms", [molecule("CH3CH2OH"), bulk("Cu", cubic=True)], ids=["molecule", "crystal"])
def test_invariance(model, atoms):
    system = of(atoms)
    order = np.random.default_rng(0).permutation(len(system))
    reference = model(batch_of(system))
    for other in (
        moved(system, ROTATION),
        moved(system, -np.eye(3)),
        moved(system, shift=12.3),
        moved(system, order=order),
    ):
        assert torch.allclose(model(batch_of(other)), reference, rtol=1e-12, atol=1e-12)


def test_float32_prediction_is_invariant_to_rounding():
    """Below 8 eps32 times the sum over particles of |contribution|, a million angstrom away too."""
    torch.manual_seed(0)
    model = PropertyModel(Architecture(n_species=4, pooling=("sum",), cutoff=CUTOFF))
    rng = np.random.default_rng(0)
    for name in ("CH3CH2OH", "C6H6", "CH4", "H2O"):
        system = of(molecule(name))
        batch = batch_of(system, dtype=torch.float32)
        allowed = 8 * EPS32 * model.contributions(batch).abs().sum().item()
        for _ in range(5):
            matrix = Rotation.random(rng=rng).as_matrix()
            other = moved(system, matrix, 1e6 * rng.normal(size=3) / 2, rng.permutation(len(system)))
            change = model(batch_of(other, dtype=torch.float32)) - model(batch)
            assert abs(change.item()) < allowed


def test_two_copies_far_apart(model, ethanol):
    twice = System(np.concatenate([ethanol.positions, ethanol.positions + 100]), np.tile(ethanol.species, 2))
    factor = 2 if model.architecture.pooling == ("sum",) else 1
    assert torch.allclose(model(batch_of(twice)), factor * model(batch_of(ethanol)), rtol=1e-12)


def test_supercell(model):
    atoms = bulk("Cu", cubic=True)
    factor = 2 if model.architecture.pooling == ("sum",) else 1
    one, two = model(batch_of(of(atoms))), model(batch_of(of(atoms * (2, 1, 1))))
    assert torch.allclose(two, factor * one, rtol=1e-12)


def test_batch_is_each_system_alone(model, ethanol):
    systems = [ethanol, of(molecule("H2O")), of(bulk("Cu")), of(molecule("CH4")[:1])]
    together = model(batch_of(*systems))
    alone = torch.cat([model(batch_of(system)) for system in systems])
    assert torch.allclose(together, alone, rtol=1e-12)


def test_smooth_at_the_cutoff(model):
    """Energy, slope and curvature along a path through the cutoff have no jump."""

    def along(d: float) -> torch.Tensor:
        distance = torch.tensor(d, dtype=torch.float64, requires_grad=True)
        base = batch_of(System([[0, 0, 0], [0, 0, CUTOFF - 0.01]], [6, 8]))
        positions = torch.stack([torch.zeros(3).double(), distance * torch.tensor([0, 0, 1.0]).double()])
        y = model(Batch(positions, base.features, base.system_of, 1, base.pairs)).sum()
        slope = torch.autograd.grad(y, distance, create_graph=True)[0]
        curvature = torch.autograd.grad(slope, distance)[0]
        return torch.stack([y.detach(), slope.detach(), curvature])

    # env ~ (1 - d/r_c)^3 near the cutoff: a step of 1e-5 changes value, slope, curvature by about 1e-15, 1e-10, 1e-5
    below, beyond = along(CUTOFF - 1e-5), along(CUTOFF + 1e-5)
    assert torch.all((below - beyond).abs() < torch.tensor([1e-12, 1e-8, 1e-3]).double())
    assert beyond[1:].abs().max() == 0


def test_second_derivatives_match_finite_differences(model, ethanol):
    base = batch_of(ethanol)

    def gradient(positions):
        positions = positions.detach().requires_grad_(True)
        y = model(Batch(positions, base.features, base.system_of, 1, base.pairs)).sum()
        return torch.autograd.grad(y, positions, create_graph=True)[0], positions

    g, r = gradient(base.positions)
    direction = torch.randn(r.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    exact = torch.autograd.grad((g * direction).sum(), r)[0]
    h = 1e-5
    numeric = (gradient(base.positions + h * direction)[0] - gradient(base.positions - h * direction)[0]) / (2 * h)
    # central differences: error h^2 times the fourth derivative (jumps of a cubic spline included), 1e-5 relative
    assert torch.allclose(exact, numeric, rtol=1e-4, atol=1e-5 * exact.abs().max().item())


def test_a_particle_without_neighbours(model):
    assert torch.isfinite(model(batch_of(System([[0, 0, 0]], [1])))).all()


def test_embedding_is_a_linear_layer_on_one_hot(model, ethanol):
    one_hot = torch.from_numpy(ENCODER.encode(ethanol.species)).double()
    rows = model.embedding.weight.T[ENCODER.indices(ethanol.species)]
    assert torch.equal(model.embedding(one_hot), rows)


def test_several_properties_each_with_its_pooling(ethanol):
    torch.manual_seed(0)
    model = PropertyModel(Architecture(n_species=4, pooling=("sum", "mean"), cutoff=CUTOFF)).double()
    c, y = model.contributions(batch_of(ethanol)), model(batch_of(ethanol))
    assert torch.allclose(y, torch.stack([c[:, 0].sum(), c[:, 1].mean()])[None])


def test_copy_and_state_dict(model, ethanol):
    other = PropertyModel(model.architecture).double()
    other.load_state_dict(model.state_dict())
    batch = batch_of(ethanol)
    for twin in (copy.deepcopy(model), other):
        assert torch.equal(twin(batch), model(batch))


def test_moments_of_a_degree_that_there_is_not():
    with pytest.raises(ValueError, match="moments: wanted 0 to 3, given 4"):
        Architecture(n_species=1, pooling=("sum",), moments=4)
