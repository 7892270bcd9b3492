"""Tables of points: CSV, TSV, TXT, PTS, and XYZ files that are not those of chemists."""

import gzip

import numpy as np
import pytest

from empnet import EmpnetError, read
from empnet.files.clouds.table import is_table

PLAIN = "0 0 0\n1 0 0\n0 1 2.5\n"
WANTED = [[0, 0, 0], [1, 0, 0], [0, 1, 2.5]]

TABLES = {
    "three numbers": ("a.xyz", PLAIN, []),
    "more columns": ("a.xyz", "0 0 0 7 1\n1 0 0 7 2\n0 1 2.5 7 3\n", ["field_1", "field_2"]),
    "blank first line": ("a.xyz", "\n" + PLAIN, []),
    "header in xyz": ("a.xyz", "x y z intensity\n0 0 0 7\n1 0 0 7\n0 1 2.5 7\n", ["intensity"]),
    "cloudcompare": ("a.txt", "//X Y Z R\n0 0 0 7\n1 0 0 7\n0 1 2.5 7\n", ["R"]),
    "marked header": ("a.asc", "# x,y,z,R\n0,0,0,7\n1,0,0,7\n0,1,2.5,7\n", ["R"]),
    "remarks": ("a.txt", "# scanned by hand\n" + PLAIN + "# the end\n", []),
    "csv": ("a.csv", "x,y,z\n0,0,0\n1,0,0\n0,1,2.5\n", []),
    "quotes": ("a.csv", '"x","y","z","n"\n0,0,0,1\n1,0,0,1\n0,1,2.5,1\n', ["n"]),
    "other order": ("a.csv", "id,Z,y,X\n0,0,0,0\n1,0,0,1\n2,2.5,1,0\n", ["id"]),
    "byte order mark": ("a.csv", "\ufeffx;y;z\n0;0;0\n1;0;0\n0;1;2.5\n", []),
    "modelnet's texts": ("a.txt", "0,0,0,1,0,0\n1,0,0,1,0,0\n0,1,2.5,1,0,0\n", ["field_1", "field_2", "field_3"]),
    "tsv": ("a.tsv", "x\ty\tz\n0\t0\t0\n1\t0\t0\n0\t1\t2.5\n", []),
    "pts": ("a.pts", PLAIN, []),
    "pts with count": ("a.pts", "3\n" + PLAIN, []),
    "pts with fields": ("a.pts", "3\n0 0 0 -5 1 2 3\n1 0 0 -5 1 2 3\n0 1 2.5 -5 1 2 3\n", ["field_1", "field_2"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read(tmp_path, name):
    file, text, fields = TABLES[name]
    (tmp_path / file).write_text(text, encoding="utf-8")
    [system] = read(tmp_path / file)
    assert system.species is None
    assert system.positions.tolist() == WANTED
    assert list(system.arrays)[: len(fields)] == fields
    with gzip.open(tmp_path / f"{file}.gz", "wt", encoding="utf-8") as stream:
        stream.write(text)
    assert read(tmp_path / f"{file}.gz")[0].positions.tolist() == WANTED
    assert is_table(tmp_path / f"{file}.gz")


def test_field_values_are_those_of_the_table(tmp_path):
    (tmp_path / "a.csv").write_text("x,intensity,y,z\n0,5,0,0\n1,6,0,0\n")
    assert read(tmp_path / "a.csv")[0].arrays["intensity"].tolist() == [5, 6]


@pytest.mark.parametrize("first", ["2\n", " 2 \n", "\n2\n"])
def test_the_xyz_files_of_chemists_are_read_as_before(tmp_path, first):
    (tmp_path / "a.xyz").write_text(f"{first}water without one\nO 0 0 0\nH 0 0 1\n")
    assert not is_table(tmp_path / "a.xyz")
    if first.startswith("\n"):
        return
    [system] = read(tmp_path / "a.xyz")
    assert system.formula == "HO"


def test_other_texts_are_no_tables(tmp_path):
    for name, text in [
        ("a.csv", "file,volume\na.las,3\n"),
        ("a.txt", "a remark about x, y and z\n"),
        ("b.txt", "1 2\n3 4\n"),
        ("c.txt", ""),
        ("d.csv", "1,2,\n"),
        ("e.dat", PLAIN),
    ]:
        (tmp_path / name).write_text(text)
        assert not is_table(tmp_path / name), name
    (tmp_path / "f.txt").write_bytes(b"1 2 3\x00")
    assert not is_table(tmp_path / "f.txt")
    assert not is_table(tmp_path / "none.txt")
    with pytest.raises(EmpnetError, match=r"a\.csv: is in a format .*; a table of points needs the columns x, y and z"):
        read(tmp_path / "a.csv")


BAD = {
    "a cut line": ("a.csv", "x,y,z\n0,0,0\n1,0\n", "cannot be read as a table of points"),
    "a word": ("a.csv", "x,y,z\n0,0,zero\n", "could not convert string 'zero'.* only numbers"),
    "an empty cell": ("a.csv", "x,y,z\n0,0,\n", "cannot be read as a table of points"),
    "names and columns": ("a.csv", "x,y,z\n0,0,0,0\n", "its header names 3 columns, but lines have 4"),
    "only a header": ("a.csv", "x,y,z\n", "its lines have"),
    "nan": ("a.csv", "x,y,z\n0,0,0\n0,nan,0\n", r"position of point 1 is not finite \(0, nan, 0\)"),
    "inf": ("a.txt", "0 0 0\n0 0 inf\n", r"position of point 1 is not finite \(0, 0, inf\)"),
    "too few": ("a.pts", "4\n" + PLAIN, "promises 4 points, but 3 lines follow"),
    "too many promised": ("a.pts", "1000000000000\n" + PLAIN, "promises 1,000,000,000,000 points"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_told(tmp_path, name):
    file, text, told = BAD[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(EmpnetError, match=f"{file}.*{told}") as caught:
        read(tmp_path / file)
    assert "\n" not in str(caught.value)


def test_numbers_keep_all_digits(tmp_path):
    points = np.random.default_rng(0).normal(size=(20, 3)) + 4e6
    np.savetxt(tmp_path / "a.txt", points, fmt="%.17g")
    assert np.array_equal(read(tmp_path / "a.txt")[0].positions, points)
