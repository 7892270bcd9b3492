"""Errors of forces and stress: by species, by component, with intervals over systems."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from empnet.files.write import write
from empnet.model.architecture import Architecture
from empnet.pages.parity import parity_plot
from empnet.pages.report.derivative_sections import derivative_section
from empnet.pages.tables import print_evaluation
from empnet.prediction.evaluate import evaluate
from empnet.prediction.metrics import metrics_of_components
from empnet.prediction.predictor import Predictor
from empnet.system.atoms import from_atoms
from empnet.system.label_spec import LabelSpec
from empnet.system.units import convert
from empnet.training.run.model_file import ModelCard

KINDS = (1, 8, 14)
LEARNED = LabelSpec("forces", "eV/angstrom", "stress", "eV/angstrom^3", energy_unit="eV")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """A model with random weights: its errors are as good as any."""
    torch.manual_seed(0)
    architecture = Architecture(len(KINDS), ("sum",), cutoff=3.0, layers=1, width=8, hidden=8)
    card = ModelCard(architecture, KINDS, ("energy",), ("eV",), dtype="float64", derivatives=LEARNED)
    return Predictor(card.build().eval(), card)


@pytest.fixture(scope="module")
def frames():
    """Two waters, one without forces, and a crystal of silicon with a stress."""
    rng, systems = np.random.default_rng(0), []
    for atoms in (molecule("H2O"), molecule("H2O"), bulk("Si")):
        atoms.rattle(0.05, rng=rng)
        given = {"energy": rng.normal()}
        system = replace(from_atoms(atoms), properties=given, arrays={"forces": rng.normal(size=(len(atoms), 3))})
        systems.append(replace(system, info={"stress": rng.normal(size=6)}) if atoms.pbc.any() else system)
    return [systems[0], replace(systems[1], arrays={}), systems[2]]


@pytest.fixture(scope="module")
def found(predictor, frames, tmp_path_factory):
    data = tmp_path_factory.mktemp("data") / "frames.extxyz"
    write(data, frames)
    (found,) = evaluate(predictor, data, quiet=True)
    return found


def test_errors_are_those_of_the_predictions(predictor, frames, found):
    """Held against predictions one by one; the water without forces and the missing stresses have no part."""
    off = {"H": [], "O": [], "Si": []}
    for system in (frames[0], frames[2]):
        error = predictor.predict(system, forces=True).forces[0] - system.arrays["forces"]
        for kind, row in zip(system.species, error, strict=True):
            off[{1: "H", 8: "O", 14: "Si"}[int(kind)]].append(row)
    forces = found.derivatives["forces"]
    assert set(forces.groups) == set(off)
    for name, rows in off.items():
        assert forces.groups[name]["mae"].value == pytest.approx(np.abs(rows).mean(), rel=1e-9)
        assert forces.groups[name]["rmse"].value == pytest.approx(np.sqrt(np.square(rows).mean()), rel=1e-9)
    every = np.concatenate(list(off.values()))
    assert forces.metrics["mae"].value == pytest.approx(np.abs(every).mean(), rel=1e-9)
    stress = predictor.predict(frames[2], stress=True).stress - frames[2].info["stress"]
    assert found.derivatives["stress"].metrics["rmse"].value == pytest.approx(
        np.sqrt(np.square(stress).mean()), rel=1e-9
    )
    assert found.derivatives["stress"].groups["xy"]["mae"].value == pytest.approx(abs(stress[0, 5]), rel=1e-9)


def test_energies_per_particle(predictor, frames, found):
    sizes = np.array([len(system) for system in frames])
    error = np.abs(predictor.predict(frames).values[:, 0] - [system.properties["energy"] for system in frames])
    assert found.per_particle["mae"].value == pytest.approx((error / sizes).mean(), rel=1e-9)


def test_another_unit_in_the_data(predictor, frames, found, tmp_path):
    factor = convert(1.0, "eV", "kcal/mol")
    scaled = [
        replace(
            system,
            properties={"energy": factor * system.properties["energy"]},
            arrays={name: factor * array for name, array in system.arrays.items()},
            info={name: factor * value for name, value in system.info.items()},
        )
        for system in frames
    ]
    write(tmp_path / "kcal.extxyz", scaled)
    (other,) = evaluate(predictor, tmp_path / "kcal.extxyz", unit="kcal/mol", quiet=True)
    for name, errors in found.derivatives.items():  # files keep eight digits after the point, and more before it
        assert other.derivatives[name].metrics["rmse"].value == pytest.approx(errors.metrics["rmse"].value, rel=1e-6)


def test_intervals_come_from_whole_systems():
    """All components of a system err alike: a thousand of them are one observation, not a thousand."""
    rng = np.random.default_rng(0)
    off = rng.normal(size=20)
    targets, predicted = np.zeros((20_000, 3)), np.repeat(off, 1000)[:, None] * np.ones(3)
    mae = metrics_of_components(targets, predicted, np.repeat(np.arange(20), 1000))["mae"]
    alone = metrics_of_components(np.zeros((20, 1)), off[:, None], np.arange(20))["mae"]
    assert (mae.low, mae.high) == pytest.approx((alone.low, alone.high), rel=1e-9)
    assert mae.high - mae.low == pytest.approx(2 * 1.96 * np.abs(off).std() / np.sqrt(20), rel=0.15)


def test_all_is_told(found, tmp_path, capsys):
    print_evaluation(found)
    told = capsys.readouterr().out
    for words in ("MAE per particle", "forces, 15 components", "eV/angstrom^3", "Si", "xy"):
        assert words in told
    record = found.to_json()
    assert record["forces"]["by_species"]["O"]["mae"]["value"] > 0
    assert record["stress"]["by_component"]["zz"]["rmse"]["value"] > 0
    assert record["per_particle"]["unit"] == "eV/particle"
    parity_plot(found, tmp_path / "parity.png")
    assert (tmp_path / "parity.png").stat().st_size > 10_000
    section = derivative_section(found.derivatives["forces"])
    assert section.title == "Errors of the forces"
    assert "Parity plot of the forces" in section.body


def test_data_without_forces_have_no_force_errors(predictor, frames, tmp_path):
    write(tmp_path / "plain.extxyz", [replace(system, arrays={}, info={}) for system in frames])
    (plain,) = evaluate(predictor, tmp_path / "plain.extxyz", quiet=True)
    assert plain.derivatives == {}
    assert "forces" not in plain.to_json()
