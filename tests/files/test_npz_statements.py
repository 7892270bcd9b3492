"""What numpy archives say of themselves: units, padding, elements, periodicity."""

import warnings

import numpy as np
import pytest

import empnet
from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.inspection import inspect_data
from empnet.prediction.evaluate import evaluate
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.targets import configured, name_targets

SMALL = {"width": 8, "layers": 1, "moments": 0, "epochs": 1, "batch": 8, "threads": 1, "quiet": True}


def springs(n=30):
    rng = np.random.default_rng(0)
    d = rng.uniform(0.8, 2.5, n)
    positions = np.zeros((n, 2, 3))
    positions[:, 1, 2] = d
    forces = np.zeros((n, 2, 3))
    forces[:, 0, 2], forces[:, 1, 2] = 2 * (d - 1), -2 * (d - 1)
    return {"R": positions, "z": np.array([1, 8]), "E": (d - 1) ** 2, "F": forces}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npz"


def units(path, **settings) -> TrainConfig:
    return name_targets(configured(path, None, settings), Journal(quiet=True))


@pytest.mark.parametrize("key", ["e_unit", "E_unit", "energy_unit", "energy_units"])
def test_the_stated_unit_of_energies_holds(path, key):
    np.savez(path, **springs(), **{key: "kcal/mol"}, r_unit="Ang")
    config = units(path, forces="forces")
    assert config.unit == ("kcal/mol",)
    assert config.forces_unit == "kcal/mol/angstrom"
    assert config.derivatives.forces_factor == pytest.approx(1.0)
    assert units(path, unit=["kcal/mol"]).unit == ("kcal/mol",)
    with pytest.raises(EmpnetError, match=r"states energy in kcal/mol, but --unit is eV; leave --unit out"):
        units(path, unit=["eV"])


@pytest.mark.parametrize("key", ["F_unit", "f_unit", "forces_unit"])
def test_the_stated_unit_of_forces_holds(path, key):
    np.savez(path, **springs(), e_unit="eV", **{key: "kcal/mol/Ang"})
    assert units(path, forces="forces").forces_unit == "kcal/mol/Ang"
    with pytest.raises(EmpnetError, match=r"states forces in kcal/mol/Ang, but --forces-unit is eV/angstrom"):
        units(path, forces="forces", forces_unit="eV/angstrom")


def test_the_stated_unit_reaches_card_results_and_evaluation(path, tmp_path):
    np.savez(path, **springs(), e_unit="kcal/mol")
    result = empnet.train(path, out=tmp_path / "run", **SMALL)
    predictor = empnet.load(result.run)
    assert predictor.card.units == ("kcal/mol",)
    assert "kcal/mol" in (result.run / "results.json").read_text()
    in_ev = tmp_path / "b.npz"
    arrays = springs()
    np.savez(in_ev, **{**arrays, "E": arrays["E"] * 0.0433641153}, e_unit="eV")
    from empnet.prediction.evaluate import evaluate

    (same,), (other,) = evaluate(predictor, path, quiet=True), evaluate(predictor, in_ev, quiet=True)
    np.testing.assert_allclose(other.targets, same.targets, rtol=1e-6)
    with pytest.raises(EmpnetError, match="states energy in eV, but --unit is kcal/mol"):
        evaluate(predictor, in_ev, unit="kcal/mol", quiet=True)


@pytest.mark.parametrize("key", ["units", "unit"])
def test_a_unit_of_energy_by_itself_is_that_of_energies(path, key):
    np.savez(path, **springs(), **{key: "kcal/mol"})
    assert units(path, forces="forces").unit == ("kcal/mol",)
    np.savez(path, **springs(), **{key: "metal"})
    assert units(path).unit == ("eV",)


def test_the_unit_of_energies_holds_for_an_energy_of_another_name(path):
    arrays = springs()
    np.savez(path, **arrays, dft_energy=arrays["E"], energy_per_atom=arrays["E"], energy_unit="kcal/mol")
    assert units(path, property=["dft_energy"]).unit == ("kcal/mol",)
    assert units(path, property=["energy_per_atom"]).unit == ("file units",)


