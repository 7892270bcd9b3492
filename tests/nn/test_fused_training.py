"""Whole trainings with compiled loops and with plain torch end in the same place."""

import numpy as np
import pytest
import torch

from empnet.data.dataset import collate
from empnet.data.one_hot import OneHot
from empnet.data.system import System
from empnet.nn import Architecture, PropertyModel


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
    """All weights after 100 steps in float64."""
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
    fused, reference = trained("fused", monkeypatch), trained("reference", monkeypatch)
    assert not torch.equal(fused, reference)  # else one and the same would be tested
    # each step's gradient differs by rounding (1e-15); Adam divides by its size and training stretches differences
    torch.testing.assert_close(fused, reference, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["fused", "reference"])
def test_forces_are_differentiable(name, monkeypatch):
    import dataclasses

    monkeypatch.setenv("EMPNET_KERNELS", name)
    torch.manual_seed(0)
    batch, _ = batch_of_clouds()
    model = PropertyModel(Architecture(n_species=3, pooling=("sum",), cutoff=3.0, width=4, layers=2)).double()
    positions = batch.positions.clone().requires_grad_()

    def energy(positions):
        return model(dataclasses.replace(batch, positions=positions)).sum()

    assert torch.autograd.gradcheck(energy, [positions], fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, [positions], fast_mode=True)
