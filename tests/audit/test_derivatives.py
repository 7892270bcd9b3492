"""The audit of forces: a healthy model of an energy passes, and each that is broken fails in the right place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from empnet.audit.derivatives import derivative_lines
from empnet.audit.dynamics import drift_lines
from empnet.audit.subject import Subject
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.prediction.predictor import Predictor
from empnet.system.label_spec import LabelSpec
from empnet.system.system import Origin, System
from empnet.training.run.model_file import ModelCard

NAMES = {"forces", "net force", "net torque", "stress"}


def of(atoms, frame: int) -> System:
    atoms.rattle(0.1, seed=frame)
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc), origin=Origin("m.xyz", frame))


MOLECULES = [of(molecule(name), frame) for frame, name in enumerate(("CH3CH2OH", "CH4", "H2O"))]
CRYSTALS = [
    of(bulk("Si", cubic=True), 0),
    of(bulk("Si"), 1),
    replace(MOLECULES[0], cell=5 * np.eye(3), pbc=(True,) * 3),
]


def subject_of(model=PropertyModel, *, pooling="sum", unit="eV", forces="forces", dtype="float32") -> Subject:
    architecture = Architecture(n_species=4, pooling=(pooling,), cutoff=4.0, width=16, layers=2)
    derivatives = LabelSpec(forces=forces)
    card = ModelCard(architecture, (1, 6, 8, 14), ("energy",), (unit,), dtype=dtype, derivatives=derivatives)
    torch.manual_seed(0)
    built = model(architecture)
    for parameter in built.parameters():
        parameter.data = parameter.data.to(card.torch_dtype)
    with torch.no_grad():
        built.readout[-1].weight.mul_(30)
    built.baseline += torch.tensor([[-13.0], [-1000.0], [-2000.0], [-8000.0]])  # total energies
    return Subject(Predictor(built.eval(), card))


def lines(subject: Subject, systems: list[System]) -> dict[str, str]:
    found = derivative_lines(subject, subject.base(systems), np.random.default_rng(0))
    return {line.name: line.verdict for line in found}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_healthy_models_pass(dtype):
    assert lines(subject_of(dtype=dtype), MOLECULES) == {**dict.fromkeys(NAMES, "pass"), "stress": "skip"}
    assert lines(subject_of(dtype=dtype), CRYSTALS) == dict.fromkeys(NAMES, "pass")


@pytest.mark.parametrize(("pooling", "unit"), [("mean", "eV"), ("sum", "debye"), ("sum", "unknown")])
def test_what_is_no_energy_has_no_forces(pooling, unit):
    assert lines(subject_of(pooling=pooling, unit=unit), MOLECULES) == {}


class Pinned(PropertyModel):
    """A field that pushes particles along x."""

    def contributions(self, batch, hidden=None):
        return super().contributions(batch, hidden) + 1e-5 * batch.positions[:, :1]


class Turning(PropertyModel):
    """A field that turns molecules, but does not push them: pairs like to lie along x."""

    def contributions(self, batch, hidden=None):
        n = torch.bincount(batch.system_of)[:, None].double()
        middle = torch.zeros(len(n), 3, dtype=torch.float64).index_add(0, batch.system_of, batch.positions) / n
        away = batch.positions - middle[batch.system_of]
        return super().contributions(batch, hidden) + 1e-5 * away[:, :1] ** 2


class Detached(PropertyModel):
    """A part of the energy of which no gradient is taken."""

    def contributions(self, batch, hidden=None):
        return super().contributions(batch, hidden) + 0.01 * super().contributions(batch).detach()


@pytest.mark.parametrize(
    ("model", "systems", "wrong"),
    [
        (Pinned, MOLECULES, {"net force"}),
        (Turning, MOLECULES, {"net torque"}),
        (Detached, MOLECULES, {"forces"}),
        (Detached, CRYSTALS, {"forces", "stress"}),
    ],
)
def test_a_broken_model_fails_where_it_is_broken(model, systems, wrong):
    found = lines(subject_of(model), systems)
    assert {name for name, verdict in found.items() if verdict == "fail"} == wrong


def test_the_energy_does_not_drift():
    (line,) = drift_lines(subject_of(), MOLECULES, np.random.default_rng(0))
    assert line.verdict == "pass"
    assert line.unit == "eV/atom/ps"
    assert line.where == "m.xyz, frame 2"  # water: the smallest
    assert drift_lines(subject_of(forces=""), MOLECULES, np.random.default_rng(0)) == []
    (alone,) = drift_lines(subject_of(), [System([[0, 0, 0]], [1])], np.random.default_rng(0))
    assert alone.verdict == "skip"


class Halved(PropertyModel):
    """Forces that belong to half of the energy."""

    def contributions(self, batch, hidden=None):
        c = super().contributions(batch, hidden)
        return c + c.detach()


def test_forces_of_another_energy_drift():
    (line,) = drift_lines(subject_of(Halved), MOLECULES, np.random.default_rng(0))
    assert line.verdict == "fail"
