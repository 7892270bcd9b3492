"""The loss on energies, forces and stress: its value, its gradient, and what counts for nothing."""

import numpy as np
import pytest
import torch

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.model.property_model import PropertyModel
from empnet.training.job import open_data
from empnet.training.measure import measure
from empnet.training.optimiser.objective import Objective
from empnet.training.optimiser.scales import Scales
from empnet.training.optimiser.statistics import fit_statistics
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard

CPU = torch.device("cpu")
ASKED = {"property": "energy", "unit": "eV", "forces": "forces", "stress": "stress", "dtype": "float64", "cutoff": 2.5}
CARD = ModelCard(Architecture(1, ("sum",), cutoff=2.5, layers=1, width=6, hidden=6), (18,), ("energy",), ("eV",))
CARD = ModelCard(**{**{name: getattr(CARD, name) for name in CARD.__slots__}, "dtype": "float64"})


def dataset_of(systems, config: TrainConfig) -> Dataset:
    return open_data(systems, config, quiet=True)


def objective_of(systems, **settings) -> tuple[Objective, PropertyModel, Dataset]:
    config = TrainConfig.make({"data": "systems in memory", **ASKED, **settings})
    dataset = dataset_of(systems, config)
    torch.manual_seed(0)
    model = CARD.build()
    scales = fit_statistics(model, dataset, np.arange(len(dataset)), CARD.encoder)
    return Objective(config, CARD, dataset, scales, CPU), model, dataset


def gradient(objective: Objective, model: PropertyModel, indices, part=None) -> np.ndarray:
    parameters = list(model.parameters())
    found = torch.autograd.grad(objective.loss(model, indices, part), parameters, allow_unused=True)
    parts = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
    return torch.cat([part.reshape(-1) for part in parts]).numpy()


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_the_loss_is_the_formula(kind, mixed):
    """Written out with loops over systems, particles and components."""
    objective, model, dataset = objective_of(mixed, loss=kind, energy_weight=1.0, forces_weight=2.0, stress_weight=3.0)
    every = np.arange(len(dataset))
    lost = {"mse": np.square, "mae": np.abs}.get(kind, lambda e: np.where(abs(e) < 0.1, e**2 / 2, 0.1 * abs(e) - 0.005))
    scales, terms = objective.scales, {"energy": [], "forces": [], "stress": []}
    for k, system in enumerate(mixed):
        found = energy_and_derivatives(model, dataset.batch(np.array([k]), CARD.encoder, torch.float64), stress=True)
        off = found.values.item() - system.properties["energy"]
        terms["energy"].append(off / (scales.energy[0] * np.sqrt(len(system))))
        if "forces" in system.arrays:
            terms["forces"] += list(((found.forces.numpy() - system.arrays["forces"]) / scales.forces).reshape(-1))
        if "stress" in system.info:
            terms["stress"] += list((found.stress.numpy()[0] - system.info["stress"]) / scales.stress)
    means = {name: np.mean(lost(np.array(errors))) for name, errors in terms.items()}
    wanted = (means["energy"] + 2 * means["forces"] + 3 * means["stress"]) / 6
    with torch.no_grad():
        assert objective.loss(model, every).item() == pytest.approx(wanted, rel=1e-12)
    assert objective.measured_loss(measure(model, dataset, every, CARD, CPU)) == pytest.approx(wanted, rel=1e-12)


