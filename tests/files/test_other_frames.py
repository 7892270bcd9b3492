"""What ASE's readers leave out is noticed, and what nobody asked for is no reason to refuse."""

import warnings

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.system.atoms import from_atoms

GAUSSIAN = """ Entering Gaussian System
 Gaussian 16:  ES64L-G16RevA.03 25-Dec-2016
                          Input orientation:
 ---------------------------------------------------------------------
 Center     Atomic      Atomic             Coordinates (Angstroms)
 Number     Number       Type             X           Y           Z
 ---------------------------------------------------------------------
      1          8           0        0.000000    0.000000    0.117300
      2          1           0        0.000000    0.757200   -0.469200
      3          1           0        0.000000   -0.757200   -0.469200
 ---------------------------------------------------------------------
 SCF Done:  E(RB3LYP) =  -76.4000000000     A.U. after    9 cycles
 Mulliken charges:
               1
     1  O   -0.700000
     2  H    0.350000
     3  H    0.350000
 Sum of Mulliken charges =   0.00000
 Mulliken charges with hydrogens summed into heavy atoms:
               1
     1  O    0.000000
 Electronic spatial extent (au):  <R**2>=             18.9
"""


def test_gaussian_with_charges_summed_into_heavy_atoms(tmp_path):
    (tmp_path / "a.log").write_text(GAUSSIAN)
    with pytest.warns(UserWarning, match=r"left out, because they do not have one row for each particle: charges"):
        (system,) = read(tmp_path / "a.log")
    assert system.formula == "H2O"
    assert system.properties["energy"] == pytest.approx(-76.4 * 27.211386, rel=1e-6)
    assert "charges" not in system.arrays


def test_several_steps_of_gaussian_are_all_read(tmp_path):
    (tmp_path / "a.log").write_text(GAUSSIAN + GAUSSIAN[GAUSSIAN.index("     Input") :].replace("-76.4", "-76.5"))
    with pytest.warns(UserWarning) as told:
        assert [round(system.properties["energy"]) for system in read(tmp_path / "a.log")] == [-2079, -2082]
    assert len(told) == 1  # one line, not one a frame


def test_results_of_odd_shapes_are_left_out():
    atoms = molecule("H2O")
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
    atoms.calc.results |= {"charges": [0.1], "magmoms": [[1.0], [1.0, 2.0]], "dipole": np.ones(3), "stress": None}
    atoms.info["odd"] = {"a": object()}
    with pytest.warns(UserWarning, match="particle: charges, magmoms"):
        system = from_atoms(atoms)
    assert (system.properties["energy"], dict(system.arrays)) == (-1.0, {})
    assert system.info["dipole"].tolist() == [1, 1, 1]


def test_nan_in_a_column_that_nobody_asked_for(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nProperties=species:S:1:pos:R:3:spare:R:1 energy=1.0 gap=nan\nH 0 0 0 nan\n")
    assert read(tmp_path / "a.xyz")[0].properties["energy"] == 1.0


def test_all_frames_of_a_gromacs_file(tmp_path):
    waters = []
    for shift in (0.0, 1.0, 2.0):
        atoms = molecule("H2O", vacuum=3)
        atoms.positions += shift
        ase.io.write(tmp_path / "one.gro", atoms)
        waters.append((tmp_path / "one.gro").read_text())
    (tmp_path / "a.gro").write_text("".join(waters))
    systems = read(tmp_path / "a.gro")
    assert len(systems) == 3
    np.testing.assert_allclose(systems[2].positions - systems[0].positions, 2.0, atol=0.02)  # 3 decimals of nm
    (tmp_path / "a.gro").write_text("".join(waters)[:-40])
    with pytest.raises(EmpnetError, match="frame 2"):
        read(tmp_path / "a.gro")


@pytest.mark.parametrize("name", ["a.vasp", "a.gen", "a.res"])
def test_further_frames_are_noticed(tmp_path, name):
    ase.io.write(tmp_path / "one", bulk("NaCl", "rocksalt", a=5.6), format={"a.vasp": "vasp"}.get(name, name[2:]))
    text = (tmp_path / "one").read_text()
    (tmp_path / name).write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(tmp_path / name)) == 1
    (tmp_path / name).write_text(text * 3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = len(read(tmp_path / name))
        except EmpnetError:
            return
    assert found == 3 or any("seems to have 3 frames" in str(warning.message) for warning in told)


def test_all_models_of_a_pdb_and_all_blocks_of_a_cif(tmp_path):
    models = []
    for name in ("H2O", "CH4", "NH3"):  # ASE's writer gives all models the first one's atoms
        ase.io.write(tmp_path / "one.pdb", molecule(name))
        models.append((tmp_path / "one.pdb").read_text())
    (tmp_path / "a.pdb").write_text("".join(models))
    assert [len(system) for system in read(tmp_path / "a.pdb")] == [3, 5, 4]
    ase.io.write(tmp_path / "a.cif", [bulk("Cu"), bulk("Al"), bulk("NaCl", "rocksalt", a=5.6)])
    assert [system.formula for system in read(tmp_path / "a.cif")] == ["Cu", "Al", "ClNa"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.vasp", "   1   1\n", "   1 1000000000000\n"),
        ("a.gen", "2  S", "1000000000000  S"),
        ("a.cube", "    3 ", "1000000000000 "),
        ("a.gro", "    3\n", "1000000000000\n"),
    ],
)
def test_promises_of_more_particles_than_bytes(tmp_path, name, old, new):
    atoms = bulk("NaCl", "rocksalt", a=5.6) if name in ("a.vasp", "a.gen") else molecule("H2O", vacuum=3)
    ase.io.write(tmp_path / name, atoms)
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    with pytest.raises(EmpnetError, match="1000000000000"):
        read(tmp_path / name)


