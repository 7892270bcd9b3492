"""Particles of large systems are sorted in space for prediction, and nobody notices."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk

from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.prediction.predictor import Predictor
from empnet.system.one_hot import OneHot
from empnet.system.spatial_order import SORTED_FROM
from empnet.system.system import Origin, System
from empnet.training.run.model_file import ModelCard


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(0)
    architecture = Architecture(n_species=2, pooling=("sum",), cutoff=3.0, width=8, layers=2)
    card = ModelCard(architecture, (29, 79), ("energy",), ("eV",))
    model = card.build().eval()
    # a baseline of some eV an atom, as any total energy has
    model.baseline.copy_(torch.tensor([[-3.0], [-2.0]]))
    return Predictor(model, card)


@pytest.fixture(scope="module")
def large():
    atoms = bulk("Cu", cubic=True) * (8, 8, 8)
    atoms.numbers[::2] = 79
    atoms.rattle(0.1, seed=0)
    order = np.random.default_rng(0).permutation(len(atoms))
    assert len(atoms) >= SORTED_FROM
    return System(
        atoms.positions[order],
        atoms.numbers[order],
        cell=atoms.cell.array,
        pbc=(True,) * 3,
        origin=Origin("alloy.xyz", 4),
    )


def test_predictions_are_those_of_the_unsorted_system(predictor, large):
    plain = predictor.dataset([large])  # as given
    batch = plain.batch(np.array([0]), OneHot([29, 79]))
    assert np.array_equal(batch.positions.numpy(), large.positions)
    with torch.no_grad():
        wanted = predictor.model(batch).item()
    # float32: each contribution, of some eV, is rounded to 2e-7 of itself; thousands of them average out
    assert float(predictor.predict(large)) == pytest.approx(wanted, rel=1e-6)
    with torch.no_grad():
        H = predictor.model.representation(batch, "sum").numpy()
    # float32 through two layers: some 1e-6 of a feature's size, which again averages out in the sum
    assert np.abs(predictor.represent([large]) - H).max() < 1e-5 * np.abs(H).max()


def test_messages_name_the_particles_as_they_were_given(predictor, large):
    positions = large.positions.copy()
    positions[7] = positions[1234]
    with pytest.raises(EmpnetError, match=r"alloy\.xyz, frame 4: particles 7 and 1234 coincide"):
        predictor.represent([replace(large, positions=positions)])
    species = large.species.copy()
    species[17] = 8
    with pytest.raises(EmpnetError, match=r"alloy\.xyz, frame 4: particle 17 is O"):
        predictor.represent([replace(large, species=species)])