def test_the_gradient_is_that_of_finite_differences(mixed):
    """Along random directions: a central difference of step 1e-4 errs by some 1e-8 of the third derivative."""
    objective, model, dataset = objective_of(mixed)
    every, parameters = np.arange(len(dataset)), list(model.parameters())
    g, at = gradient(objective, model, every), torch.nn.utils.parameters_to_vector(parameters).detach()
    for seed in range(3):
        direction = torch.randn(at.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        direction /= direction.norm()
        ends = []
        for sign in (1, -1):
            torch.nn.utils.vector_to_parameters(at + sign * 1e-4 * direction, parameters)
            ends.append(objective.loss(model, every).item())
        torch.nn.utils.vector_to_parameters(at, parameters)
        assert (ends[0] - ends[1]) / 2e-4 == pytest.approx(float(direction.numpy() @ g), rel=1e-5, abs=1e-7)


def test_shares_add_up_to_the_whole(mixed):
    """As two processes have it, one of which may have all the systems with forces."""
    objective, model, dataset = objective_of(mixed)
    every = np.arange(len(dataset))
    whole = gradient(objective, model, every)
    for parts in ([[3], [0, 1, 2, 4, 5, 6, 7]], [[0, 4], [1, 2, 3, 5, 6, 7]], [[0, 1, 2, 3], [4, 5], [6, 7]]):
        shares = sum(gradient(objective, model, every, np.array(part)) for part in parts)
        np.testing.assert_allclose(shares, whole, rtol=1e-10, atol=1e-13)  # sums in another order


def test_systems_without_forces_train_what_they_have(mixed):
    """The same gradient as that of the terms put together by hand, with each system in the losses that it has."""
    objective, model, _ = objective_of(mixed)
    weights = objective.weights
    forced = np.array([0, 1, 2, 4, 5, 6, 7])
    parts = {"energy": np.arange(8), "forces": forced, "stress": np.array([4, 5, 6])}
    wanted = 0.0
    for name, indices in parts.items():
        alone = {f"{other}_weight": float(other == name) for other in parts}
        single, _, _ = objective_of(mixed, **alone)
        wanted = wanted + getattr(weights, name) * gradient(single, model, indices)
    np.testing.assert_allclose(gradient(objective, model, np.arange(8)), wanted, rtol=1e-10, atol=1e-13)


def test_a_batch_without_any_forces(mixed):
    objective, model, _ = objective_of(mixed)
    energies, _, _ = objective_of(mixed, forces_weight=0.0, stress_weight=0.0)
    alone = gradient(objective, model, np.array([3]))
    np.testing.assert_allclose(
        alone, objective.weights.energy * gradient(energies, model, np.array([3])), rtol=1e-12, atol=1e-15
    )
    assert np.abs(alone).max() > 0


def test_scales_come_from_the_training_side_alone(labelled):
    config = TrainConfig.make({"data": "systems in memory", **ASKED})
    systems = [*labelled.clusters(6), *labelled.crystals(4)]
    dataset = dataset_of(systems, config)
    model, train = CARD.build(), np.array([0, 1, 2, 6, 7])
    scales = fit_statistics(model, dataset, train, CARD.encoder)
    forces = np.concatenate([systems[k].arrays["forces"] for k in train])
    assert scales.forces == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-12)
    stress = np.stack([systems[k].info["stress"] for k in (6, 7)])
    assert scales.stress == pytest.approx(np.sqrt(stress.var(axis=0).mean()), rel=1e-12)
    assert model.scale.item() == scales.forces


def test_energies_start_at_the_composition_and_forces_near_zero(mixed):
    objective, model, dataset = objective_of(mixed)
    measured = measure(model, dataset, np.arange(len(dataset)), CARD, CPU)
    assert measured.forces.rmse == pytest.approx(objective.scales.forces, rel=0.2)
    assert np.abs(measured.forces.predicted).max() < np.abs(measured.forces.targets[measured.forces.there]).max()


def test_the_unit_of_energies_grows_with_the_root_of_the_number_of_particles():
    scales = Scales(np.array([2.0]), per_root=True)
    np.testing.assert_allclose(scales.of_energies(np.array([1, 100]))[:, 0], [2.0, 20.0])
    assert Scales(np.array([2.0])).of_energies(np.array([1, 100]))[:, 0].tolist() == [2.0, 2.0]


def test_what_is_measured_on_two_sides_is_what_is_measured_on_both(mixed):
    """By species and per particle; a side without forces has no force errors."""
    _, model, dataset = objective_of(mixed)
    measured = measure(model, dataset, np.arange(len(dataset)), CARD, CPU)
    summary = measured.summary(CARD)["energy"]
    assert summary["forces"]["components"] == 3 * sum(len(system) for k, system in enumerate(mixed) if k != 3)
    assert summary["stress"]["components"] == 18
    assert summary["forces"]["by_species"]["Ar"]["mae"] == summary["forces"]["mae"]
    sizes = np.array([len(system) for system in mixed])
    each = np.abs(measured.predicted - measured.targets)[:, 0] / sizes
    assert summary["per_particle"]["mae"] == pytest.approx(each.mean(), rel=1e-12)
    assert "forces" not in measure(model, dataset, np.array([3]), CARD, CPU).summary(CARD)["energy"]


def test_all_weights_of_zero_are_refused(mixed):
    with pytest.raises(EmpnetError, match="all weights of the loss are zero"):
        objective_of(mixed, energy_weight=0.0, forces_weight=0.0, stress_weight=0.0)