def test_a_stated_unit_that_measures_something_else_stops(path):
    np.savez(path, **springs(), energy_unit="bohr", forces_unit="GPa")
    with pytest.raises(
        EmpnetError, match=r"states energy in bohr \(energy_unit\), which is a length; wanted the unit of"
    ):
        units(path)
    with pytest.raises(EmpnetError, match=r"states forces in GPa \(forces_unit\), which is a pressure"):
        units(path, unit=["eV"], forces="forces")
    assert units(path, unit=["eV"], forces="forces", forces_unit="eV/angstrom").unit == ("eV",)
    with pytest.warns(UserWarning) as told:
        inspect_data(path, quiet=True)
    assert [str(each.message).split()[3:6] for each in told] == [["states", "energy", "in"], ["states", "forces", "in"]]


def test_values_go_by_their_names_in_the_archive_too(path, tmp_path):
    np.savez(path, **springs(), e_unit="kcal/mol")
    config = units(path, property=["E"], forces="F")
    assert (config.property, config.forces) == (("energy",), "forces")
    assert any(fact.name == "energy" for fact in inspect_data(path, properties=["E"], quiet=True).properties)
    empnet.train(path, "E", out=tmp_path / "run", forces="F", **SMALL)
    (plain,) = evaluate(tmp_path / "run", path)
    for name in ("E", "energy=E"):
        (named,) = evaluate(tmp_path / "run", path, property=name, forces="F")
        np.testing.assert_array_equal(named.targets, plain.targets)
        assert "forces" in named.derivatives


def test_inspection_uses_the_stated_unit(path):
    np.savez(path, **springs(), e_unit="kcal/mol")
    found = inspect_data(path, quiet=True)
    assert [fact.unit for fact in found.properties if fact.name == "energy"] == ["kcal/mol"]
    with pytest.raises(EmpnetError, match="states energy in kcal/mol"):
        inspect_data(path, properties=["energy"], unit=["eV"], quiet=True)


def test_systems_in_memory_state_their_units_too(path, tmp_path):
    np.savez(path, **springs(), e_unit="kcal/mol")
    result = empnet.train(read(path), out=tmp_path / "run", **SMALL)
    assert empnet.load(result.run).card.units == ("kcal/mol",)


@pytest.mark.parametrize("name", ["lattice", "cell"])
def test_a_cell_without_pbc_is_periodic(path, name):
    np.savez(path, **springs(), **{name: 9 * np.eye(3)})
    assert read(path)[0].pbc == (True, True, True)
    np.savez(path, **springs(), **{name: 9 * np.eye(3)}, pbc=False)
    assert read(path)[0].pbc == (False, False, False)
    np.savez(path, **springs(), **{name: np.zeros((3, 3))})
    assert read(path)[0].pbc == (False, False, False)


@pytest.mark.parametrize("kind", [np.int64, np.float32])
@pytest.mark.parametrize("count", ["num_atoms", "n_atoms", "N", None])
def test_archives_of_qm9_for_cormorant_and_egnn(path, kind, count):
    positions = np.random.default_rng(0).normal(size=(3, 4, 3))
    charges = np.array([[6, 1, 1, 0], [8, 1, 0, 0], [1, 0, 0, 0]], dtype=kind)
    positions[charges == 0] = 0
    counts = {count: np.array([3, 2, 1])} if count else {}
    np.savez(path, positions=positions, charges=charges, U0=np.arange(3.0), index=np.arange(3), **counts)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        systems = read(path)
    texts = [str(warning.message) for warning in told]
    assert any("'charges' are taken as atomic numbers" in text for text in texts)
    assert any("3 of 3 frames are padded to 4 particles" in text for text in texts) == (count is not None)
    assert [system.species.tolist() for system in systems] == [[6, 1, 1], [8, 1], [1]]
    assert [system.properties["U0"] for system in systems] == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal(systems[1].positions, positions[1, :2])


