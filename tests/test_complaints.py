"""What users of other packages lost days for, one test each: here it is refused, told or simply right."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write as ase_write
from ase.md.verlet import VelocityVerlet
from scipy.spatial.transform import Rotation

from empnet.dataset.neighbours import neighbour_list
from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.inspection import Inspection, inspect_data
from empnet.prediction.load import load
from empnet.system.system import Origin, System
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "epochs": 2, "threads": 1, "quiet": True}


def springs(n: int = 40) -> list[System]:
    distances = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [
        System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": (d - 1.2) ** 2}, origin=Origin("", k))
        for k, d in enumerate(distances)
    ]


@pytest.fixture(scope="module")
def trajectory() -> list[Atoms]:
    """Ethanol at some 400 K, energies and forces of one potential (ASE's EMT): data with nothing wrong with them."""
    atoms = molecule("CH3CH2OH")
    atoms.calc = EMT()
    momenta = np.random.default_rng(0).normal(size=(9, 3)) * np.sqrt(atoms.get_masses()[:, None] * units.kB * 800)
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    dynamics = VelocityVerlet(atoms, 1.0 * units.fs)
    frames = []
    for _ in dynamics.irun(240):
        frame = atoms.copy()
        frame.calc = SinglePointCalculator(frame, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
        frames.append(frame)
    return frames


def changed(trajectory: list[Atoms], energy=lambda e: e, forces=lambda f: f) -> list[Atoms]:
    frames = []
    for atoms in trajectory:
        frame = Atoms(atoms.symbols, positions=atoms.positions)
        results = atoms.calc.results
        frame.calc = SinglePointCalculator(frame, energy=energy(results["energy"]), forces=forces(results["forces"]))
        frames.append(frame)
    return frames


def inspected(frames: list[Atoms], path: Path) -> Inspection:
    ase_write(path, frames, format="extxyz")
    return inspect_data(path, properties=["energy"], unit=["eV"], quiet=True)


def suspicions(found: Inspection, topic: str) -> list[str]:
    return [finding.text for finding in found.findings if finding.topic == topic and finding.level != "note"]


def test_renamed_keys(trajectory, tmp_path):
    """ASE moves energies and forces into a calculator; people write REF_energy. Both are found, or named."""
    ase_write(tmp_path / "plain.xyz", trajectory, format="extxyz")
    assert read(tmp_path / "plain.xyz")[0].properties["energy"] == trajectory[0].calc.results["energy"]
    assert "forces" in read(tmp_path / "plain.xyz")[0].arrays
    renamed = [replace(s, properties={"REF_energy": s.properties["energy"]}) for s in read(tmp_path / "plain.xyz")]
    write(tmp_path / "renamed.xyz", renamed)
    with pytest.raises(EmpnetError, match=r"no property 'energy'; numeric properties found: REF_energy; did you mean"):
        train(tmp_path / "renamed.xyz", "energy", out=tmp_path / "run", **SMALL)


@pytest.mark.parametrize("energy", [lambda d: 0.0, lambda d: -13.6 * 2], ids=["zero", "composition only"])
def test_a_loss_of_zero(tmp_path, energy):
    """A loss of 0.0000 from the first step is no triumph: there was nothing to learn."""
    systems = [replace(s, properties={"energy": energy(s.positions[1, 2])}) for s in springs()]
    with pytest.raises(EmpnetError, match=r"energy.*(nothing to learn|in all 40 frames)"):
        train(systems, "energy", out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_nothing_left_by_the_composition(tmp_path):
    """Sizes differ and so do the energies, but one number a species tells them all."""
    systems = [System([[0, 0, 1.1 * k] for k in range(2 + n % 5)], [1] * (2 + n % 5)) for n in range(40)]
    systems = [replace(s, properties={"energy": -13.6 * len(s)}) for s in systems]
    with pytest.raises(EmpnetError, match="composition"):
        train(systems, "energy", out=tmp_path / "run", **SMALL)


def test_wrong_reference_energies(trajectory, tmp_path):
    """Energies with atomic references in Hartree taken away, the rest in eV: told. Training does not depend on them."""
    offset = 27.211 * (6 * 0.5 + 2 * 37.8 + 75.0)
    found = inspected(changed(trajectory, energy=lambda e: 23.06 * (e - offset)), tmp_path / "shifted.xyz")
    assert any("probably in kcal/mol, not eV" in told for told in suspicions(found, "energy"))
    plain, shifted = (
        train([replace(s, properties={"energy": s.properties["energy"] + shift}) for s in springs()], "energy",
              out=tmp_path / f"run{shift}", **SMALL).results["test"]["energy"]["mae"]
        for shift in (0.0, 1e5)
    )  # fmt: skip
    assert shifted == pytest.approx(plain, rel=1e-4)  # of a float64 difference of 1e5, 1e-11 is lost


@pytest.mark.parametrize("every", [1, 4], ids=["1 fs", "4 fs"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy": lambda e: 23.06 * e}, ["energies in kcal/mol with forces in eV/angstrom", "factor of about"]),
        ({"forces": lambda f: -f}, ["sign is reversed", "sign is reversed"]),
    ],
    ids=["energies in kcal/mol, forces in eV", "sign of the forces"],
)
def test_mixed_units(trajectory, tmp_path, change, words, every):
    """Frames that are near tell the units; between frames farther apart, where the potential bends, a factor."""
    frames = trajectory[::every]
    healthy = inspected(frames, tmp_path / "healthy.xyz")
    assert suspicions(healthy, "forces") == []
    mixed = inspected(changed(frames, **change), tmp_path / "mixed.xyz")
    assert any(words[every > 1] in told for told in suspicions(mixed, "forces"))


def test_overlapping_atoms(tmp_path):
    """Coincident ones are refused by name; near ones, from which a loss becomes nan, are told beforehand."""
    systems = springs()
    systems[7] = replace(systems[7], positions=np.array([[0, 0, 0], [0, 0, 0.02]]))
    found = inspect_data(systems, properties=["energy"], unit=["eV"], quiet=True)
    assert found.shortest == pytest.approx(0.02)
    assert "frame 7" in found.shortest_where
    assert suspicions(found, "distances")
    systems[7] = replace(systems[7], positions=np.zeros((2, 3)))
    with pytest.raises(EmpnetError, match="frame 7: particles 0 and 1 coincide"):
        train(systems, "energy", out=tmp_path / "run", **SMALL)


def test_constrained_forces(trajectory, tmp_path):
    """ASE's get_forces() sets forces of fixed atoms to zero: reading does not, and a file where it was done is told."""
    fixed = [atoms.copy() for atoms in trajectory]
    for frame, atoms in zip(fixed, trajectory, strict=True):
        frame.set_constraint(FixAtoms([0, 1]))
        frame.calc = SinglePointCalculator(frame, **atoms.calc.results)
    assert np.abs(fixed[0].get_forces()[:2]).max() == 0  # so ASE hands them out
    ase_write(tmp_path / "fixed.traj", fixed)
    assert np.array_equal(read(tmp_path / "fixed.traj")[0].arrays["forces"], trajectory[0].calc.results["forces"])

    def zeroed(forces):
        forces = forces.copy()
        forces[:2] = 0
        return forces

    found = inspected(changed(trajectory, forces=zeroed), tmp_path / "zeroed.xyz")
    assert any("zero" in told for told in suspicions(found, "forces"))


def test_neighbour_caps():
    """Every neighbour counts, however many: a cap of 32 would make the graph change under rotation."""
    rng = np.random.default_rng(0)
    cloud = System(rng.uniform(0, 3, (150, 3)), [6] * 150)
    turned = System(cloud.positions @ Rotation.random(rng=rng).as_matrix().T, [6] * 150)
    assert len(neighbour_list(cloud, 6.0)) == len(neighbour_list(turned, 6.0)) == 150 * 149


def test_a_restart_goes_on_where_it_stopped(tmp_path):
    """Not at epoch 0, and not with a fresh optimiser (tests/training/test_training.py: to the same bits)."""
    run = train(springs(), "energy", out=tmp_path / "run", **{**SMALL, "epochs": 4}).run
    rows = (run / "metrics.csv").read_text().splitlines()
    (run / "results.json").unlink()
    assert resume(run, springs(), quiet=True).finished
    assert (run / "metrics.csv").read_text().splitlines() == rows
    assert "going on from step" in (run / "log.txt").read_text()
    assert RunFolder(run).read_config().epochs == 4


def test_a_model_file_of_an_older_version():
    """It loads and predicts the number it did (tests/training/test_model_file.py), whatever has been added since."""
    folder = Path(__file__).parent / "training" / "model_v1"
    record = json.loads((folder / "expected.json").read_text())
    assert json.loads((folder / "model.json").read_text())["format_version"] == 1
    predicted = load(folder).predict(System(record["positions"], record["species"]))
    assert float(predicted) == pytest.approx(record["energy_eV"], rel=1e-6)


def test_an_unseen_element(tmp_path):
    run = train(springs(), "energy", out=tmp_path / "run", **SMALL).run
    with pytest.raises(
        EmpnetError, match="particle 1 is Fe, which the training data do not have; wanted species among H, O"
    ):
        load(run).predict(System([[0, 0, 0], [0, 0, 1]], [1, 26]))
