"""Forces and stress in data: units, signs and orders against ASE's, frames without, and mistakes in one line."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write as ase_write
from ase.stress import full_3x3_to_voigt_6_stress

from empnet import System
from empnet.dataset import ingest
from empnet.dataset.cache import Recipe, open_dataset
from empnet.errors import EmpnetError
from empnet.files.read import iread
from empnet.system.label_spec import LabelSpec
from empnet.system.one_hot import OneHot
from empnet.system.system import Origin

CELL = np.array([[4.0, 0.1, 0.2], [0.0, 5.0, 0.3], [0.0, 0.0, 6.0]])
VOLUME = 120.0  # 4 x 5 x 6: the cell is triangular
STRESS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])  # xx yy zz yz xz xy
TENSOR = np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]])


def frame(k: int = 0, *, info=None, arrays=None, pbc=True) -> System:
    cell = CELL if pbc else None
    positions = np.array([[0.0, 0.0, 0.0], [1.0 + 0.1 * k, 0.0, 0.0]])
    return System(
        positions, [1, 8], cell=cell, pbc=pbc, properties={"energy": float(k)}, info=info or {}, arrays=arrays or {}
    )


def opened(systems, derivatives, **recipe):
    return open_dataset(systems, Recipe(("energy",), 3.0, derivatives=derivatives, **recipe), quiet=True)


def stress_of(value, **given) -> np.ndarray:
    derivatives = LabelSpec(stress="s", **{"energy_unit": "eV", **given})
    return opened([frame(k, info={"s": value}) for k in range(2)], derivatives).arrays["stress"][0]


@pytest.mark.parametrize(
    ("unit", "energy", "factor"),
    [
        ("", "eV", 1.0),
        ("eV/angstrom", "eV", 1.0),
        ("kcal/mol/angstrom", "eV", units.kcal / units.mol),
        ("Hartree/bohr", "eV", units.Hartree / units.Bohr),
        ("Hartree/bohr", "kcal/mol", units.Hartree / units.Bohr / (units.kcal / units.mol)),
        ("-kJ/mol/nm", "eV", -units.kJ / units.mol / units.nm),
    ],
)
def test_forces_have_the_unit_of_the_energy_per_angstrom(unit, energy, factor):
    given = np.array([[0.0, 1.0, 2.0], [-3.0, 4.0, 5.0]])
    dataset = opened([frame(k, arrays={"f": given}) for k in range(2)], LabelSpec("f", unit, energy_unit=energy))
    np.testing.assert_allclose(dataset.arrays["forces"], factor * np.concatenate([given, given]), rtol=1e-12)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("", 1.0), ("GPa", units.GPa), ("kB", 1e3 * units.bar), ("-kB", -1e3 * units.bar), ("eV/angstrom^3", 1.0),
     ("Hartree/bohr^3", units.Hartree / units.Bohr**3)],
)  # fmt: skip
def test_a_stress_has_ases_unit_and_sign(unit, factor):
    np.testing.assert_allclose(stress_of(STRESS, stress_unit=unit), factor * STRESS, rtol=1e-12)


def test_a_stress_in_another_unit_of_energy():
    factor = units.GPa / (units.kcal / units.mol)
    np.testing.assert_allclose(stress_of(STRESS, stress_unit="GPa", energy_unit="kcal/mol"), factor * STRESS)


@pytest.mark.parametrize(("unit", "factor"), [("", 1.0), ("Hartree", units.Hartree), ("-eV", -1.0)])
def test_a_virial_is_minus_volume_times_stress(unit, factor):
    found = stress_of(TENSOR, stress_unit=unit, virial=True)
    np.testing.assert_allclose(found, -factor * STRESS / VOLUME, rtol=1e-12)


def test_components_stand_in_ases_order():
    np.testing.assert_array_equal(full_3x3_to_voigt_6_stress(TENSOR), STRESS)  # what ASE says
    np.testing.assert_array_equal(stress_of(TENSOR), STRESS)
    np.testing.assert_array_equal(stress_of(TENSOR.ravel()), STRESS)
    np.testing.assert_array_equal(stress_of(STRESS), STRESS)
    of_vasp = np.array([1.0, 2.0, 3.0, 6.0, 4.0, 5.0])  # XX YY ZZ XY YZ ZX
    np.testing.assert_array_equal(stress_of(of_vasp, stress_order="xx yy zz xy yz zx"), STRESS)
    np.testing.assert_array_equal(stress_of(TENSOR, stress_order="xx yy zz xy yz zx"), STRESS)  # has no order


def test_a_tensor_that_is_nearly_symmetric_is_made_so_as_ase_does():
    skew = TENSOR + np.array([[0, 0.2, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(stress_of(skew), [1, 2, 3, 4, 5, 6.1])


def test_frames_without_forces_or_stress_are_nan():
    there = {"arrays": {"f": np.ones((2, 3))}, "info": {"s": STRESS}}
    empty = {"arrays": {"f": np.full((2, 3), np.nan)}, "info": {"s": np.full(6, np.nan)}}
    systems = [frame(0), frame(1, **there), frame(2, **empty), frame(3, **there, pbc=False), frame(4, **there)]
    dataset = opened(systems, LabelSpec("f", stress="s"))
    assert dataset.with_forces.tolist() == [False, True, False, True, True]
    assert dataset.with_stress.tolist() == [False, True, False, False, True]
    batch = dataset.batch(np.array([4, 0, 3]), OneHot([1, 8]))
    assert batch.forces is not None
    assert batch.stress is not None
    assert np.isnan(batch.forces.numpy()).all(axis=1).tolist() == [False, False, True, True, False, False]
    np.testing.assert_array_equal(batch.stress.numpy(), [STRESS, np.full(6, np.nan), np.full(6, np.nan)])


def test_forces_stay_with_their_particles_in_a_batch():
    systems = []
    for k, name in enumerate(("H2O", "CH4", "C2H6", "H2O")):
        atoms = molecule(name)
        atoms.rattle(0.1, seed=k)
        systems.append(System(atoms.positions, atoms.numbers, properties={"energy": k}, arrays={"f": -atoms.positions}))
    dataset = opened(systems, LabelSpec("f"))
    batch = dataset.batch(np.array([2, 0, 3]), OneHot([1, 6, 8]))
    assert batch.forces is not None
    np.testing.assert_array_equal(batch.forces.numpy(), -batch.positions.numpy())


def test_a_data_set_without_them_has_none():
    dataset = opened([frame(k, arrays={"f": np.ones((2, 3))}) for k in range(2)], LabelSpec())
    batch = dataset.batch(np.array([0]), OneHot([1, 8]))
    assert batch.forces is None
    assert batch.stress is None
    assert not dataset.has_forces
    assert not dataset.with_stress.any()


def test_another_stress_is_another_data_set():
    assert stress_of(STRESS)[0] == 1.0
    assert stress_of(STRESS + 1)[0] == 2.0


@pytest.mark.parametrize("suffix", ["traj", "extxyz", "db"])
def test_forces_of_held_atoms_are_read_raw(tmp_path, suffix):
    frames = []
    for k in range(2):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=k)
        forces, stress = -atoms.positions - 1, 0.01 * STRESS
        atoms.calc = SinglePointCalculator(atoms, energy=float(k), forces=forces, stress=stress)
        atoms.set_constraint(FixAtoms([0]))
        frames.append(atoms)
    path = tmp_path / f"a.{suffix}"
    ase_write(path, frames)
    dataset = opened(path, LabelSpec("forces", stress="stress"))
    np.testing.assert_allclose(dataset.arrays["forces"][0], -frames[0].positions[0] - 1, atol=1e-7)  # 8 decimals
    np.testing.assert_allclose(dataset.arrays["stress"][1], 0.01 * STRESS, atol=1e-7)
    if suffix != "extxyz":  # ASE writes no constraints there, unless it is asked to
        assert dataset.arrays["constrained"].tolist() == [True, True]


def test_forces_of_a_numpy_archive(tmp_path):
    rng = np.random.default_rng(0)
    values = {"R": rng.normal(size=(4, 3, 3)), "F": rng.normal(size=(4, 3, 3)), "E": np.arange(4.0), "z": [8, 1, 1]}
    np.savez(tmp_path / "a.npz", **values)
    dataset = opened(tmp_path / "a.npz", LabelSpec("forces"))
    np.testing.assert_array_equal(dataset.arrays["forces"].reshape(4, 3, 3), values["F"])
    with pytest.raises(EmpnetError, match=r"no forces 'F'.*forces"):
        opened(tmp_path / "a.npz", LabelSpec("F"))


def test_a_stress_of_six_particles_in_an_archive_is_one_of_the_frame(tmp_path):
    n = 6
    cells, stress = np.broadcast_to(9 * np.eye(3), (4, 3, 3)), np.arange(24.0).reshape(4, 6)
    R = np.random.default_rng(0).uniform(0, 9, (4, n, 3))
    np.savez(tmp_path / "a.npz", R=R, E=np.arange(4.0), z=[1] * n, cell=cells, pbc=[True] * 3, virial_stress=stress)
    dataset = opened(tmp_path / "a.npz", LabelSpec(stress="virial_stress"))
    np.testing.assert_array_equal(dataset.arrays["stress"], stress)


class Stopped(Exception):
    """As by a signal."""


def test_reading_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "SAVE_SECONDS", -1.0)  # save after every frame
    forces = [{"f": np.full((2, 3), k + 1.0)} if k % 3 else {} for k in range(9)]
    systems = [frame(k, arrays=forces[k], info={"s": STRESS + k}) for k in range(9)]
    recipe = Recipe(("energy",), 3.0, derivatives=LabelSpec("f", stress="s"))
    begun = []

    def until(last):
        def read(first):
            begun.append(first)
            for k in range(first, len(systems)):
                if k == last:
                    raise Stopped
                yield systems[k]

        return read

    with pytest.raises(Stopped):
        ingest.ingest(until(5), recipe, tmp_path / "data", name="a", quiet=True)
    ingest.ingest(until(None), recipe, tmp_path / "data", name="a", quiet=True)
    assert begun == [0, 5]
    arrays = ingest.map_arrays(tmp_path / "data")
    whole = opened(systems, recipe.derivatives).arrays
    np.testing.assert_array_equal(arrays["forces"], whole["forces"])
    np.testing.assert_array_equal(arrays["stress"], whole["stress"])


def many(**values):
    return [frame(k, **values) for k in range(3)]


@pytest.mark.parametrize(
    ("systems", "given", "told"),
    [
        (many(arrays={"forces": np.ones((2, 3))}), {"forces": "force"}, "no forces 'force'.*did you mean 'forces'"),
        (many(arrays={"f": np.ones((2, 2))}), {"forces": "f"}, r"shape \(2, 2\)"),
        (many(arrays={"f": np.array([[1.0, 0, 0], [np.nan, 0, 0]])}), {"forces": "f"}, "particle 1 is not finite"),
        (many(arrays={"f": np.array([[np.inf] * 3] * 2)}), {"forces": "f"}, "particle 0 is not finite"),
        (many(info={"f": np.ones((5, 3))}), {"forces": "f"}, "belong to the whole system"),
        (many(info={"stress": STRESS}), {"stress": "stres"}, "no stress 'stres'.*did you mean 'stress'"),
        (many(info={"s": STRESS[:5]}), {"stress": "s"}, r"shape \(5,\).*6 numbers xx yy zz yz xz xy"),
        (many(info={"s": "soft"}), {"stress": "s"}, "6 numbers"),
        (many(info={"s": np.array([1, 2, np.nan, 0, 0, 0])}), {"stress": "s"}, "component 2 is not finite"),
        (many(info={"s": STRESS}, pbc=False), {"stress": "s"}, "no volume, and so no stress"),
        (many(info={"s": STRESS}, pbc=(True, True, False)), {"stress": "s"}, "no volume, and so no stress"),
        (many(), {"stress": "w", "virial": True}, "no virial 'w'"),
    ],
)
def test_mistakes_in_data(systems, given, told):
    with pytest.raises(EmpnetError, match=told) as error:
        opened(systems, LabelSpec(**given))
    assert "\n" not in str(error.value)


def test_the_frame_is_named(tmp_path):
    atoms = [molecule("H2O") for _ in range(3)]
    for k, water in enumerate(atoms):
        water.info["energy"] = float(k)
        water.arrays["f"] = np.zeros((3, 3))
    atoms[2].arrays["f"][1, 1] = np.nan
    ase_write(tmp_path / "a.extxyz", atoms, format="extxyz")
    assert "f" in next(iread(tmp_path / "a.extxyz")).arrays
    with pytest.raises(EmpnetError, match=r"a\.extxyz, frame 2: forces 'f': particle 1 is not finite"):
        opened(tmp_path / "a.extxyz", LabelSpec("f"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"forces": "f", "forces_unit": "eV", "energy_unit": "eV"}, "'eV' of the forces is an energy.*eV/angstrom"),
        ({"forces": "f", "forces_unit": "eV/angstom", "energy_unit": "eV"}, "unknown unit"),
        ({"forces": "f", "forces_unit": "eV/angstrom"}, "unit of the property is not known.*--unit"),
        ({"stress": "s", "stress_unit": "eV", "energy_unit": "eV"}, "is an energy.*--virial s"),
        (
            {"stress": "s", "stress_unit": "kB", "virial": True, "energy_unit": "eV"},
            "a pressure.*--stress s",
        ),
        ({"stress": "s", "stress_order": "xx yy zz xy"}, "each of xx yy zz yz xz xy once"),
    ],
)
def test_mistakes_in_units(given, told):
    with pytest.raises(EmpnetError, match=told):
        LabelSpec(**given)


def full_stress(xy: float, yx: float, scale: float = 1.0, **derivatives) -> np.ndarray:
    tensor = scale * np.array([[0.01, xy, 0.0], [yx, 0.02, 0.0], [0.0, 0.0, 0.03]])
    cube = System([[0, 0, 0]], cell=4 * np.eye(3), pbc=(True,) * 3, info={"s": tensor}, origin=Origin("a.xyz", 7))
    return LabelSpec(stress="s", energy_unit="eV", **derivatives).stress_of(cube)


def test_rounding_is_no_asymmetry():
    assert full_stress(0.0101, 0.0100)[5] == pytest.approx(0.01005)


@pytest.mark.parametrize(
    ("scale", "derivatives"),
    [(1.0, {}), (1602.0, {"stress_unit": "-kB"}), (64.0, {"virial": True}), (160.2, {"stress_unit": "GPa"})],
)
def test_a_tensor_that_is_not_symmetric_is_named_with_frame_and_sizes(scale, derivatives):
    with pytest.raises(EmpnetError, match=r"a.xyz, frame 7: .* is not symmetric: xy is [\d.]+ and yx [\d.]+ in the"):
        full_stress(0.01, 0.02, scale, **derivatives)


def test_noise_in_relaxed_cells_is_no_asymmetry():
    """A stress near zero has no digits to be symmetric in."""
    assert full_stress(0.01, 0.02, 1e-3)[5] == pytest.approx(1.5e-5)
