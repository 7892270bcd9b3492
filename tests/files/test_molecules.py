"""SDF and MOL2: all molecules with all that the file says of them."""

import gzip

import numpy as np
import pytest
from ase.build import molecule

from empnet.cli import main
from empnet.errors import EmpnetError
from empnet.files.read import iread, read

NAMES = ["H2O", "CH4", "CH3OH", "NH3", "C2H6"]


def sdf(name: str, fields: dict[str, str], charge: str = "") -> str:
    """A molecule of ASE's as V2000, in the format's fixed columns."""
    atoms = molecule(name)
    rows = "".join(
        f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3} 0  0\n"
        for (x, y, z), symbol in zip(atoms.positions, atoms.symbols, strict=True)
    )
    said = "".join(f"> <{key}>\n{value}\n\n" for key, value in fields.items())
    return (
        f"{name}\n  program\n\n{len(atoms):3d}  1  0  0  0  0 V2000\n{rows}  1  2  1  0\n{charge}M  END\n{said}$$$$\n"
    )


FILE = "".join(sdf(name, {"U0": f"{-k - 0.5}", "note": "two\nlines"}) for k, name in enumerate(NAMES))


def test_all_molecules_and_fields(tmp_path):
    (tmp_path / "a.sdf").write_text(FILE)
    (tmp_path / "b.sdf.gz").write_bytes(gzip.compress(FILE.encode()))
    for systems in (read(tmp_path / "a.sdf"), read(tmp_path / "b.sdf.gz")):
        for k, (name, system) in enumerate(zip(NAMES, systems, strict=True)):
            atoms = molecule(name)
            np.testing.assert_allclose(system.positions, atoms.positions, rtol=0, atol=0.51e-4)  # 4 decimals
            np.testing.assert_array_equal(system.species, atoms.numbers)
            assert dict(system.properties) == {"U0": -k - 0.5}
            assert dict(system.info) == {"name": name, "note": "two\nlines"}
            assert system.origin.frame == k
    assert next(iread(tmp_path / "a.sdf", first=3)).info["name"] == "NH3"


def test_charges_and_a_file_without_an_end_mark(tmp_path):
    (tmp_path / "a.mol").write_text(sdf("CH4", {}, "M  CHG  2   1   1   3  -1\n").removesuffix("$$$$\n"))
    (system,) = read(tmp_path / "a.mol")
    assert system.arrays["formal_charges"].tolist() == [1, 0, -1, 0, 0]


def test_v3000(tmp_path):
    (tmp_path / "a.sdf").write_text(
        "ion\n\n\n  0  0  0     0  0            999 V3000\n"
        "M  V30 BEGIN CTAB\nM  V30 COUNTS 2 1 0 0 0\nM  V30 BEGIN ATOM\n"
        "M  V30 1 N 0.5 0 0 0 CHG=1\nM  V30 2 O 0 0 1.2 -\nM  V30 0\nM  V30 END ATOM\nM  V30 END CTAB\nM  END\n"
        "> <E>\n-1e1\n\n$$$$\n" + sdf("H2O", {"E": "-2"})
    )
    first, second = read(tmp_path / "a.sdf")
    assert (first.formula, first.positions.tolist()) == ("NO", [[0.5, 0, 0], [0, 0, 1.2]])
    assert (first.properties["E"], first.arrays["formal_charges"].tolist()) == (-10.0, [1, 0])
    assert (second.formula, second.properties["E"]) == ("H2O", -2.0)


def test_a_drawing_is_told(tmp_path):
    (tmp_path / "a.sdf").write_text(sdf("NH3", {}).replace("0.1165", "0.0000").replace("-0.2718", " 0.0000"))
    with pytest.warns(UserWarning, match="z is 0 for all atoms"):
        read(tmp_path / "a.sdf")


