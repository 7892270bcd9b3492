"""Reading: every format against ASE, and npz against numpy."""

import bz2
import gzip
import itertools
import lzma
import subprocess
import sys
import tempfile
import tracemalloc

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.db import connect

from empnet.errors import EmpnetError
from empnet.files import ase_db
from empnet.files.read import iread, read
from empnet.system.atoms import from_atoms
from empnet.system.system import System


def frames(n=3):
    """Molecules and crystals with results and values of all kinds."""
    rng = np.random.default_rng(n)
    made = []
    for number, atoms in enumerate(itertools.islice(itertools.cycle(["H2O", "CH3OH", "NaCl"]), n)):
        atoms = bulk("NaCl", "rocksalt", a=5.6) if atoms == "NaCl" else molecule(atoms)
        atoms.rattle(0.1, seed=number)
        atoms.info.update(name=f"frame{number}", gap=float(rng.normal()), converged=True, vector=rng.normal(size=4))
        atoms.new_array("weight", rng.normal(size=len(atoms)))
        results = {"energy": float(rng.normal()), "forces": rng.normal(size=(len(atoms), 3))}
        atoms.calc = SinglePointCalculator(atoms, **results, stress=rng.normal(size=6))
        made.append(atoms)
    return made


def agree(system: System, atoms: Atoms, *, file="", frame=None, results=True) -> None:
    """The system holds what the atoms hold."""
    np.testing.assert_array_equal(system.positions, atoms.positions)
    np.testing.assert_array_equal(system.species, atoms.numbers)
    assert system.pbc == tuple(atoms.pbc)
    if atoms.cell.any():
        np.testing.assert_array_equal(system.cell, atoms.cell)
    else:
        assert system.cell is None
    if results:
        assert system.properties["energy"] == atoms.calc.results["energy"]
        np.testing.assert_array_equal(system.arrays["forces"], atoms.calc.results["forces"])
        np.testing.assert_array_equal(system.info["stress"], atoms.calc.results["stress"])
    assert (system.origin.file, system.origin.frame) == (str(file), frame)


