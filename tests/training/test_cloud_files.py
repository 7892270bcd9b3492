"""Clouds in files: folders of classes and tables of values, from files to files, with their names."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import empnet
from empnet.dataset.cache import data_hash
from empnet.errors import EmpnetError
from empnet.files.clouds.members import is_listing, members

SMALL = {"epochs": 1, "points": 16, "width": 32, "layers": 1, "quiet": True, "threads": 1}


@pytest.fixture
def scans(tmp_path):
    """Four clouds of points for each of two classes, and a table of their volumes."""
    random, rows = np.random.default_rng(0), ["file,volume"]
    for kind, stretch in (("rod", [4.0, 0.3, 0.3]), ("ball", [1.0, 1.0, 1.0])):
        (tmp_path / "scans" / kind).mkdir(parents=True)
        for k in range(4):
            points = random.normal(size=(30, 3)) * stretch
            np.savetxt(tmp_path / "scans" / kind / f"{kind}{k}.xyz", points)
            rows.append(f"scans/{kind}/{kind}{k}.xyz,{np.prod(stretch) + 0.1 * k}")
    (tmp_path / "volumes.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_folders_are_classes_and_files_are_named(scans):
    result = empnet.train(scans / "scans", out=scans / "run", **SMALL)
    card = empnet.load(result.run).card
    assert card.properties == ("label",) and card.classes == ("ball", "rod")
    from empnet.prediction.predict import predict_file

    assert predict_file(result.run, scans / "scans", scans / "out.csv", quiet=True) == 8
    rows = list(csv.DictReader((scans / "out.csv").read_text().splitlines()))
    assert rows[0]["file"].endswith("ball0.xyz") and rows[0]["points"] == "30"
    assert float(rows[0]["empnet_p_ball"]) + float(rows[0]["empnet_p_rod"]) == pytest.approx(1)
    assert rows[0]["empnet_label"] in ("ball", "rod")


def test_a_table_of_values_is_data(scans):
    table = str(scans / "volumes.csv")
    assert is_listing(table) and len(members(table)) == 8
    systems = empnet.read(table)
    assert systems[0].properties["volume"] == pytest.approx(0.36)
    assert systems[0].origin.file.endswith("rod0.xyz")
    before = data_hash(table)
    result = empnet.train(table, "volume", out=scans / "run", scale_power=0, **SMALL)
    assert result.finished
    (scans / "scans/rod/rod0.xyz").write_text("0 0 0\n1 0 0\n0 1 0\n0 0 1\n1 1 1\n")
    assert data_hash(table) != before


@pytest.mark.parametrize(
    ("row", "text"), [("scans/rod/rod9.xyz,1", "there is no file"), ("{first}", "is listed twice")]
)
def test_a_table_with_a_wrong_row_names_the_line(scans, row, text):
    table = scans / "volumes.csv"
    first = table.read_text().split("\n")[1]
    table.write_text(table.read_text() + row.format(first=first) + "\n")
    with pytest.raises(EmpnetError, match=text) as caught:
        empnet.read(table)
    assert "line 10" in str(caught.value)


def test_a_bad_file_of_a_folder_is_named(scans):
    (scans / "scans/rod/rod1.xyz").write_text("1 2 3\n1 2 3\n1 2 3\n")
    with pytest.raises(EmpnetError, match=r"rod1\.xyz(, frame 0)?: all points are equal"):
        empnet.train(scans / "scans", out=scans / "run", **SMALL)
    assert not (scans / "run").exists()


def test_a_class_with_one_member_names_its_file(scans):
    (scans / "scans/lorry").mkdir()
    np.savetxt(scans / "scans/lorry/a.xyz", np.random.default_rng(0).random((9, 3)))
    with pytest.raises(EmpnetError, match=r"a\.xyz(, frame 0)?: class 'lorry' has one member only"):
        empnet.train(scans / "scans", out=scans / "run", **SMALL)