def test_partial_charges_are_no_atomic_numbers(path):
    arrays = springs(4)
    del arrays["z"]
    np.savez(path, **arrays, charges=np.full((4, 2), 0.5))
    assert read(path)[0].species is None
    np.savez(path, **arrays, charges=np.array([[1, -1]] * 4))
    assert read(path)[0].species is None


def test_masks_and_symbols(path):
    positions = np.random.default_rng(0).normal(size=(2, 3, 3))
    mask = np.array([[True, True, False], [True, True, True]])
    np.savez(path, R=positions, symbols=np.array(["O", "H", "H"]), atom_mask=mask)
    assert [system.species.tolist() for system in read(path)] == [[8, 1], [8, 1, 1]]
    np.savez(path, R=positions, elements=np.array([["O", "H", ""], ["C", "Cl", "O"]]))
    assert [system.formula for system in read(path)] == ["HO", "CClO"]
    np.savez(path, R=positions, symbols=np.array(["O", "H", "Qq"]))
    with pytest.raises(EmpnetError, match="frame 0: species of particle 2 is 'Qq'"):
        read(path)


def test_that_all_particles_are_alike_is_said(path, tmp_path, capsys):
    arrays = springs()
    del arrays["z"]
    np.savez(path, **arrays, colour=np.arange(30.0))
    (told,) = [str(finding) for finding in inspect_data(path, quiet=True).findings if finding.topic == "species"]
    assert "all particles are taken to be alike" in told
    assert "colour" in told
    empnet.train(path, out=tmp_path / "run", **{**SMALL, "quiet": False})
    assert "all particles are taken to be alike" in capsys.readouterr().err + (tmp_path / "run/log.txt").read_text()


def test_the_columns_of_sgdml_are_asked_about(path):
    np.savez(path, **springs(), lattice=9 * np.eye(3), code_version="0.4")
    with pytest.raises(EmpnetError, match="columns of 'lattice'"):
        read(path)


def test_a_header_that_promises_too_much(path, tmp_path):
    import io
    import zipfile

    for shape in ("(1000000000000, 3, 3)", "(1000000000000,)", f"({'9' * 5000},)"):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
        raw = io.BytesIO(b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + bytes(72))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("R.npy", raw.getvalue())
        with pytest.raises(EmpnetError) as caught:
            read(path)
        assert len(str(caught.value)) < 500