class TestExtendedXYZ:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "frames.extxyz"
        ase.io.write(path, frames(7))
        return path

    def test_is_what_ase_reads(self, path):
        systems = read(path)
        assert len(systems) == 7
        for number, (system, atoms) in enumerate(zip(systems, ase.io.read(path, ":"), strict=True)):
            agree(system, atoms, file=path, frame=number)
            assert system.properties["gap"] == atoms.info["gap"]
            assert dict(system.info, vector=0, stress=0) == {
                "name": f"frame{number}", "converged": True, "vector": 0, "stress": 0
            }  # fmt: skip
            np.testing.assert_array_equal(system.info["vector"], atoms.info["vector"])
            np.testing.assert_array_equal(system.arrays["weight"], atoms.arrays["weight"])

    @pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
    def test_compressed_is_the_same_and_leaves_nothing_behind(self, path, suffix, opener, tmp_path, monkeypatch):
        packed = path.with_name(path.name + suffix)
        with opener(packed, "wb") as stream:
            stream.write(path.read_bytes())
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        for system, plain in zip(read(packed), read(path), strict=True):
            np.testing.assert_array_equal(system.positions, plain.positions)
            assert system.origin.file == str(packed)
        stopped = iread(packed)
        next(stopped)
        assert len(list((tmp_path / "temporary").iterdir())) == 1
        stopped.close()
        assert not list((tmp_path / "temporary").iterdir())

    def test_blank_lines_between_frames_drop_nothing(self, path):
        text = path.read_text()
        blocks = [f"\n{n}\n" for n in ("3", "6", "2")]
        for block in blocks:
            text = text.replace(block, "\n  \n" + block)
        path.write_text("\n" + text + "\n\n")
        assert len(ase.io.read(path.with_name("frames.extxyz"), ":")) < 7  # ASE stops there
        assert [system.info["name"] for system in read(path)] == [f"frame{n}" for n in range(7)]

    def test_a_blank_comment_is_a_comment(self, tmp_path):
        (tmp_path / "a.xyz").write_text("1\n\nH 0 0 0\n2\n\nO 0 0 0\nH 0 0 1\n")
        assert [system.formula for system in read(tmp_path / "a.xyz")] == ["H", "HO"]

    @pytest.mark.parametrize(
        "encode", [lambda text: text.replace("\n", "\r\n").encode(), lambda text: text.encode("utf-8-sig")]
    )
    def test_windows_files(self, path, encode):
        expected = read(path)
        path.write_bytes(encode(path.read_text()))
        for system, other in zip(read(path), expected, strict=True):
            np.testing.assert_array_equal(system.positions, other.positions)

    def test_cell_as_vec_lines(self, tmp_path):
        path = tmp_path / "a.xyz"
        ase.io.write(path, [bulk("Cu", cubic=True), bulk("Al", cubic=True)], format="extxyz", vec_cell=True)
        for system, atoms in zip(read(path), ase.io.read(path, ":"), strict=True):
            agree(system, atoms, file=path, frame=system.origin.frame, results=False)

    def test_columns_keep_their_names(self, tmp_path):
        (tmp_path / "a.xyz").write_text(
            "2\nProperties=species:S:1:pos:R:3:charge:R:1:tag:I:1:move_it:L:1:site:S:1\n"
            "H 0 0 0 0.5 1 T top\nH 0 0 1 -0.5 2 F hollow\n"
        )
        arrays = read(tmp_path / "a.xyz")[0].arrays
        assert {name: array.tolist() for name, array in arrays.items()} == {
            "charge": [0.5, -0.5], "tag": [1, 2], "move_it": [True, False], "site": ["top", "hollow"]
        }  # fmt: skip

    def test_columns_without_names_are_left_out_with_a_warning(self, tmp_path):
        (tmp_path / "a.xyz").write_text("1\n\nH 0 0 0 0.5\n" * 2)
        with pytest.warns(UserWarning, match="frame 0: columns beyond the position have no names") as told:
            assert len(read(tmp_path / "a.xyz")) == 2
        assert len(told) == 1  # once a file

    def test_scalars_are_told_from_everything_else(self, tmp_path):
        (tmp_path / "a.xyz").write_text(
            '1\na=1 b=2.5 c=T d=text e="1 2" f=nan id=12345678901234567890123 flag\nH 0 0 0\n'
        )
        system = read(tmp_path / "a.xyz")[0]
        np.testing.assert_equal(
            dict(system.properties), {"a": 1.0, "b": 2.5, "f": np.nan, "id": 12345678901234567890123.0}
        )
        assert set(system.info) == {"c", "d", "e", "flag"}

    def test_frames_before_a_fault_are_read_first(self, path):
        with path.open("a") as stream:
            stream.write("nonsense\n")
        systems = iread(path)
        assert len(list(itertools.islice(systems, 7))) == 7
        with pytest.raises(EmpnetError, match="frame 7"):
            next(systems)

    def test_memory_does_not_grow_with_the_file(self, path):
        path.write_text(path.read_text() * 450)
        next(iread(path))  # what is cached once
        tracemalloc.start()
        assert sum(1 for _ in iread(path)) == 3150
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert path.stat().st_size > 2e6
        assert peak < 1e6  # buffers, and frames that wait for the garbage collector

    def test_names_that_ase_would_misread(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("a@b.xyz", "postgres.xyz", "mysql.extxyz", "-.xyz"):
            (tmp_path / name).write_bytes(path.read_bytes())
            assert len(read(name)) == 7

    def test_a_file_without_suffix_is_known_by_its_content(self, path):
        other = path.with_name("frames")
        other.write_bytes(path.read_bytes())
        assert len(read(other)) == 7

    def test_a_last_line_without_an_end(self, path):
        expected = read(path)
        path.write_text(path.read_text().rstrip("\n"))
        np.testing.assert_array_equal(read(path)[-1].arrays["weight"], expected[-1].arrays["weight"])
        path.write_text("2\n\nH 0 0 0\nH 0 0 0.74")  # of 0.7414, perhaps
        with pytest.warns(UserWarning, match="frame 0: the file ends without a line break"):
            assert read(path)[0].positions[1, 2] == 0.74


class TestOtherFormats:
    def test_database(self, tmp_path, monkeypatch):
        monkeypatch.setattr(ase_db, "PAGE", 2)
        path = tmp_path / "a.db"
        with connect(path) as database:
            for number, atoms in enumerate(frames(5)):
                data = {"dos": np.arange(3.0), "charges": np.full(len(atoms), 0.5), "U0": np.array([1.5])}
                database.write(atoms, key_value_pairs={"gap": 1.0 + number, "name": f"n{number}"}, data=data)
            del database[2]
        for number, (system, kept) in enumerate(zip(read(path), [0, 2, 3, 4], strict=True)):
            agree(system, frames(5)[kept], file=path, frame=number)
            assert system.properties["gap"] == 1.0 + kept
            assert system.properties["U0"] == 1.5
            assert system.info["name"] == f"n{kept}"
            np.testing.assert_array_equal(system.info["dos"], np.arange(3.0))
            np.testing.assert_array_equal(system.arrays["charges"], np.full(len(system), 0.5))

    def test_reading_a_database_of_another_kind_does_not_change_it(self, tmp_path):
        import sqlite3

        path = tmp_path / "a.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
        connection.close()
        before = path.read_bytes()
        with pytest.raises(EmpnetError, match=r"a\.db: is an SQLite database, but not an ASE database"):
            read(path)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("name", ["a.db", "a.json", "a.traj", "a.xyz", "a.traj.gz"])
    def test_forces_of_fixed_atoms_are_raw(self, tmp_path, name):
        atoms = frames(1)[0]
        atoms.set_constraint(FixAtoms([0, 1]))
        plain = tmp_path / name.removesuffix(".gz")
        ase.io.write(plain, atoms)
        if name.endswith(".gz"):
            (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
        forces = read(tmp_path / name)[0].arrays["forces"]
        # ASE writes 8 decimals to XYZ.
        np.testing.assert_allclose(forces, frames(1)[0].calc.results["forces"], rtol=0, atol=0.51e-8)

    def test_trajectory(self, tmp_path):
        path = tmp_path / "a.traj"
        ase.io.write(path, frames(5))
        for number, (system, atoms) in enumerate(zip(read(path), frames(5), strict=True)):
            agree(system, atoms, file=path, frame=number)
            assert system.info["name"] == f"frame{number}"

    @pytest.mark.parametrize(
        "name", ["a.cif", "POSCAR", "a.vasp", "a.xsf", "a.gen", "a.pdb", "a.cfg", "XDATCAR", "a.json"]
    )
    def test_structures(self, tmp_path, name):
        path = tmp_path / name
        crystal = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
        crystal.rattle(0.05, seed=1)
        ase.io.write(path, crystal)
        agree(read(path)[0], ase.io.read(path), file=path, frame=0, results=False)

    def test_several_structures_in_a_cif(self, tmp_path):
        path = tmp_path / "a.cif.gz"
        ase.io.write(tmp_path / "a.cif", [bulk("Cu"), bulk("NaCl", "rocksalt", a=5.6)])
        path.write_bytes(gzip.compress((tmp_path / "a.cif").read_bytes()))
        assert [system.formula for system in read(path)] == ["Cu", "ClNa"]
        assert read(path)[0].info["spacegroup"] == "P 1"

    def test_compressed_names_that_tell_the_format(self, tmp_path):
        ase.io.write(tmp_path / "POSCAR", bulk("Cu"))
        (tmp_path / "POSCAR.gz").write_bytes(gzip.compress((tmp_path / "POSCAR").read_bytes()))
        assert read(tmp_path / "POSCAR.gz")[0].formula == "Cu"

    def test_vasp_output(self, tmp_path):
        (tmp_path / "vasprun.xml").write_text(VASPRUN)
        (system,) = read(tmp_path / "vasprun.xml")
        assert system.properties["energy"] == -8.5
        assert system.properties["free_energy"] == -8.6
        np.testing.assert_array_equal(system.arrays["forces"], [[0.0, 0.0, 0.25], [0.0, 0.0, -0.25]])

    def test_a_slab_without_third_vector_gets_one(self, tmp_path):
        slab = fcc111("Cu", (1, 1, 2))
        slab.info.clear()
        assert not slab.cell[2].any()
        ase.io.write(tmp_path / "a.xyz", slab)
        (system,) = read(tmp_path / "a.xyz")
        assert system.pbc == (True, True, False)
        np.testing.assert_array_equal(system.cell, slab.cell.complete())
        assert system.cell[2].tolist() == [0, 0, 1]

    def test_results_win_over_info(self):
        atoms = frames(1)[0]
        atoms.info["energy"] = 77.0
        atoms.new_array("forces", np.ones((len(atoms), 3)))
        agree(from_atoms(atoms), atoms)

    def test_length_unit(self, tmp_path):
        ase.io.write(tmp_path / "a.xyz", bulk("Cu", cubic=True))
        system, bohr = (read(tmp_path / "a.xyz", length_unit=unit)[0] for unit in ("angstrom", "bohr"))
        np.testing.assert_allclose(bohr.positions, system.positions * 0.529177, rtol=1e-6)  # digits of the constant
        np.testing.assert_allclose(bohr.cell, system.cell * 0.529177, rtol=1e-6)
        with pytest.raises(EmpnetError, match="length unit 'eV' is an energy"):
            iread(tmp_path / "a.xyz", length_unit="eV")


class TestNumpyArchives:
    def arrays(self, frames=4, n=3):
        rng = np.random.default_rng(0)
        return {
            "R": rng.normal(size=(frames, n, 3)),
            "z": np.array([8, 1, 1][:n], np.uint8),
            "E": rng.normal(size=frames),
            "F": rng.normal(size=(frames, n, 3)).astype(np.float32),
        }

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    @pytest.mark.parametrize(
        "names",
        [("R", "z", "E", "F"), ("coords", "nuclear_charges", "energies", "forces"), ("pos", "Z", "energy", "F")],
    )
    def test_layout_of_rmd17(self, tmp_path, save, names):
        arrays = self.arrays()
        save(tmp_path / "a.npz", **dict(zip(names, arrays.values(), strict=True)))
        systems = read(tmp_path / "a.npz")
        assert len(systems) == 4
        for number, system in enumerate(systems):
            np.testing.assert_array_equal(system.positions, arrays["R"][number])
            np.testing.assert_array_equal(system.species, arrays["z"])
            np.testing.assert_array_equal(system.arrays["forces"], arrays["F"][number])
            assert dict(system.properties) == {"energy": arrays["E"][number]}
            assert system.pbc == (False, False, False)
            assert system.cell is None
            assert str(system.origin) == f"{tmp_path / 'a.npz'}, frame {number}"

    def test_padding_at_the_end(self, tmp_path):
        arrays = self.arrays()
        arrays["z"] = np.array([[8, 1, 1], [6, 8, 0], [1, 0, 0], [1, 1, 1]])
        arrays["E"] = arrays["E"][:, None]
        np.savez(tmp_path / "a.npz", **arrays, q=np.ones((4, 3)))
        systems = read(tmp_path / "a.npz")
        assert [system.formula for system in systems] == ["H2O", "CO", "H", "H3"]
        assert [system.arrays["q"].shape for system in systems] == [(3,), (2,), (1,), (3,)]
        np.testing.assert_array_equal(systems[1].arrays["forces"], arrays["F"][1, :2])
        assert systems[2].properties["energy"] == arrays["E"][2, 0]

    def test_species_0_without_padding_is_kept(self, tmp_path):
        np.savez(tmp_path / "a.npz", R=np.zeros((2, 3, 3)), z=[1, 0, 0])
        assert read(tmp_path / "a.npz")[0].species.tolist() == [1, 0, 0]

    @pytest.mark.parametrize("key", ["N", "offsets"])
    def test_particles_one_after_the_other(self, tmp_path, key):
        counts = {"N": [1, 3, 2], "offsets": [0, 1, 4, 6]}[key]
        rows = np.arange(18.0).reshape(6, 3)
        np.savez(
            tmp_path / "a.npz", R=rows, Z=np.arange(1, 7), U0=[1.0, 2.0, 3.0], F=-rows, label=[0, 1, 0], **{key: counts}
        )
        systems = read(tmp_path / "a.npz")
        assert [system.species.tolist() for system in systems] == [[1], [2, 3, 4], [5, 6]]
        assert [system.properties["U0"] for system in systems] == [1.0, 2.0, 3.0]
        np.testing.assert_array_equal(systems[1].arrays["forces"], -rows[1:4])

    def test_a_single_frame_without_an_axis_for_it(self, tmp_path):
        np.savez(tmp_path / "a.npz", R=np.zeros((2, 3)), z=[1, 1], E=-1.0)
        (system,) = read(tmp_path / "a.npz")
        assert (len(system), system.properties["energy"]) == (2, -1.0)

    def test_other_arrays_by_their_shapes(self, tmp_path):
        others = {
            "gap": np.arange(4), "old_index": np.arange(4)[:, None], "charges": np.ones((4, 3)),
            "masses": [16.0, 1.0, 1.0], "tensor": np.ones((4, 3, 3)), "dipole": np.ones((4, 3)),
            "vector": np.ones((4, 5)), "theory": "DFT",
            "name": np.array(["a", "b", "c", "d"]), "label": np.array([b"a", b"b", b"c", b"d"]),
            "class_names": np.array(["x", "y"]), "good": np.ones(4, bool),
        }  # fmt: skip
        np.savez(tmp_path / "a.npz", **self.arrays(), **others)
        system = read(tmp_path / "a.npz")[2]
        assert dict(system.properties, energy=0) == {"gap": 2.0, "old_index": 2.0, "energy": 0}
        assert {name: array.shape for name, array in system.arrays.items()} == {
            "forces": (3, 3), "charges": (3,), "masses": (3,), "tensor": (3, 3)
        }  # fmt: skip
        assert {name: np.shape(value) for name, value in system.info.items()} == {
            "dipole": (3,), "vector": (5,), "theory": (), "name": (), "label": (), "class_names": (2,), "good": ()
        }  # fmt: skip
        assert (system.info["name"], system.info["label"], system.info["theory"]) == ("c", "c", "DFT")

    @pytest.mark.parametrize("each", [True, False])
    def test_periodic(self, tmp_path, each):
        cells = np.array([np.eye(3) * (5 + k) for k in range(4)])
        pbc = np.ones((4, 3), bool)
        np.savez(
            tmp_path / "a.npz",
            **self.arrays(),
            **({"cell": cells, "pbc": pbc} if each else {"cell": cells[0], "pbc": True}),
        )
        system = read(tmp_path / "a.npz")[3]
        assert system.pbc == (True, True, True)
        np.testing.assert_array_equal(system.cell, cells[3 if each else 0])

    def test_fortran_order_and_big_endian(self, tmp_path):
        arrays = self.arrays()
        np.savez(tmp_path / "a.npz", R=np.asfortranarray(arrays["R"]), z=arrays["z"], E=arrays["E"].astype(">f8"))
        system = read(tmp_path / "a.npz")[2]
        np.testing.assert_array_equal(system.positions, arrays["R"][2])
        assert system.properties["energy"] == arrays["E"][2]

    def test_stated_unit_of_length(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, **self.arrays(), r_unit="Ang")
        assert len(read(path)) == 4
        np.savez(path, **self.arrays(), r_unit="bohr")
        with pytest.raises(EmpnetError, match=r"r_unit bohr, but .* angstrom; leave the unit of length out or give bo"):
            read(path, length_unit="angstrom")
        by_hand = read(path, length_unit="bohr")
        with pytest.warns(UserWarning, match=r"a.npz: lengths are in bohr, as the file states \(r_unit\)"):
            stated = read(path)
        np.testing.assert_allclose(stated[0].positions, self.arrays()["R"][0] * 0.529177, rtol=1e-6)
        np.testing.assert_array_equal(stated[0].positions, by_hand[0].positions)
        assert stated[0].info["r_unit"] == "angstrom"  # so that no later reader converts again

    def test_memory_does_not_grow_with_the_file(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, R=np.random.default_rng(0).normal(size=(3000, 20, 3)), z=np.ones(20, int))
        next(iread(path))
        tracemalloc.start()
        assert sum(1 for _ in iread(path)) == 3000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert path.stat().st_size > 1e6
        assert peak < 5e5  # buffers of 64 kB


def test_reading_does_not_import_torch():
    code = "import sys, empnet.files.read, empnet.files.write, empnet.system.one_hot; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <atominfo>
  <atoms>2</atoms>
  <types>1</types>
  <array name="atoms"><dimension dim="1">ion</dimension><field type="string">element</field>
   <field type="int">atomtype</field><set><rc><c>H </c><c>1</c></rc><rc><c>H </c><c>1</c></rc></set></array>
 </atominfo>
 <kpoints><generation/><varray name="kpointlist"><v>0.0 0.0 0.0</v></varray>
  <varray name="weights"><v>1.0</v></varray></kpoints>
 <structure name="initialpos">
  <crystal><varray name="basis"><v>5.0 0.0 0.0</v><v>0.0 5.0 0.0</v><v>0.0 0.0 5.0</v></varray>
   <i name="volume">125.0</i></crystal>
  <varray name="positions"><v>0.0 0.0 0.0</v><v>0.0 0.0 0.15</v></varray>
 </structure>
 <calculation>
  <scstep><energy><i name="e_fr_energy">-8.6</i><i name="e_wo_entrp">-8.5</i>
   <i name="e_0_energy">-8.5</i></energy></scstep>
  <structure>
   <crystal><varray name="basis"><v>5.0 0.0 0.0</v><v>0.0 5.0 0.0</v><v>0.0 0.0 5.0</v></varray>
    <i name="volume">125.0</i></crystal>
   <varray name="positions"><v>0.0 0.0 0.0</v><v>0.0 0.0 0.15</v></varray>
  </structure>
  <varray name="forces"><v>0.0 0.0 0.25</v><v>0.0 0.0 -0.25</v></varray>
  <energy><i name="e_fr_energy">-8.6</i><i name="e_wo_entrp">-8.5</i><i name="e_0_energy">-8.5</i></energy>
 </calculation>
</modeling>
"""
