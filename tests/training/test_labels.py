"""Forces and stress in a run: settings that go together, units that are told, and a look at the data."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write as ase_write

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import split_systems
from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.system.system import System
from empnet.training.job import make_card, open_data
from empnet.training.look import look_at
from empnet.training.optimiser.statistics import _stress_scale
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import load_model, read_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training as train
from empnet.training.targets import configured, name_targets


@pytest.fixture(scope="module")
def copper(tmp_path_factory):
    """A file of rattled copper: energy, forces and stress of EMT, two atoms held, five frames without forces."""
    rng = np.random.default_rng(0)
    frames = []
    for k in range(60):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, rng=rng)
        atoms.calc = EMT()
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces() if k >= 5 else None}
        atoms.info["pressure_tensor"] = -atoms.get_stress(voigt=False)
        atoms.set_constraint(FixAtoms([0, 1]))
        atoms.calc = SinglePointCalculator(atoms, **results)
        frames.append(atoms)
    path = tmp_path_factory.mktemp("copper") / "copper.traj"
    ase_write(path, frames)
    return path


def prepared(path, capsys, **settings):
    journal = Journal()
    config = name_targets(configured(path, "energy", settings), journal)
    dataset = open_data(path, config, quiet=True)
    look_at(dataset, config, journal)
    card = make_card(dataset, split_systems(dataset.arrays["groups"], validation=0.1, test=0.1), config, journal)
    return config, dataset, card, capsys.readouterr().out


def test_what_is_assumed_and_what_is_there_is_told(copper, capsys):
    settings = {"forces": "forces", "stress": "pressure_tensor", "stress_unit": "-eV/angstrom^3"}
    config, dataset, card, told = prepared(copper, capsys, **settings)
    assert "forces: assuming eV/angstrom (change with --forces-unit)" in told
    assert "forces: 55 of 60 systems have them; the others train what they have" in told
    assert "constraints hold particles in 60 systems; forces are read raw" in told
    assert "forces: they fit 'energy' in sign and unit" in told
    assert "pooling of energy: sum" in told
    assert config.forces_unit == "eV/angstrom"
    assert card.architecture.pooling == ("sum",)
    assert (dataset.has_forces, dataset.has_stress) == (True, True)
    assert np.isfinite(dataset.arrays["stress"]).all()
    assert TrainConfig.make(config.model_dump()).model_dump() == config.model_dump()  # as a run folder keeps it


def test_units_follow_the_property_and_the_lengths(copper, capsys):
    given = {"unit": "kcal/mol", "length_unit": "bohr", "forces": "f", "virial": "w"}
    config = name_targets(configured(copper, "energy", given), Journal())
    assert (config.forces_unit, config.virial_unit) == ("kcal/mol/bohr", "kcal/mol")
    assert config.derivatives.forces_factor == pytest.approx(1 / 0.529177, rel=1e-5)  # of an angstrom


def test_a_property_of_no_known_unit(copper, capsys):
    config = name_targets(configured(copper, "E_tot", {"forces": "f"}), Journal())
    assert "forces: assuming the unit of E_tot" in capsys.readouterr().out
    assert config.derivatives.forces_factor == 1.0
    with pytest.raises(EmpnetError, match="give it with --unit"):
        name_targets(configured(copper, "E_tot", {"forces": "f", "forces_unit": "eV/angstrom"}), Journal())


def test_a_wrong_sign_stops_the_run(copper, capsys):
    with pytest.raises(EmpnetError, match=r"sign is reversed.*say --forces-unit eV/angstrom") as error:
        prepared(copper, capsys, forces="forces", forces_unit="-eV/angstrom")
    assert "copper.traj" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"stress": "s", "virial": "w"}, "both stress and virial"),
        ({"forces_unit": "eV/angstrom"}, "forces_unit is given, but no forces; say --forces KEY"),
        ({"virial_unit": "eV", "stress": "s"}, "virial_unit is given, but no virial"),
        ({"stress_weight": 1.0, "forces": "f"}, "stress_weight is given, but no stress"),
        ({"forces_weight": -1.0, "forces": "f"}, "'forces_weight' is -1.0"),
        ({"forces": "f", "property": ("energy", "gap")}, "forces or stress with 2 properties"),
        ({"forces": "f", "pooling": "mean"}, "pooling 'mean'; wanted sum"),
        ({"forces": "f", "baseline_key": "cheap"}, "with a baseline key"),
        ({"moments": 4}, "'moments' is 4"),
        ({"size": "huge"}, "'size' is 'huge'"),
    ],
)
def test_settings_that_do_not_go_together(settings, told):
    with pytest.raises(EmpnetError, match=told) as error:
        TrainConfig.make({"data": "a.xyz", "property": "energy", **settings})
    assert "\n" not in str(error.value)


def test_units_of_another_kind(copper):
    with pytest.raises(EmpnetError, match="'eV' of the forces is an energy; wanted a unit such as eV/angstrom"):
        name_targets(configured(copper, "energy", {"forces": "f", "forces_unit": "eV"}), Journal())


def test_energies_per_atom_are_averaged_and_never_mixed_with_forces(tmp_path):
    systems = [
        System([[0, 0, k] for k in range(n)], [1] * n, properties={"energy": 1.0 / n}, arrays={"f": np.zeros((n, 3))})
        for n in (2, 2, 2, 3, 3, 4) * 3
    ]
    small = {"width": 8, "layers": 1, "moments": 0, "epochs": 1, "quiet": True, "unit": "eV/atom"}
    run = train(systems, out=tmp_path / "run", **small)
    assert read_card(run.run).architecture.pooling == ("mean",)
    assert run.results["validation"]["energy"]["unit"] == "eV/atom"
    with pytest.raises(EmpnetError, match="forces belong to the energy of the whole system; multiply"):
        train(systems, out=tmp_path / "forces", forces="f", **small)
    with pytest.raises(EmpnetError, match="it does not add up; wanted --pooling mean"):
        train(systems, out=tmp_path / "sum", pooling="sum", **small)


def test_free_atoms_are_kept_in_training_and_do_not_bend_the_baseline(tmp_path, capsys):
    """Of a fit to both, the baseline of copper was -3.34 for -0.25 eV, and the free atom a test system."""
    rng = np.random.default_rng(0)
    dimers = [
        System([[0, 0, 0], [0, 0, 2.4 + 0.1 * d]], [29, 29], properties={"energy": -7.0 + 0.1 * d})
        for d in rng.normal(size=30)
    ]
    small = {"width": 8, "layers": 1, "moments": 0, "epochs": 1}
    for seed in range(3):
        data = [*dimers[:11], System([[5.0, 0, 0]], [29], properties={"energy": -0.25}), *dimers[11:]]
        run = train(data, out=tmp_path / str(seed), seed=seed, test=0.3, val=0.3, **small).run
        assert 11 in RunFolder(run).read_split().train
        model, _ = load_model(run)
        assert model.baseline.item() == pytest.approx(-3.5, abs=0.05)
        assert "free atoms: 1 systems" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "told"), [(1.0, True), (1e-3, False)])
def test_stress_tensors_that_are_a_little_uneven_are_told(tmp_path, capsys, size, told):
    rng = np.random.default_rng(0)
    frames = []
    for k in range(30):
        skew = size * np.diag([0.1, 0.1, 0.1 + 0.01 * rng.normal()])
        skew[0, 1], skew[1, 0] = size * 0.05, size * (0.05 + (0.003 if k == 7 else 0.002 if k > 20 else 0.0))
        cell, energy = 4.0 * np.eye(3), float(rng.normal())
        positions = [[0, 0, 0], [2, 2, 2 + 0.1 * rng.normal()]]
        frames.append(
            System(positions, [29, 29], cell=cell, pbc=(True,) * 3, properties={"energy": energy}, info={"s": skew})
        )
    path = tmp_path / "a.db"
    write(path, frames)
    *_, text = prepared(path, capsys, stress="s")
    line = "stress: the 3 x 3 tensors of 10 of 30 systems are not symmetric, by up to "
    assert (line in text) == told
    assert ("a.db, frame 7); the mean of mirrored components is learned" in text) == told


def test_a_stress_that_is_the_same_in_all_frames_has_its_size_as_scale():
    rows = {"stress": np.tile([0.01, 0.010000000000000002, 0.01, 0, 0, 0.005], (9, 1))}
    rows["stress"][3] += 1e-18  # rounding
    dataset = Dataset(
        {"n_particles": np.ones(9, int), "n_pairs": np.zeros(9, int), "periodic": np.ones(9, bool), **rows}
    )
    assert 1e-3 < _stress_scale(dataset, np.arange(9)) < 1e-1