def test_cut_files_lose_no_molecule_in_silence(tmp_path):
    path = tmp_path / "a.sdf"
    for length in range(0, len(FILE), 7):
        path.write_text(FILE[:length])
        try:
            found = len(read(path))
        except EmpnetError as error:
            assert str(error).startswith(str(path))
        else:
            whole = FILE[:length].count("$$$$")
            rest = FILE[:length].rpartition("$$$$")[2]
            assert found == whole + ("M  END" in rest)
            assert ">" not in rest


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("U0>", "note>", ["line 13", "'note' occurs twice"]),
        ("C  ", "Qq ", ["frame 1", "'Qq'", "line 22"]),
        ("  5  1", "  x  1", ["frame 1", "numbers of atoms and bonds", "line 21"]),
        ("  5  1", "999  1", ["frame 1", "is not an atom"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, old, new, told):
    (tmp_path / "a.sdf").write_text(FILE.replace(old, new))
    with pytest.raises(EmpnetError) as caught:
        read(tmp_path / "a.sdf")
    for part in told:
        assert part in str(caught.value)


MOL2 = """# score: -5.5
@<TRIPOS>MOLECULE
ring
 3 1 0 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C1   0.1 0.2 0.3 C.ar 1 BEN -0.06
      2 Cl1  1.1 0.2 0.3 Cl 1 BEN 0.05
      3 NA   1.1 3.2 0.3 Na 1 BEN 0.01
@<TRIPOS>BOND
 1 1 2 1
"""


def test_mol2(tmp_path):
    (tmp_path / "a.mol2").write_text(MOL2 + MOL2.replace("-5.5", "-7") + "@<TRIPOS>CRYSIN\n10 11 12 90 90 90 1 1\n")
    first, second = read(tmp_path / "a.mol2")
    assert first.species.tolist() == second.species.tolist() == [6, 17, 11]
    assert (first.properties["score"], second.properties["score"]) == (-5.5, -7.0)
    assert first.arrays["charges"].tolist() == [-0.06, 0.05, 0.01]
    assert first.arrays["atom_types"].tolist() == ["C.ar", "Cl", "Na"]
    assert (first.info["name"], first.pbc, second.pbc) == ("ring", (False,) * 3, (True,) * 3)
    np.testing.assert_allclose(second.cell, np.diag([10.0, 11.0, 12.0]), atol=1e-12)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (MOL2[: MOL2.index("      3 NA")], "2 atoms; wanted 3, according to line 4"),
        (MOL2[: MOL2.index(" 1 1 2 1")], "0 bonds; wanted 1, according to line 4"),
        (MOL2.replace("C.ar", "Du"), "line 9: atom 'C1' has type 'Du' (a dummy atom)"),
        (MOL2.replace("0.2 0.3 C.ar", "zero 0.3 C.ar"), "line 9"),
    ],
)
def test_damaged_mol2(tmp_path, content, told):
    (tmp_path / "a.mol2").write_text(content)
    with pytest.raises(EmpnetError, match="frame 0") as caught:
        read(tmp_path / "a.mol2")
    assert told in str(caught.value)


def test_inspect_counts_all_molecules(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.sdf").write_text(FILE)
    monkeypatch.setattr("sys.argv", ["empnet", "inspect", str(tmp_path / "a.sdf"), "--json"])
    try:
        main()
    except SystemExit as stop:
        assert not stop.code
    text = capsys.readouterr().out
    assert "U0" in text
    assert '"systems": 5' in text.replace('"frames"', '"systems"')


V3000 = (
    "ion\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS {n} 0 0 0 0\n"
    "M  V30 BEGIN ATOM\nM  V30 1 N 0.5 0 0 0\nM  V30 2 O 0 0 1.2 0\nM  V30 END ATOM\nM  V30 END CTAB\nM  END\n$$$$\n"
)


def test_v3000_with_fewer_atoms_than_it_counts(tmp_path):
    (tmp_path / "a.sdf").write_text(V3000.format(n=2) + V3000.format(n=3))
    with pytest.raises(EmpnetError, match=r"frame 1: line .*: 2 atoms; wanted 3, according to COUNTS"):
        read(tmp_path / "a.sdf")


def test_molecules_without_a_mark_between_them(tmp_path):
    (tmp_path / "a.mol").write_text(sdf("CH4", {}).removesuffix("$$$$\n") + sdf("H2O", {}))
    with pytest.raises(EmpnetError, match=r"another molecule begins within this molecule; wanted \$\$\$\$"):
        read(tmp_path / "a.mol")


def test_fields_without_a_blank_line_between_them(tmp_path):
    (tmp_path / "a.sdf").write_text(sdf("CH4", {"U0": "-1.5\n> <H>\n-1.25"}))
    assert dict(read(tmp_path / "a.sdf")[0].properties) == {"U0": -1.5, "H": -1.25}


def test_isotopes_are_told(tmp_path):
    (tmp_path / "a.sdf").write_text(sdf("CH4", {}, "M  ISO  1   2   2\n"))
    with pytest.warns(UserWarning, match="isotopes are read as their elements"):
        assert read(tmp_path / "a.sdf")[0].formula == "CH4"


CRYSTAL = (
    "@<TRIPOS>MOLECULE\nwater\n 1 0\nSMALL\nNO_CHARGES\n@<TRIPOS>ATOM\n1 O1 0 0 0 O.3 1 W\n"
    "@<TRIPOS>CRYSIN\n4 5 6 90 90 90 {group} 1\n@<TRIPOS>COMMENT\nenergy = -76.4\n"
)


def test_comments_and_the_space_group_of_mol2(tmp_path):
    (tmp_path / "a.mol2").write_text(CRYSTAL.format(group=1))
    assert read(tmp_path / "a.mol2")[0].properties["energy"] == -76.4
    (tmp_path / "a.mol2").write_text(CRYSTAL.format(group=14))
    with pytest.warns(UserWarning, match="space group 14: symmetry is not applied"):
        read(tmp_path / "a.mol2")
