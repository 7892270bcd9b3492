"""Extended XYZ in every spelling that the format's documents allow: read as what it is, or refused with a hint."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.system.system import System

ROWS = "Cu 0 0 0.5 1 2 3\nCu 1 1 1 4 5 6\n"
CELL = "3.6 0 0 0.5 3.7 0 0.1 0 3.8"
USUAL = f'2\nLattice="{CELL}" Properties=species:S:1:pos:R:3:force:R:3 energy=-7.0 pbc="T T F"\n{ROWS}'


@pytest.fixture
def one(tmp_path):
    def one(content: str | bytes) -> System:
        path = tmp_path / "a.xyz"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (system,) = read(path)
        return system

    return one


def same(a: System, b: System) -> None:
    for name in ("positions", "species", "cell", "pbc"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert dict(a.properties) == dict(b.properties)
    np.testing.assert_equal(dict(a.info), dict(b.info))
    np.testing.assert_equal(dict(a.arrays), dict(b.arrays))


COMMENTS = [
    f'lattice="{CELL}" properties=species:S:1:pos:R:3:force:R:3 energy=-7.0 pbc="T T F"',
    f'LATTICE=" {CELL} " PROPERTIES=SPECIES:s:1:POS:r:3:FORCE:R:3 ENERGY = -7.0 PBC="T T F"',
    f"Lattice = '{CELL}' Properties = species:S:1:pos:R:3:force:R:3 energy = -7.0 pbc = [T, T, F]",
    f"Lattice={{{CELL}}} Properties={{species:S:1:pos:R:3:force:R:3}} energy={{-7.0}} pbc={{true True FALSE}}",
    f'Lattice=[{CELL.replace(" ", ", ")}] Properties="species:S:1:pos:R:3:force:R:3" energy=-7D0 pbc=[TRUE,T,false]',
    f'cell="{CELL}" Properties=species:S:1:pos:R:3:force:R:3 energy=-0.7d+1 pbc="1 1 0"',
    f'Lattice="{CELL}" Properties=Species:S:1:Pos:R:3:Force:R:3 Energy=-7.0 PBC="t t f"',
    f'Lattice="{CELL}" Properties=element:S:1:pos:R:3:force:R:3 energy=-7.0 pbc=TTF',
    f'Lattice="[{CELL.replace(" ", ",")}]" Properties=symbol:S:1:pos:R:3:force:R:3 energy=-7.0 pbc="[T, T, F]"',
    f'\tLattice="{CELL.replace(" ", "  ")}"\tProperties=symbols:S:1:positions:R:3:force:R:3 energy=-70e-1 pbc="T,T,F"',
]


@pytest.mark.parametrize("comment", COMMENTS)
def test_spellings_of_the_comment(one, comment):
    same(one(f"2\n{comment}\n{ROWS}"), one(USUAL))


@pytest.mark.parametrize("change", ["\r\n", "\ufeff", "\t", "utf-16"])
def test_spellings_of_the_file(one, change):
    text = {"\r\n": USUAL.replace("\n", "\r\n"), "\ufeff": "\ufeff" + USUAL, "\t": USUAL.replace("Cu ", "CU\t\t")}
    same(one(text.get(change, USUAL).encode("utf-16" if change == "utf-16" else "utf-8")), one(USUAL))


@pytest.mark.parametrize("blank", ["", " "])
def test_matrices_as_the_reference_package_writes_them(one, blank):
    virial = f"[[1.0,{blank}0.1,{blank}0.2],{blank}[0.1,{blank}2.0,{blank}0.3],{blank}[0.2,{blank}0.3,{blank}3.0]]"
    nine = '"1.0 0.1 0.2 0.1 2.0 0.3 0.2 0.3 3.0"'
    box, pbc = "[[3,0,0],[0,3,0],[0,0,3]]", f"[T,{blank}T,{blank}T]"
    same(
        one(f"1\nvirial={virial} stress={virial} Lattice={box} pbc={pbc}\nH 0 0 0\n"),
        one(f'1\nvirial={nine} stress={nine} Lattice="3 0 0 0 3 0 0 0 3"\nH 0 0 0\n'),
    )


def test_other_values_come_back_as_arrays_or_as_the_text_they_were(one):
    system = one(
        '1\nm=[[1, 2], [3, 4.5]] v=[1, 2] b=[T, F] s=[a, "b c"] rag=[[1, 2], [3]] q="say \\"hi\\"" l="a\\nb" '
        'label=1_000 e="" k=[5] late=\nH 0 0 0\n'
    )
    np.testing.assert_equal(
        dict(system.info),
        {
            "m": np.array([[1, 2], [3, 4.5]]), "v": np.array([1, 2]), "b": [True, False], "s": 'a, "b c"',
            "rag": "[[1, 2], [3]]", "q": 'say "hi"', "l": "a\nb", "label": "1_000", "e": "", "late": "",
        },
    )  # fmt: skip
    assert dict(system.properties) == {"k": 5.0}


def test_fortran_numbers(one):
    system = one(
        '1\nLattice="1.0D1 0 0 0 1.d1 0 0 0 1d+1" energy=-1.5D-1 '
        "Properties=species:S:1:pos:R:3:x:R:1\nH 1.0D-3 2d0 -3. 4D0\n"
    )
    np.testing.assert_array_equal(system.positions, [[0.001, 2.0, -3.0]])
    np.testing.assert_array_equal(system.cell, 10 * np.eye(3))
    assert (system.properties["energy"], system.arrays["x"][0]) == (-0.15, 4.0)


def test_logical_columns_in_every_spelling(one):
    words = ["T", "F", "true", "False", "TRUE", "FALSE"]
    rows = "".join(f"H {k} 0 0 {word}\n" for k, word in enumerate(words))
    system = one(f"6\nProperties=species:S:1:pos:R:3:on:L:1\n{rows}")
    assert system.arrays["on"].tolist() == [True, False, True, False, True, False]


def test_periodicity(one):
    assert one('1\nLattice="3 0 0 0 3 0 0 0 3"\nH 0 0 0\n').pbc == (True, True, True)
    assert one('1\nLattice="3 0 0 0 3 0 0 0 3" pbc="F F F"\nH 0 0 0\n').pbc == (False, False, False)
    assert one('1\nLattice="3 0 0 0 3 0 0 0 3" pbc=F\nH 0 0 0\n').pbc == (False, False, False)
    assert one('1\nLattice="3 4 5"\nH 0 0 0\n').cell.diagonal().tolist() == [3, 4, 5]


def test_a_comment_of_words_is_one_text(one):
    system = one("1\nwater, optimised (PBE) 17\nH 0 0 0\n")
    assert dict(system.info) == {"comment": "water, optimised (PBE) 17"}
    assert not system.properties


def test_latin_1_is_read_and_said(one):
    with pytest.warns(UserWarning, match="not UTF-8; it is read as Latin-1"):
        assert one("1\nname=Köln\nH 0 0 0\n".encode("latin-1")).info["name"] == "Köln"


REFUSED = {
    "deuterium": ("1\n\nD 0 0 0\n", ["particle 0 (line 3)", "'D'", "write H"]),
    "deuterium in small letters": ("1\n\nd 0 0 0\n", ["particle 0 (line 3)", "'d'", "write H"]),
    "an atom of a force field": ("1\n\nOW 0 0 0\n", ["'OW'", "atom label", "'O'"]),
    "a ghost atom": ("1\n\nGh(O) 0 0 0\n", ["'Gh(O)'", "ghost atoms", "remove them"]),
    "a cell without quotes": ("1\nLattice=3 0 0 0 3 0 0 0 3\nH 0 0 0\n", ["Lattice has 1 numbers", "quotes"]),
    "a number as symbol": ("1\n\n29 0 0 0\n", ["particle 0 (line 3)", "'29'", "Z:I:1"]),
    "a number as declared symbol": ("1\nProperties=species:S:1:pos:R:3\n29 0 0 0\n", ["'29'", "Z:I:1"]),
    "a labelled atom": ("1\n\nCu12 0 0 0\n", ["'Cu12'", "did you mean 'Cu'?"]),
    "species and Z disagree": ("1\nProperties=species:S:1:Z:I:1:pos:R:3\nH 2 0 0 0\n", ["H", "Z is 2"]),
    "eight numbers": ('1\nLattice="1 0 0 0 1 0 0 0"\nH 0 0 0\n', ["line 2", "Lattice has 8 numbers", "nine numbers"]),
    "a matrix with two meanings": (
        "1\nLattice=[[3, 0, 0], [1, 3, 0], [0, 0, 3]]\nH 0 0 0\n",
        ["line 2", "rows", "columns", "nine numbers"],
    ),
    "pbc": ('1\npbc="T T"\nH 0 0 0\n', ["line 2", "pbc", "three of T and F"]),
    "two energies": ("1\nenergy=1.0 energy=2.0\nH 0 0 0\n", ["line 2", "'energy' is given twice"]),
    "an open quote": ('1\nenergy=1.0 name="abc\nH 0 0 0\n', ["line 2", "quote", "'name'", "not closed"]),
    "an open bracket": ("1\nvirial=[[1, 2], [3\nH 0 0 0\n", ["line 2", "bracket", "'virial'", "not closed"]),
    "no positions": ("1\nProperties=species:S:1:x:R:3\nH 0 0 0\n", ["line 2", "no positions", "pos:R:3"]),
    "a column twice": ("1\nProperties=pos:R:3:a:R:1:a:R:1\n0 0 0 1 1\n", ["line 2", "'a' twice"]),
    "a logical that is none": ("1\nProperties=species:S:1:pos:R:3:on:L:1\nH 0 0 0 yes\n", ["'yes'", "T or F"]),
    "columns without end": (
        "1\nProperties=species:S:1:pos:R:3:x:R:1000000000000\nH 0 0 0 1\n",
        ["5 columns", "wanted 1000000000004"],
    ),
    "many columns": ("1\nProperties=species:S:1:pos:R:3:x:R:100000000\nH 0 0 0 1\n", ["5 columns", "100000004"]),
    "no such number": (f"1\nProperties=pos:R:3:x:R:{'9' * 6000}\n0 0 0 1\n", ["line 2", "Properties has"]),
    "particles without end": ("1000000000000\n\nH 0 0 0\n", ["1000000000000 particles", "more than fit"]),
    "digits without end": ("9" * 6000 + "\n\nH 0 0 0\n", ["6000-digit number", "more than fit"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(one, name):
    content, told = REFUSED[name]
    with pytest.raises(EmpnetError) as caught:
        one(content)
    line = str(caught.value)
    assert line.count("a.xyz") == 1
    assert len(line) < 500
    for part in told:
        assert part in line


@pytest.mark.parametrize("key", ["box", "cell", "Cell", "unit_cell"])
@pytest.mark.parametrize("cell", ["3 4 5", "3 4 5 90 90 90", "3 0 0 0 4 0 0 0 5"])
@pytest.mark.filterwarnings("ignore:.*is read as the cell, because there is no Lattice")
def test_a_cell_under_another_name(one, key, cell):
    system = one(f'1\n{key}="{cell}"\nH 0 0 0\n')
    np.testing.assert_allclose(system.cell, np.diag([3.0, 4.0, 5.0]), atol=1e-12)
    assert system.pbc == (True, True, True)


def test_a_box_that_is_no_cell_is_not_passed_over_in_silence(one):
    with pytest.warns(UserWarning, match="'box' is not read as a cell; the key for a cell is Lattice"):
        one('1\nbox="3 3"\nH 0 0 0\n')
    with pytest.warns(UserWarning, match="'box' is read as the cell"):
        one('1\nbox="3 3 3"\nH 0 0 0\n')


def test_species_in_a_column_of_another_name(one):
    numbers = one("2\nProperties=atomic_numbers:I:1:pos:R:3\n29 0 0 0\n8 0 0 1\n")
    assert numbers.formula == "CuO"
    with pytest.warns(UserWarning, match="column 'type' is read as the species"):
        assert one("2\nProperties=type:S:1:pos:R:3\nCu 0 0 0\nO 0 0 1\n").formula == "CuO"
    kept = one("1\nProperties=species:S:1:pos:R:3:type:S:1:element:S:1\nCu 0 0 0 O x\n")
    assert (kept.formula, sorted(kept.arrays)) == ("Cu", ["element", "type"])
    assert one("1\nProperties=type:S:1:pos:R:3\nbead 0 0 0\n").species is None


def test_a_unit_after_the_number(one):
    system = one("1\nenergy=-7.0 kcal/mol gap = 3 eV relaxed\nH 0 0 0\n")
    assert dict(system.properties) == {"energy": -7.0, "gap": 3.0}
    assert dict(system.info) == {"energy_unit": "kcal/mol", "gap_unit": "eV", "relaxed": True}


def test_a_unit_within_the_quotes(one):
    system = one('1\nenergy="-7.0 kcal/mol" name="2 mol" Properties=species:S:1:pos:R:3\nH 0 0 0\n')
    assert dict(system.properties) == {"energy": -7.0}
    assert dict(system.info) == {"energy_unit": "kcal/mol", "name": "2 mol"}


def test_a_dummy_atom_is_named(one):
    with pytest.warns(UserWarning, match=r"frame 0, particle 1: species X \(0\) is not an element"):
        one("2\n\nH 0 0 0\nX 0 0 1\n")


def test_files_of_qm9(one):
    values = (
        "157.7118 157.70997 157.70699 0. 13.21 -0.3877 0.1171 0.5048 35.3641 0.044749 -40.47893 -40.4 -40.4 -40.4 6.469"
    )
    molecule = (
        f"2\ngdb 1\t{values}\t\nC\t-0.5\t 1.0\t 8*^-6\t-0.53\nH\t 0.0\t-6.*^-3\t 0.0\t 0.13\n"
        "1341.3 1341.4\nC\tC\t\nInChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        system = one(molecule)
    np.testing.assert_array_equal(system.positions, [[-0.5, 1.0, 8e-6], [0.0, -6e-3, 0.0]])
    assert (system.properties["U0"], system.properties["gap"], system.properties["Cv"]) == (-40.47893, 0.5048, 6.469)
    assert (system.info["smiles"], system.arrays["mulliken"].tolist()) == ("C", [-0.53, 0.13])
    path = Path(system.origin.file)
    path.write_text(molecule * 3)
    assert [len(system) for system in read(path)] == [2, 2, 2]


def test_an_isotope_with_its_mass_number_has_a_hint(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nProperties=species:S:1:pos:R:3\n13C 0 0 0\n")
    with pytest.raises(EmpnetError, match=r"'13C' is not a chemical symbol; did you mean 'C'\?"):
        read(tmp_path / "a.xyz")
