"""Whole trainings with compiled loops and with plain torch end with equal weights or losses."""

import dataclasses

import numpy as np
import pytest
import torch

from empnet.dataset.dataset import collate
from empnet.kernels.pairs import pair_distances, sum_per_system
from empnet.model import Architecture, PropertyModel
from empnet.system.one_hot import OneHot
from empnet.system.system import System


def batch_of_clouds():
    rng = np.random.default_rng(0)
    systems = []
    for _ in range(6):
        n = int(rng.integers(2, 9))
        positions = 1.2 * np.stack(np.unravel_index(rng.permutation(27)[:n], (3, 3, 3)), axis=1)
        targets = {"energy": float(rng.normal())}
        systems.append(System(positions + rng.normal(0, 0.1, (n, 3)), rng.choice([1, 6, 8], n), properties=targets))
    batch = collate(systems, 3.0, OneHot([1, 6, 8]), dtype=torch.float64)
    return batch, torch.tensor([[system.properties["energy"]] for system in systems], dtype=torch.float64)


def trained(name: str, monkeypatch) -> torch.Tensor:
    """Return all weights after 100 steps in float64."""
    monkeypatch.setenv("EMPNET_KERNELS", name)
    torch.manual_seed(0)
    batch, targets = batch_of_clouds()
    model = PropertyModel(Architecture(n_species=3, pooling=("sum",), cutoff=3.0, width=16)).double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(100):
        loss = (model(batch) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_a_hundred_steps(monkeypatch):
    compiled, reference = trained("compiled", monkeypatch), trained("reference", monkeypatch)
    assert not torch.equal(compiled, reference)  # else one and the same would be tested
    # each step's gradient differs by rounding (1e-15); Adam divides by its size and training stretches differences
    torch.testing.assert_close(compiled, reference, rtol=0, atol=1e-8)


def final_loss(seed: int) -> float:
    """Return the mean loss of the last 20 of 80 steps in float32; the seed decides the weights at the start."""
    torch.manual_seed(seed)
    batch, _ = batch_of_clouds()
    batch = dataclasses.replace(batch, features=batch.features.float())
    near = batch.pairs.first, pair_distances(batch).neg().exp()
    per_particle = torch.zeros(len(batch.positions), dtype=torch.float64).index_add(0, *near)
    targets = sum_per_system(per_particle[:, None], batch.system_of, len(batch))  # a sum over pairs can be learned
    model = PropertyModel(Architecture(n_species=3, pooling=("sum",), cutoff=3.0, width=16, layers=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        loss = (model(batch) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 30 * losses[-1]
    return float(np.mean(losses[-20:]))


def test_five_trainings_in_float32_end_alike(monkeypatch):
    """Two orders of summation differ by rounding, which training amplifies as another seed would."""
    losses = {}
    for name in ("compiled", "reference"):
        monkeypatch.setenv("EMPNET_KERNELS", name)
        losses[name] = np.log([final_loss(seed) for seed in range(5)])
    assert not np.array_equal(losses["compiled"], losses["reference"])
    # standard error of a difference of means over 5 seeds each, of logarithms since losses spread over factors
    spread = [each.var(ddof=1) / len(each) for each in losses.values()]
    assert abs(losses["compiled"].mean() - losses["reference"].mean()) <= np.sqrt(sum(spread))


@pytest.mark.parametrize("name", ["compiled", "reference"])
def test_forces_are_differentiable(name, monkeypatch):
    monkeypatch.setenv("EMPNET_KERNELS", name)
    torch.manual_seed(0)
    batch, _ = batch_of_clouds()
    model = PropertyModel(Architecture(n_species=3, pooling=("sum",), cutoff=3.0, width=4, layers=2)).double()
    positions = batch.positions.clone().requires_grad_()

    def energy(positions):
        return model(dataclasses.replace(batch, positions=positions)).sum()

    assert torch.autograd.gradcheck(energy, [positions], fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, [positions], fast_mode=True)
