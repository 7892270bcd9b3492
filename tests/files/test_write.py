"""Writing: what is written comes back, whole or not at all, and nothing is overwritten unasked."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from empnet.errors import EmpnetError
from empnet.files.read import iread, read
from empnet.files.write import write
from empnet.system.atoms import from_atoms
from empnet.system.system import System

EXACT = [".extxyz", ".xyz", ".db", ".traj", ".extxyz.gz", ".xyz.bz2", ".traj.xz", ".db.gz"]


def everything(species=(8, 1, 1), seed=0) -> System:
    """A system with a value of every kind."""
    rng = np.random.default_rng(seed)
    n = len(species)
    return System(
        rng.normal(size=(n, 3)) * 10,
        species=species,
        cell=np.eye(3) * 12 + rng.normal(size=(3, 3)),
        pbc=(True, True, False),
        properties={"energy": -1 / 3 + seed, "gap": 1e-300, "my property": np.pi},
        arrays={"forces": rng.normal(size=(n, 3)), "charge": rng.normal(size=n), "tag": np.arange(n)},
        info={"name": "a=b 'quoted' \"twice\" \\", "converged": True, "dipole": np.array([0.1, 0.2, 1 / 7])},
    )


def same(one: System, other: System) -> None:
    """Both hold the same values, to the last bit."""
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_array_equal(one.species, other.species)
    assert one.pbc == other.pbc
    if one.cell is None:
        assert other.cell is None
    else:
        np.testing.assert_array_equal(one.cell, other.cell)
    assert dict(one.properties) == dict(other.properties)
    for mine, others in ((one.arrays, other.arrays), (one.info, other.info)):
        assert mine.keys() == others.keys()
        for key, value in mine.items():
            np.testing.assert_array_equal(value, others[key], err_msg=key)


@pytest.mark.parametrize("suffix", EXACT)
def test_everything_comes_back_exactly(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    systems = [
        everything(),
        everything((6, 1, 1, 1, 1), 1),
        System([[0.0, 0.0, 0.1]], species=[2], properties={"energy": 0.0}),
    ]
    write(path, systems)
    for number, (back, system) in enumerate(zip(read(path), systems, strict=True)):
        same(back, system)
        assert str(back.origin) == f"{path}, frame {number}"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_npz_comes_back_exactly(tmp_path):
    systems = [everything(seed=seed) for seed in range(4)]
    write(tmp_path / "a.npz", systems)
    for back, system in zip(read(tmp_path / "a.npz"), systems, strict=True):
        same(back, system)
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["R"].shape == (4, 3, 3)
        assert archive["z"].tolist() == [8, 1, 1]
        np.testing.assert_array_equal(archive["E"], [system.properties["energy"] for system in systems])


@pytest.mark.parametrize("suffix", [".extxyz", ".db", ".traj"])
def test_ase_reads_what_was_written(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write(path, [everything()])
    atoms = ase.io.read(path)
    np.testing.assert_array_equal(atoms.positions, everything().positions)
    assert atoms.get_potential_energy() == everything().properties["energy"]
    np.testing.assert_array_equal(atoms.get_forces(), everything().arrays["forces"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("box", [9.0, 9.0, 9.0]),
        ("CELLPAR", np.array([9.0, 9, 9, 90, 90, 90])),
        ("cell", 9 * np.eye(3)),
        ("abc", [1, 2, 3]),
    ],
)
def test_a_value_is_not_read_back_as_a_cell(tmp_path, key, value):
    open_system = System([[0, 0, 0], [0, 0, 1.0]], [1, 1], info={key: value})
    with pytest.raises(EmpnetError, match="would be read as the cell"):
        write(tmp_path / "a.extxyz", [open_system])
    crystal = replace(open_system, cell=5 * np.eye(3), pbc=(True, True, True))
    write(tmp_path / "a.extxyz", [crystal])
    back = read(tmp_path / "a.extxyz")[0]
    assert back.cell is not None
    assert np.array_equal(back.cell, 5 * np.eye(3))
    assert np.array_equal(back.info[key], value)


@given(
    positions=arrays_of.arrays(float, (3, 3), elements=st.floats(allow_nan=False, allow_infinity=False)),
    energy=st.floats(allow_nan=False, allow_infinity=False),
    key=st.text(min_size=1, max_size=8),
    text=st.text(max_size=20),
)
@settings(max_examples=150, deadline=None)
@example(positions=np.eye(3), energy=0.0, key="CELLPAR", text="")
@pytest.mark.filterwarnings("ignore:.* is not read as a cell")  # a key such as "box": said, and kept
def test_any_value_comes_back_from_extended_xyz_or_is_refused(tmp_path_factory, positions, energy, key, text):
    path = tmp_path_factory.mktemp("any") / "a.extxyz"
    system = System(
        positions, species=[8, 1, 1], properties={"energy": energy}, info={} if key == "energy" else {key: text}
    )
    try:
        write(path, [system])
    except EmpnetError as error:
        assert "cannot be stored in extended XYZ" in str(error)
        assert not path.exists()
        return
    same(read(path)[0], system)


def test_many_systems_pass_one_at_a_time(tmp_path):
    alive = []

    def systems():
        for number in range(50):
            alive.append(number)
            yield System([[0, 0, number]], species=[1])

    write(tmp_path / "a.extxyz", systems())
    assert len(alive) == 50
    assert [system.positions[0, 2] for system in iread(tmp_path / "a.extxyz")] == list(range(50))


def test_formats_of_structures_say_what_they_leave_out(tmp_path):
    crystal = from_atoms(bulk("NaCl", "rocksalt", a=5.6))
    with pytest.warns(UserWarning, match="format cif may keep positions, species and cell only"):
        write(tmp_path / "a.cif", [crystal])
    (back,) = read(tmp_path / "a.cif")
    assert back.formula == "ClNa"
    assert np.linalg.det(back.cell) == pytest.approx(5.6**3 / 4, rel=1e-6)  # decimals in the file


class TestRefusals:
    def test_an_existing_file(self, tmp_path):
        path = tmp_path / "a.extxyz"
        path.write_text("precious")
        with pytest.raises(EmpnetError, match="the file already exists; choose another name or allow overwriting"):
            write(path, [everything()])
        assert path.read_text() == "precious"
        write(path, [everything()], overwrite=True)
        same(read(path)[0], everything())

    @pytest.mark.parametrize("suffix", [".extxyz", ".traj", ".db", ".npz", ".extxyz.gz"])
    def test_a_failure_half_way_leaves_nothing(self, tmp_path, suffix):
        def systems():
            yield everything()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / f"a{suffix}", systems())
        assert not list(tmp_path.iterdir())

    def test_a_failure_half_way_keeps_the_old_file(self, tmp_path):
        path = tmp_path / "a.extxyz"
        path.write_text("precious")
        bad = System([[0, 0, np.nan]], species=[1])
        with pytest.raises(EmpnetError, match="position of particle 0 is not finite"):
            write(path, [everything(), bad], overwrite=True)
        assert path.read_text() == "precious"

    def test_no_systems(self, tmp_path):
        with pytest.raises(EmpnetError, match="no systems to write"):
            write(tmp_path / "a.extxyz", [])

    def test_no_folder(self, tmp_path):
        with pytest.raises(EmpnetError, match=r"there is no folder .*b'; create it first"):
            write(tmp_path / "b" / "a.extxyz", [everything()])

    def test_a_folder(self, tmp_path):
        with pytest.raises(EmpnetError, match="is a folder"):
            write(tmp_path, [everything()])

    def test_unknown_format(self, tmp_path):
        with pytest.raises(EmpnetError, match=r"no known format for writing 'a\.nonsense'"):
            write(tmp_path / "a.nonsense", [everything()])

    @pytest.mark.parametrize(
        ("other", "found"),
        [
            (System([[0, 0, 0]], species=[1], properties={"E1": 1.0}), "the species of frame 1 .* differ from frame 0"),
            (everything(seed=1), "only one of frame 1 and frame 0 has it"),
        ],
    )
    def test_npz_wants_frames_that_are_alike(self, tmp_path, other, found):
        system = System(np.zeros((3, 3)), species=[8, 1, 1])
        with pytest.raises(EmpnetError, match=found):
            write(tmp_path / "a.npz", [system, other])


def test_particles_that_are_all_alike_are_species_0_with_their_features_as_an_array(tmp_path):
    cloud = System([[0, 0, 0], [0, 0, 1]], features=[[1.5, 2.0], [0.1, 0.2]])
    write(tmp_path / "a.extxyz", [cloud])
    (back,) = read(tmp_path / "a.extxyz")
    assert back.species.tolist() == [0, 0]
    np.testing.assert_array_equal(back.join_features(["features"]).features, cloud.features)


def test_molecules_of_ase(tmp_path):
    ase.io.write(tmp_path / "a.xyz", [molecule("H2O"), molecule("CH4")])
    systems = read(tmp_path / "a.xyz")
    write(tmp_path / "b.db", systems)
    assert [system.formula for system in read(tmp_path / "b.db")] == ["H2O", "CH4"]
