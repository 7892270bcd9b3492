"""The calculator: ASE's own finite differences and dynamics, units, and what training never had."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.md.verlet import VelocityVerlet
from ase.units import kcal, mol

import empnet
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.prediction.calculator import EMPNetCalculator
from empnet.prediction.predictor import Predictor
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard

BASELINE = {1: -0.5, 8: -2.0, 14: -4.0}


def predictor_of(pooling="sum", unit="eV", **card) -> Predictor:
    """Float64 and strong forces."""
    architecture = Architecture(n_species=3, pooling=(pooling,), cutoff=4.0, width=8, layers=2, knots=32)
    made = ModelCard(architecture, tuple(BASELINE), ("energy",), (unit,), dtype="float64", **card)
    torch.manual_seed(0)
    model = made.build().eval()
    with torch.no_grad():
        model.readout[-1].weight.mul_(30)
        model.baseline[:, 0] = torch.tensor(list(BASELINE.values()))
    return Predictor(model, made)


def water() -> Atoms:
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=1)
    return atoms


def silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def slab() -> Atoms:
    atoms = silicon()
    atoms.pbc = (True, True, False)
    return atoms


@pytest.mark.parametrize("atoms", [water(), slab(), silicon()], ids=["open", "slab", "periodic"])
def test_forces_are_those_of_ase(atoms):
    atoms.calc = empnet.EMPNetCalculator(predictor_of())
    found = atoms.get_forces()
    # central differences with a step of 1e-4: 1e-8 |f3| / 6, third derivatives being below some 100
    np.testing.assert_allclose(found, calculate_numerical_forces(atoms, eps=1e-4), atol=1e-6 * np.abs(found).max())


def test_stress_is_that_of_ase():
    atoms = silicon()
    atoms.calc = empnet.EMPNetCalculator(predictor_of())
    found = atoms.get_stress()
    assert np.abs(found).max() > 1e-4
    np.testing.assert_allclose(found, calculate_numerical_stress(atoms, eps=1e-5), atol=1e-6 * np.abs(found).max())


def test_results_in_electronvolt():
    atoms, other = silicon(), silicon()
    atoms.calc = empnet.EMPNetCalculator(predictor_of())
    other.calc = empnet.EMPNetCalculator(predictor_of(unit="kcal/mol"))
    for result in ("get_potential_energy", "get_forces", "get_stress", "get_potential_energies"):
        wanted = np.asarray(getattr(atoms, result)()) * kcal / mol
        np.testing.assert_allclose(getattr(other, result)(), wanted, rtol=1e-12)
    assert atoms.calc.results["free_energy"] == atoms.get_potential_energy()
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    assert set(atoms.calc.results) == set(empnet.EMPNetCalculator.implemented_properties)


def test_a_lone_particle_has_its_baseline_and_what_the_network_adds():
    predictor = predictor_of()
    atoms = Atoms("O", [[0, 0, 0]], calculator=empnet.EMPNetCalculator(predictor))
    assert atoms.get_potential_energies()[0] == pytest.approx(float(predictor.predict(atoms)))
    assert atoms.get_forces().tolist() == [[0, 0, 0]]


def test_particles_keep_their_order_in_large_systems():
    atoms = bulk("Si", cubic=True) * (7, 7, 7)  # 2744: sorted in space
    atoms.rattle(0.1, seed=0)
    order = np.random.default_rng(0).permutation(len(atoms))
    atoms.calc = empnet.EMPNetCalculator(predictor_of())
    shuffled = atoms[order]
    shuffled.calc = atoms.calc
    forces, energies = atoms.get_forces(), atoms.get_potential_energies()
    np.testing.assert_allclose(shuffled.get_forces(), forces[order], atol=1e-11)
    np.testing.assert_allclose(shuffled.get_potential_energies(), energies[order], atol=1e-11)
    few = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])
    found = predictor_of().predict([few, atoms, few], forces=True, energies=True)
    np.testing.assert_allclose(found.forces[1], forces, atol=1e-11)
    np.testing.assert_allclose(found.energies[1], energies, atol=1e-11)
    assert [len(rows) for rows in found.forces] == [2, 2744, 2]


def test_the_energy_is_conserved_as_velocity_verlet_can():
    """Its error falls as the square of the time step: a quarter for half of it."""

    def spread(step: float) -> float:
        atoms = water()
        atoms.set_velocities(np.random.default_rng(0).normal(size=(3, 3)) * 0.03)
        atoms.calc = empnet.EMPNetCalculator(predictor_of())
        energies = []
        run = VelocityVerlet(atoms, timestep=step * units.fs)
        run.attach(lambda: energies.append(atoms.get_total_energy()))
        run.run(round(20 / step))
        assert np.ptp([atoms.get_kinetic_energy(), 0]) > 1e-3  # something moves
        return float(np.ptp(energies))

    assert spread(0.5) / spread(0.25) == pytest.approx(4, rel=0.1)


def test_no_stress_without_a_volume():
    for atoms in (water(), slab()):
        atoms.calc = empnet.EMPNetCalculator(predictor_of())
        with pytest.raises(EmpnetError, match="there is no stress"):
            atoms.get_stress()
        atoms.get_forces()  # these there are


def test_what_is_asked_for_once_is_computed_in_one_go(monkeypatch):
    atoms, calls = silicon(), []
    atoms.calc = empnet.EMPNetCalculator(predictor_of())
    plain = atoms.calc.predictor.predict_one
    monkeypatch.setattr(atoms.calc.predictor, "predict_one", lambda *given: calls.append(given[1]) or plain(*given))
    for _ in range(2):
        atoms.get_potential_energy()
        atoms.get_forces()
        atoms.get_stress()
        atoms.rattle(0.01)
    assert len(calls) == 4  # three at first, one from then on


def test_an_unknown_species():
    atoms = Atoms("HFe", [[0, 0, 0], [0, 0, 1.5]], calculator=empnet.EMPNetCalculator(predictor_of()))
    with pytest.raises(EmpnetError, match="particle 1 is Fe, which the training data do not have"):
        atoms.get_potential_energy()


def with_seen() -> Predictor:
    predictor = predictor_of()
    atoms = molecule("H2O")
    seen = DataCoverage.of(Dataset.from_systems([System(atoms.positions, atoms.numbers)], 4.0))
    return Predictor(predictor.model, replace(predictor.card, seen=seen))


def test_too_near_is_said_once_or_refused():
    atoms = molecule("H2O")
    atoms.calc = empnet.EMPNetCalculator(with_seen())
    atoms.get_forces()  # as in training: nothing to say
    atoms.positions[1] = atoms.positions[0] + 0.8 * (atoms.positions[1] - atoms.positions[0])
    with pytest.warns(UserWarning, match=r"H and O are 0\.77\d angstrom apart; .* nearer than 0\.95"):
        atoms.get_forces()
    atoms.positions[0] += 1e-3
    atoms.get_forces()
    atoms.calc = empnet.EMPNetCalculator(with_seen(), close="error")
    with pytest.raises(EmpnetError, match="predictions there are guesses"):
        atoms.get_forces()


def test_pairs_that_training_never_had():
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]], calculator=empnet.EMPNetCalculator(with_seen(), close="error"))
    with pytest.raises(EmpnetError, match="never within the cutoff"):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pooling": "mean"}, "is a mean over particles"),
        ({"unit": "debye"}, "is a dipole moment"),
        ({"unit": "unknown"}, "name its unit in training"),
        ({"baseline_keys": ("cheap",)}, "train without --baseline-key"),
    ],
)
def test_models_that_are_no_potential(settings, told):
    with pytest.raises(EmpnetError, match=told):
        empnet.EMPNetCalculator(predictor_of(**settings))


def test_a_slab_with_vacuum_has_the_in_plane_stress_that_the_remedy_promises():
    """The message names pbc T T T with vacuum: same energy and forces, and stress as finite strains have it."""
    card = ModelCard(Architecture(n_species=1, pooling=("sum",), layers=1, width=8), (29,), ("energy",), ("eV",))
    predictor = Predictor(card.build().double(), replace(card, dtype="float64"))
    slab = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    slab.rattle(0.1, seed=1)
    slab.calc = EMPNetCalculator(predictor)
    with pytest.raises(EmpnetError, match=r"pbc T T F.*set pbc T T T with vacuum in the cell"):
        slab.get_stress()
    full = slab.copy()
    full.pbc = True
    full.calc = EMPNetCalculator(predictor)
    assert full.get_potential_energy() == pytest.approx(slab.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(full.get_forces(), slab.get_forces(), atol=1e-10)
    stress, h = full.get_stress(), 1e-5
    for k, (a, b) in enumerate([(0, 0), (1, 1), (0, 1)]):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * h / 2
            strain[b, a] += sign * h / 2
            strained = slab.copy()  # the open slab itself, strained in its plane
            strained.set_cell(slab.cell.array @ strain, scale_atoms=True)
            strained.calc = EMPNetCalculator(predictor)
            energies.append(strained.get_potential_energy())
        measured = (energies[0] - energies[1]) / (2 * h) / full.get_volume()
        assert stress[[0, 1, 5][k]] == pytest.approx(measured, rel=1e-5, abs=1e-9)
