"""Forces and stress in predicted files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.model.architecture import Architecture
from empnet.prediction.predict import predict_file
from empnet.prediction.predictor import Predictor
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard


@pytest.fixture
def predictor() -> Predictor:
    torch.manual_seed(0)
    card = ModelCard(Architecture(n_species=1, pooling=("sum",), cutoff=4.0, width=8), (14,), ("energy",), ("eV",))
    return Predictor(card.build().eval(), card)


def crystals() -> list[System]:
    found = []
    for k in range(4):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.1, seed=k)
        labels = {"forces": np.full((8, 3), float(k))}
        found.append(System(atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=(True,) * 3, arrays=labels))
    return found


@pytest.mark.parametrize("suffix", [".extxyz", ".traj"])
def test_forces_and_stress_stand_beside_those_of_the_data(predictor, tmp_path, suffix):
    write(tmp_path / "given.extxyz", crystals())
    out = tmp_path / f"predicted{suffix}"
    assert predict_file(predictor, tmp_path / "given.extxyz", out, forces=True, stress=True, quiet=True) == 4
    wanted = predictor.predict(crystals(), forces=True, stress=True)
    for k, system in enumerate(read(out)):
        # float32, and a file may be predicted in other batches: some 1e-6 of the largest
        close = {"atol": 1e-5 * np.abs(wanted.forces[k]).max()}
        np.testing.assert_allclose(system.arrays["empnet_forces"], wanted.forces[k], **close)
        np.testing.assert_allclose(np.asarray(system.info["empnet_stress"]), wanted.stress[k], **close)
        np.testing.assert_array_equal(system.arrays["forces"], np.full((8, 3), float(k)))


def test_a_table_has_no_room_for_them(predictor, tmp_path):
    write(tmp_path / "given.extxyz", crystals())
    with pytest.raises(EmpnetError, match=r"p\.csv: a table has no room for stress; wanted a file such as \.extxyz"):
        predict_file(predictor, tmp_path / "given.extxyz", tmp_path / "p.csv", stress=True, quiet=True)


def test_stress_of_a_slab_is_refused_and_no_file_is_left(predictor, tmp_path):
    slab = replace(crystals()[0], pbc=(True, True, False))
    write(tmp_path / "given.extxyz", [crystals()[0], slab])
    with pytest.raises(EmpnetError, match=r"given\.extxyz, frame 1: there is no stress: .* \(pbc T T F\)"):
        predict_file(predictor, tmp_path / "given.extxyz", tmp_path / "p.extxyz", stress=True, quiet=True)
    assert not (tmp_path / "p.extxyz").exists()