def test_pickles_are_not_opened(path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.savez(path, R=np.zeros((1, 1, 3)), z=np.array([Bomb()], dtype=object))
    with pytest.raises(EmpnetError, match="array 'z' contains Python objects"):
        read(path)
    assert not (tmp_path / "exploded").exists()


def test_units_in_the_metadata_of_a_database_of_schnetpack(tmp_path):
    from ase.build import molecule
    from ase.db import connect

    with connect(tmp_path / "a.db") as database:
        database.metadata = {
            "_property_unit_dict": {"energy": "Hartree", "forces": "Hartree/Bohr"},
            "_distance_unit": "Ang",
        }
        for k in range(3):
            database.write(molecule("H2O"), data={"energy": np.array([-76.0 - k]), "forces": np.zeros((3, 3))})
    config = units(tmp_path / "a.db", forces="forces")
    assert (config.unit, config.forces_unit) == (("Hartree",), "Hartree/Bohr")
    assert read(tmp_path / "a.db")[1].properties["energy"] == -77.0


@pytest.mark.filterwarnings("ignore:.*lengths are in bohr:UserWarning")
@pytest.mark.parametrize("suffix", ["npz", "xyz", "db"])
def test_the_stated_unit_of_lengths_holds(path, tmp_path, suffix):
    arrays = springs(4)
    if suffix == "npz":
        np.savez(path, **arrays, r_unit="bohr")
    elif suffix == "xyz":
        frames = (f"2\nlength_unit=bohr energy=1\nH 0 0 0\nO 0 0 {row[1, 2]:.12f}\n" for row in arrays["R"])
        path = tmp_path / "a.xyz"
        path.write_text("".join(frames))
    else:
        from ase import Atoms
        from ase.db import connect

        path = tmp_path / "a.db"
        with connect(path) as database:
            for row in arrays["R"]:
                database.write(Atoms("HO", row))
            database.metadata = {"_distance_unit": "bohr"}
    np.testing.assert_allclose(read(path)[2].positions, arrays["R"][2] * 0.529177, rtol=1e-6)
    config = units(path)
    assert config.length_unit == "bohr"
    if suffix != "db":
        with pytest.raises(EmpnetError, match="bohr, but the given unit of length is nm"):
            read(path, length_unit="nm")
    empnet.write(tmp_path / "again.extxyz", read(path))  # is in angstrom, and says so
    np.testing.assert_allclose(read(tmp_path / "again.extxyz")[2].positions, arrays["R"][2] * 0.529177, rtol=1e-6)


def test_forces_are_per_the_stated_length(path):
    np.savez(path, **springs(), r_unit="bohr")
    assert units(path, forces="forces").forces_unit == "eV/bohr"
    assert units(path, forces="forces", length_unit="bohr").forces_unit == "eV/bohr"


@pytest.mark.parametrize(
    "cell",
    [
        np.array([3.0, 4.0, 5.0]),
        np.array([3.0, 4.0, 5.0, 90.0, 90.0, 90.0]),
        np.diag([3.0, 4.0, 5.0]).reshape(9),
        np.tile([3.0, 4.0, 5.0], (30, 1)),
        np.tile(np.diag([3.0, 4.0, 5.0]).reshape(9), (30, 1)),
    ],
    ids=["edges", "angles", "nine", "edges-each", "nine-each"],
)
@pytest.mark.parametrize("name", ["lattice", "box"])
@pytest.mark.filterwarnings("ignore:.*'box' is read as the cell")
def test_cells_as_rows_of_numbers(path, cell, name):
    np.savez(path, **springs(), **{name: cell})
    systems = read(path)
    np.testing.assert_allclose(systems[0].cell, np.diag([3.0, 4.0, 5.0]), atol=1e-12)
    np.testing.assert_array_equal(systems[0].cell, systems[29].cell)
    assert systems[0].pbc == (True, True, True)


def test_a_box_is_read_or_named(path):
    np.savez(path, **springs(), box=10 * np.eye(3))
    with pytest.warns(UserWarning, match="'box' is read as the cell"):
        assert read(path)[0].pbc == (True, True, True)
    np.savez(path, **springs(), box=np.float64(10.0))
    with pytest.warns(UserWarning, match=r"'box' \(\) is not read as a cell"):
        assert read(path)[0].cell is None


def test_minus_one_and_nan_are_padding(path):
    arrays = springs(2) | {"z": np.array([[8, -1], [8, 1]])}
    np.savez(path, **arrays)
    assert [system.formula for system in read(path)] == ["O", "HO"]
    np.savez(path, **arrays | {"z": np.array([[8, np.nan], [8, 1]])})
    assert [system.formula for system in read(path)] == ["O", "HO"]


@pytest.mark.parametrize("z", [[[3, 0], [0, -1]], [-1, 8]])
def test_indices_are_no_atomic_numbers(path, z):
    np.savez(path, **springs(2) | {"z": np.array(z)})
    with pytest.raises(EmpnetError, match=r"array 'z' has .*; wanted atomic numbers, .* write atomic numbers"):
        read(path)


def test_a_virial_of_three_particles_belongs_to_the_system(path):
    np.savez(path, R=np.zeros((4, 3, 3)), z=[8, 1, 1], E=np.arange(4.0), virial=np.tile(np.eye(3), (4, 1, 1)))
    assert read(path)[0].info["virial"].shape == (3, 3)
