"""A predictor shared by threads and by processes; many calls of a calculator."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

import empnet
from empnet.model.architecture import Architecture
from empnet.model.ensemble import Ensemble
from empnet.prediction.predictor import Predictor
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.calibration import Calibration
from empnet.training.uncertainty.ensemble_std import EnsembleStd
from empnet.training.uncertainty.rigidity import LastLayer

CARD = ModelCard(Architecture(3, ("sum",), cutoff=4.0, width=8, layers=1), (1, 8, 14), ("energy",), ("eV",))
CALIBRATION = (Calibration(1.0),)


def model(seed: int):
    torch.manual_seed(seed)
    made = CARD.build().eval()
    with torch.no_grad():
        made.readout[-1].weight.mul_(30)
    return made


def one() -> Predictor:
    whitening = torch.randn(1, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return Predictor(model(0), CARD, uncertainty=LastLayer(whitening, np.array([np.inf]), CALIBRATION, ("sum",)))


def several() -> Predictor:
    ensemble = Ensemble([model(seed) for seed in range(3)]).eval()
    return Predictor(ensemble, CARD, uncertainty=EnsembleStd(np.array([np.inf]), CALIBRATION))


def system(k: int):
    atoms = molecule("H2O") if k % 3 == 0 else bulk("Si", cubic=k % 3 == 1)
    atoms.rattle(0.1, seed=k)
    return atoms


def bits(found) -> bytes:
    return b"".join(part.tobytes() for part in (found.values, found.std, found.forces[0], found.energies[0]))


@pytest.mark.parametrize("make", [one, several])
@pytest.mark.parametrize("energies", [False, True])
def test_threads_get_the_bits_that_one_gets(make, energies):
    def predict(predictor, k):
        found = predictor.predict(system(k), forces=True, energies=True) if energies else predictor.predict(system(k))
        return bits(found) if energies else found.values.tobytes() + found.std.tobytes()

    alone = make()
    wanted = [predict(alone, k) for k in range(12)]
    shared = make()  # threads meet before it is frozen
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: predict(shared, k % 12), range(120)))
    assert found == wanted * 10


def test_threads_share_a_calculator():
    calculator, alone = empnet.EMPNetCalculator(one()), empnet.EMPNetCalculator(one())

    def energy(k, calculator=calculator):
        atoms = system(k % 12)
        atoms.calc = calculator
        return atoms.get_potential_energy(), atoms.get_forces().tobytes(), len(atoms.get_potential_energies())

    wanted = [energy(k, alone) for k in range(12)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(energy, range(60))) == wanted * 5


@pytest.mark.parametrize("make", [one, several])
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))])
def test_copies_and_pickles_predict_the_same(make, clone):
    predictor = make()
    fresh, wanted = clone(predictor), predictor.predict(system(1), forces=True, energies=True)
    for found in (fresh, clone(predictor)):  # before the first prediction and after it
        assert bits(found.predict(system(1), forces=True, energies=True)) == bits(wanted)
    atoms = system(1)
    atoms.calc = clone(empnet.EMPNetCalculator(predictor))
    assert atoms.get_potential_energy() == wanted.values[0, 0]


PROCESSES = """
import multiprocessing, sys
import numpy as np, torch
import empnet
from empnet.prediction.predictor import Predictor
from empnet.training.run.model_file import ModelCard
from ase.build import bulk

def calculate(k, calculator=None):
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    atoms.rattle(0.05, seed=k)
    atoms.calc = calculator or CALCULATOR
    return atoms.get_potential_energy(), float(np.abs(atoms.get_forces()).sum()), torch.get_num_threads()

def given(calculator):
    return calculate(0, calculator)

def of_ones_own(_):
    torch.set_num_threads(2)
    result = torch.ones(600, 600) @ torch.ones(600, 600), torch.ones(1_000_000).exp(), calculate(0)
    return float(result[0].sum()), float(result[1].sum(dtype=torch.float64)), *result[2]

def train(threads):
    pairs = [empnet.System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
    try:
        small = dict(width=16, layers=1, moments=0, epochs=1, quiet=True, threads=threads)
        return empnet.train(pairs, "energy", out=f"{sys.argv[1]}/run-{threads}", **small) and "trained"
    except empnet.EmpnetError as error:
        return str(error)

if __name__ == "__main__":
    torch.manual_seed(0)
    architecture = empnet.model.Architecture(1, ("sum",), width=16, layers=1)
    card = ModelCard(architecture, (14,), ("energy",), ("eV",), dtype="float64")
    CALCULATOR = empnet.EMPNetCalculator(Predictor(card.build(), card))
    for before in (False, True):
        if before:
            of_ones_own(0)  # torch's threads are there when the process forks
            wanted = [calculate(k) for k in range(3)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map_async(calculate, range(3)).get(120)
            if before:
                print(pool.map_async(train, [None, 2]).get(120))
                given_threads = pool.map_async(of_ones_own, range(2), chunksize=1).get(120)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found.append(pool.map_async(given, [CALCULATOR]).get(120)[0])
    np.testing.assert_allclose(given_threads, [of_ones_own(0)] * 2, rtol=1e-12)
    print([each[2] for each in found], [each[2] for each in wanted])
    np.testing.assert_allclose([e[:2] for e in found], [e[:2] for e in (*wanted, wanted[0])], rtol=1e-12)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_and_spawned_processes_compute_the_same(tmp_path):
    (tmp_path / "script.py").write_text(PROCESSES)
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    trained, threads = result.stdout.splitlines()[-2:]
    assert "'trained'" in trained
    assert "2 threads in a forked process" in trained
    assert "spawn" in trained
    assert threads == "[1, 1, 1, 2] [2, 2, 2]"


def test_memory_does_not_grow_with_the_number_of_calls():
    """The script makes 200,000 calls by itself."""
    script = Path(__file__).parents[2] / "benchmarks" / "calculator_memory.py"
    result = subprocess.run([sys.executable, str(script), "1000"], capture_output=True, text=True, check=True)
    peaks = [float(line.split()[2]) for line in result.stdout.splitlines()]
    assert len(peaks) == 10
    assert peaks[-1] - peaks[2] < 1.0  # MiB: 1.5 kB kept by each of 700 calls would be more