def test_a_trajectory_that_promises_too_much(tmp_path):
    path = tmp_path / "a.traj"
    ase.io.write(path, [Atoms("H")] * 3)
    content = bytearray(path.read_bytes())
    content[32:40] = (10**12).to_bytes(8, "little")  # the number of frames
    path.write_bytes(content)
    with pytest.raises(EmpnetError, match="declares 1000000000000 frames"):
        read(path)


def test_an_outcar_that_cannot_be_read_names_vasprun(tmp_path):
    (tmp_path / "OUTCAR").write_text(" vasp.6.3.0\n NWRITE = 0\n")
    with pytest.raises(EmpnetError, match=r"NWRITE=0 .* vasprun\.xml"):
        read(tmp_path / "OUTCAR")


def test_the_end_of_a_pdb_file_with_models_is_no_frame(tmp_path):
    atom = "ATOM      1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00           O\n"
    path = tmp_path / "a.pdb"
    path.write_text("".join(f"MODEL {k}\n{atom}ENDMDL\n" for k in (1, 2)) + "END\n")
    assert [len(system) for system in read(path)] == [1, 1]


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ("", "does not state its LAMMPS units: .* lengths are read in angstrom"),
        ("real", "the file states units real: lengths are in angstrom"),
        ("electron", "lengths are in bohr; .* --length-unit bohr"),
        ("lj", "units lj.* lengths are read in angstrom"),
    ],
)
def test_the_units_of_a_lammps_dump_are_told(tmp_path, style, told):
    path = tmp_path / "a.lammpstrj"
    head = f"ITEM: UNITS\n{style}\n" if style else ""
    box = "ITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\n"
    path.write_text(
        f"{head}ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\n{box}ITEM: ATOMS id element x y z\n1 H 0 0 1\n"
    )
    with pytest.warns(UserWarning, match=told):
        assert read(path)[0].positions[0, 2] == 1


def test_sites_that_are_partly_occupied_are_told(tmp_path):
    ase.io.write(tmp_path / "a.cif", bulk("NaCl", "rocksalt", a=5.6))
    text = (tmp_path / "a.cif").read_text()
    (tmp_path / "b.cif").write_text(text.replace("  1.0000\n", "  0.5000\n", 1))
    assert [system.formula for system in read(tmp_path / "a.cif")] == ["ClNa"]
    with pytest.warns(UserWarning, match=r"1 sites are partly occupied, the first by Na 0\.5"):
        read(tmp_path / "b.cif")


ATOM = "ATOM      1  CA {alt:1}GLY A   1    {x:8.3f}   0.000   0.000{share:6.2f}  0.00          {element:>2}\n"


def test_alternate_locations_in_a_pdb_file_are_told(tmp_path):
    whole = ATOM.format(alt="", x=0, share=1, element="C")
    (tmp_path / "a.pdb").write_text(whole)
    assert read(tmp_path / "a.pdb")[0].formula == "C"
    two = [ATOM.format(alt=alt, x=k, share=0.5, element="C") for k, alt in enumerate("AB", start=1)]
    (tmp_path / "a.pdb").write_text(whole + "".join(two))
    with pytest.warns(UserWarning, match="2 atoms have an occupancy below 1, the first is particle 1"):
        read(tmp_path / "a.pdb")


def test_a_pdb_file_without_elements_is_told(tmp_path):
    (tmp_path / "a.pdb").write_text(ATOM.format(alt="", x=0, share=1, element=""))
    with pytest.warns(UserWarning, match="line 1 has no element in columns 77-78: .* CA becomes calcium"):
        read(tmp_path / "a.pdb")


@pytest.mark.parametrize(("name", "told"), [("a.xyz.zip", "unpack it first"), ("a.npy", r"write its arrays as \.npz")])
def test_files_of_other_kinds_say_what_to_do(tmp_path, name, told):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(range(64)))
    with pytest.raises(EmpnetError, match=f"in a format that ASE does not know; .*{told}"):
        read(tmp_path / name)
