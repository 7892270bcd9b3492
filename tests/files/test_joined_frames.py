"""Files that were joined, of formats of which ASE reads one frame; and files of LAMMPS."""

import warnings

import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule

from empnet.errors import EmpnetError
from empnet.files.read import iread, read

AIRSS = """TITL {name} 0.0 64.0 {energy} 0 0 2 (P1) n - 1
CELL 1.54 4 4 4 90 90 90
LATT -1
SFAC Na Cl
Na 1 0 0 0 1.0
Cl 2 {x} 0.5 0.5 1.0
END
"""
AENET = """# total energy = {energy} eV
CRYSTAL
PRIMVEC
 5 0 0
 0 5 0
 0 0 5
PRIMCOORD
2 1
Ti 0 0 0 0.1 0.0 0.0
O {x} 0 0 -0.1 0.0 0.0
"""
LAMMPS = """LAMMPS data file

2 atoms
2 atom types

0 3.6 xlo xhi
0 3.6 ylo yhi
0 3.6 zlo zhi
{masses}
Atoms # atomic

1 1 0 0 0
2 2 1.8 1.8 0
"""
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 4
0 4
0 4
ITEM: ATOMS id {column} x y z fx fy fz
1 {one} 0 0 0 1 2 3
2 {two} 0 0 1 -1 -2 -3
"""


def messages(path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        systems = read(path)
    return systems, " ".join(str(each.message) for each in told)


def test_structures_of_airss_in_one_file(tmp_path):
    path = tmp_path / "a.res"
    path.write_text(AIRSS.format(name="a", energy=-12.5, x=0.5) + AIRSS.format(name="b", energy=-12.6, x=0.25))
    systems = read(path)
    assert [system.formula for system in systems] == ["ClNa", "ClNa"]
    assert [system.properties["energy"] for system in systems] == [-12.5, -12.6]
    assert [system.positions[1, 0] for system in systems] == [2.0, 1.0]
    assert next(iread(path, first=1)).info["name"] == "b"


@pytest.mark.parametrize(("old", "new"), [("LATT -1", "LATT 1"), ("SFAC", "SYMM -X,-Y,Z\nSFAC")])
def test_an_asymmetric_unit_is_not_taken_for_the_cell(tmp_path, old, new):
    path = tmp_path / "a.res"
    path.write_text(AIRSS.format(name="a", energy=-12.5, x=0.5).replace(old, new))
    with pytest.raises(EmpnetError, match=r"frame 0: LATT .* SYMM: .*symmetry is not applied.*CIF"):
        read(path)


@pytest.mark.parametrize("kind", ["gen", "xsf"])
@pytest.mark.parametrize("atoms", [molecule("H2O"), bulk("Cu", cubic=True)], ids=["molecule", "crystal"])
def test_joined_files_are_read_whole(tmp_path, kind, atoms):
    texts = []
    for shift in (0.0, 0.1, 0.2):
        atoms = atoms.copy()
        atoms.positions[0, 2] += shift
        ase.io.write(tmp_path / f"one.{kind}", atoms)
        texts.append((tmp_path / f"one.{kind}").read_text())
    (tmp_path / f"a.{kind}").write_text("".join(texts))
    systems = read(tmp_path / f"a.{kind}")
    assert [len(system) for system in systems] == [len(atoms)] * 3
    np.testing.assert_allclose([s.positions[0, 2] - systems[0].positions[0, 2] for s in systems], [0, 0.1, 0.3])


def test_animated_xsf_files_joined(tmp_path):
    ase.io.write(tmp_path / "one.xsf", [molecule("H2O")] * 2)
    text = (tmp_path / "one.xsf").read_text()
    (tmp_path / "a.xsf").write_text(text * 2)
    assert [system.formula for system in read(tmp_path / "a.xsf")] == ["H2O"] * 4


def test_more_steps_than_an_animation_says(tmp_path):
    ase.io.write(tmp_path / "a.xsf", [bulk("Cu")] * 3)
    text = (tmp_path / "a.xsf").read_text()
    assert "ANIMSTEPS 3" in text
    (tmp_path / "a.xsf").write_text(text.replace("ANIMSTEPS 3", "ANIMSTEPS 2"))
    with pytest.raises(EmpnetError, match="3 sets of coordinates, but ANIMSTEPS is 2"):
        read(tmp_path / "a.xsf")


def test_energies_of_aenet_and_the_unit_of_its_forces(tmp_path):
    path = tmp_path / "a.xsf"
    path.write_text(AENET.format(energy=-97.5, x=2) + AENET.format(energy="-0.976D+02", x=2.1))
    systems, told = messages(path)
    assert [system.properties["energy"] for system in systems] == [-97.5, -97.6]
    assert systems[0].info["energy_unit"] == "eV"
    assert systems[0].arrays["forces"][0, 0] == pytest.approx(2.7211386)
    assert "Hartree/angstrom" in told


def test_an_xsf_file_that_begins_with_molecule(tmp_path):
    (tmp_path / "a.xsf").write_text("MOLECULE\nATOMS\nO 0 0 0\nH 0 0 1\n")
    assert [system.formula for system in read(tmp_path / "a.xsf")] == ["HO"]


@pytest.mark.parametrize("kind", ["magres", "gromos"])
def test_frames_that_would_be_mixed_up_are_refused(tmp_path, kind):
    suffix = {"gromos": "g96"}.get(kind, kind)
    ase.io.write(tmp_path / "one", bulk("Cu", cubic=True), format=kind)
    (tmp_path / f"a.{suffix}").write_text((tmp_path / "one").read_text())
    assert len(read(tmp_path / f"a.{suffix}")[0]) == 4
    (tmp_path / f"a.{suffix}").write_text((tmp_path / "one").read_text() * 2)
    with pytest.raises(EmpnetError, match=r"seems to have 2 frames, but ASE's reader .* would merge them"):
        read(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("name", ["a.data", "a.lmp", "data.water", "a.lammps-data"])
def test_data_files_of_lammps_are_told_by_their_content(tmp_path, name):
    (tmp_path / name).write_text(LAMMPS.format(masses="\nMasses\n\n1 63.546\n2 15.999\n"))
    systems, told = messages(tmp_path / name)
    assert [system.formula for system in systems] == ["CuO"]
    assert "elements" not in told


def test_types_of_lammps_are_no_elements(tmp_path):
    (tmp_path / "a.data").write_text(LAMMPS.format(masses=""))
    (tmp_path / "a.dump").write_text(DUMP.format(column="type", one=1, two=2))
    for name in ("a.data", "a.dump"):
        assert "names no elements: types are taken as atomic numbers" in messages(tmp_path / name)[1]
    (tmp_path / "a.dump").write_text(DUMP.format(column="element", one="O", two="H"))
    assert "elements" not in messages(tmp_path / "a.dump")[1]


def test_a_dump_with_forces_has_no_energy(tmp_path):
    (tmp_path / "a.dump").write_text(DUMP.format(column="element", one="O", two="H"))
    ((system,), _) = messages(tmp_path / "a.dump")
    assert "energy" not in system.properties
    assert system.arrays["forces"][1].tolist() == [-1, -2, -3]
