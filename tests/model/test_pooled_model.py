"""The model of whole clouds: symmetries, uneven density, classes, quantities that grow with size, a coarser level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from empnet import System
from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.coarser_level import coarser_level
from empnet.model.pooled_model import PooledModel
from empnet.system.one_hot import OneHot

ENCODER = OneHot([0])


def a_model(**sizes) -> PooledModel:
    torch.manual_seed(0)
    defaults = {"width": 16, "layers": 2, "moments": 2, "knots": 32, "n_basis": 8, "hidden": 16, "classes": 3}
    architecture = Architecture(n_species=1, pooling=("mean",), readout="pooled", cutoff=1.5, **{**defaults, **sizes})
    return PooledModel(architecture).eval()


def a_batch(*clouds: np.ndarray, cutoff: float = 1.5):
    return collate([System(points) for points in clouds], cutoff, ENCODER)


def points_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, 3))


def test_rotation_order_and_batch_change_no_logit():
    model, one, other = a_model(), points_of(40), points_of(25, 1)
    R = Rotation.random(random_state=0).as_matrix()
    order = np.random.default_rng(1).permutation(40)
    base = model(a_batch(one, other))
    assert torch.allclose(model(a_batch(one[order] @ R.T, other)), base, atol=1e-5)
    assert torch.allclose(torch.cat([model(a_batch(one)), model(a_batch(other))]), base, atol=1e-5)


def test_uneven_density_gives_finite_outputs_and_gradients():
    """A lump of 200 points beside scattered ones: particles with 0 to 200 neighbours at default settings."""
    lump, far = 0.3 * points_of(200), points_of(60, 1) * 40
    model = a_model().train()
    batch = a_batch(np.concatenate([lump, far]))
    neighbours = np.bincount(np.r_[batch.pairs.first.numpy(), batch.pairs.second.numpy()], minlength=260)
    assert neighbours.min() == 0 and neighbours.max() >= 199
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(batch), torch.tensor([1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert loss.item() < 0.1


def test_a_single_particle_and_no_neighbours():
    model = a_model()
    assert torch.isfinite(model(a_batch(np.zeros((1, 3)), np.array([[0.0, 0, 0], [9, 0, 0]])))).all()


def test_properties_that_grow_with_size():
    from dataclasses import replace

    model = a_model(classes=0, scale_power=3.0, n_cloud=2)
    batch = a_batch(points_of(20))
    rows = torch.tensor([[0.5, 0.1, 0.2]], dtype=torch.float64)
    small, large = (model(replace(batch, clouds=rows + torch.tensor([[shift, 0, 0]]))) for shift in (0.0, np.log(2.0)))
    assert torch.allclose(large, 8 * small)
    assert torch.allclose(model.composition_baseline(replace(batch, clouds=rows)), torch.exp(3 * rows[:, :1]))


def test_frozen_predicts_the_same():
    model, batch = a_model(), a_batch(points_of(30))
    assert torch.allclose(model.frozen()(batch), model(batch), atol=1e-5)


def test_derivative_against_a_difference():
    """Positions enter smoothly: the gradient of a logit is its finite difference."""
    from dataclasses import replace

    model = a_model().double()
    batch = collate([System(points_of(15))], 1.5, ENCODER, torch.float64)
    positions = batch.positions.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(model(replace(batch, positions=positions))[0, 0], positions)
    direction = torch.randn(slope.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = 1e-5
    moved = (replace(batch, positions=batch.positions + s * h * direction) for s in (1, -1))
    up, down = (model(each)[0, 0].detach() for each in moved)
    assert float((slope * direction).sum()) == pytest.approx(float((up - down) / (2 * h)), rel=1e-5, abs=1e-8)


SIZES = [(40, 30), (5, 16), (16, 1), (1, 20), (3, 3)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cutoff", [0.0, 0.4, 1.0, 9.0])
def test_pairs_are_those_of_the_first_points(sizes, cutoff):
    M, clouds = 16, [points_of(n, seed) for seed, n in enumerate(sizes)]
    kept, coarse = coarser_level(a_batch(*clouds), M, cutoff)
    shrunk = [cloud[:M] * min(1, M / len(cloud)) ** 0.5 for cloud in clouds]
    wanted = collate([System(points) for points in shrunk], max(cutoff, 1e-9), ENCODER)
    assert kept.tolist() == [k for k, n in enumerate(np.concatenate([np.arange(n) for n in sizes])) if n < M]
    assert torch.allclose(coarse.positions, wanted.positions)
    assert coarse.system_of.tolist() == wanted.system_of.tolist()
    for name in ("first", "second", "row_pointers", "transposed", "column_pointers"):
        assert getattr(coarse.pairs, name).tolist() == getattr(wanted.pairs, name).tolist(), name


def test_a_surface_has_as_many_neighbours_on_both_levels():
    """400 of 6,400 points of a square, evenly spaced: the wider spacing is undone by the shrinking."""
    along = np.arange(80.0)
    grid = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    grid = np.c_[grid, 0 * grid[:, 0]]
    coarse_first = np.lexsort(((grid % 4 != 0).any(axis=1),))
    batch = a_batch(grid[coarse_first], cutoff=2.5)
    _, coarse = coarser_level(batch, 400, 2.5)
    fine = 2 * len(batch.pairs) / 6400
    assert 2 * len(coarse.pairs) / 400 == pytest.approx(fine, rel=0.2)  # more of the few are at the rim


def test_rotation_translation_and_batch_change_no_logit():
    model, one, other = a_model(coarser=16), points_of(40), points_of(9, 1)
    R = Rotation.random(random_state=0).as_matrix()
    base = model(a_batch(one, other))
    assert torch.allclose(model(a_batch(one @ R.T + [3, -2, 1], other)), base, atol=1e-5)
    assert torch.allclose(torch.cat([model(a_batch(one)), model(a_batch(other))]), base, atol=1e-5)
    within = np.r_[np.random.default_rng(1).permutation(16), np.random.default_rng(2).permutation(np.arange(16, 40))]
    assert torch.allclose(model(a_batch(one[within], other)), base, atol=1e-5)


def test_the_level_matters_and_frozen_predicts_the_same():
    model, batch = a_model(coarser=16), a_batch(points_of(30))
    assert torch.allclose(model.frozen()(batch), model(batch), atol=1e-5)
    assert len(model.tabulated()) == 3
    base = model(batch)
    with torch.no_grad():
        model.coarser_interaction.phi[0].weight.mul_(2)
    assert not torch.allclose(model(batch), base, atol=1e-3)


def test_models_of_earlier_versions_have_no_such_level():
    record = Architecture(n_species=1, pooling=("mean",), readout="pooled", classes=3).to_json()
    del record["coarser"]
    assert Architecture.from_json(record).coarser == 0
