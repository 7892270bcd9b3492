"""Bundled data sets: found by name, and what their cards say is true."""

import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.files.bundled import card, names, resolve
from empnet.files.read import iread, read
from empnet.system.units import parse_unit
from empnet.training.run.config import TrainConfig


@pytest.fixture(scope="module")
def qm7():
    return read("qm7")


def test_qm7_holds_what_its_readme_says(qm7):
    assert len(qm7) == 6101
    assert max(map(len, qm7)) == 23
    assert set(np.concatenate([system.species for system in qm7])) == {1, 6, 7, 8, 16}
    assert max((system.species > 1).sum() for system in qm7) == 7
    assert {tuple(sorted(system.properties)) for system in qm7} == {("energy", "energy_dftb")}
    assert len({system.info["name"] for system in qm7}) == 6101
    assert qm7[17].origin.file == "qm7"
    assert qm7[17].origin.frame == 17


def test_qm7_composition_explains_all_but_15_kcal_per_mol(qm7):
    counts = np.array([[(system.species == z).sum() for z in (1, 6, 7, 8, 16)] for system in qm7], dtype=float)
    energies = np.array([system.properties["energy"] for system in qm7])
    fit = np.linalg.lstsq(counts, energies, rcond=None)[0]
    # 15.0 in the README is for all 7,101 molecules and with a constant; these 6,101 without one are close to it.
    assert np.abs(counts @ fit - energies).mean() == pytest.approx(15.0, abs=0.5)


@pytest.fixture(scope="module")
def buildings():
    return read("buildings")


def test_buildings_hold_what_their_readme_says(buildings):
    assert len(buildings) == 131
    assert {len(building) for building in buildings} == {1024}
    assert all(building.species is None and building.cell is None for building in buildings)
    assert all({*building.properties} == {"volume", "area", "height"} for building in buildings)
    blocks = [building.info["block"] for building in buildings]
    assert len(set(blocks)) == 19 == 1 + sum(one != other for one, other in pairwise(blocks))
    assert [building.info["name"] for building in buildings] == [f"3dbag-{n:04d}" for n in range(1, 132)]
    assert Counter(building.info["roof"] for building in buildings) == {
        "slanted": 108, "horizontal": 14, "multiple horizontal": 9
    }  # fmt: skip
    volumes = [building.properties["volume"] for building in buildings]
    assert [round(min(volumes), 1), round(np.median(volumes)), round(max(volumes))] == [8.6, 482, 72_122]


def test_buildings_are_in_metres_and_z_is_up(buildings):
    for building in buildings:
        positions, height = building.positions, building.properties["height"]
        assert np.abs(positions.mean(0)).max() < 0.01  # centred before rounding to 1 cm
        # The roof's highest point need not be drawn, and six standard deviations of noise are 0.3 m.
        assert 0.7 * height < np.ptp(positions[:, 2]) < height + 0.6
        assert building.properties["volume"] < np.ptp(positions, axis=0).prod()


def test_credit_for_the_buildings_is_given_with_them():
    known, credit = card("buildings"), "(c) 3DBAG by tudelft3d and 3DGI, CC BY 4.0"
    folder = resolve("buildings").parent
    assert all(credit in text for text in (known.licence, known.citation, (folder / "README.md").read_text()))
    licence = (folder / "LICENSE").read_text()
    assert credit in licence and "https://creativecommons.org/licenses/by/4.0/" in licence and "3dbag.nl" in licence
    assert [parse_unit(known.units[name]).kind for name in ("volume", "area", "height")] == [
        "a volume", "an area", "a length"
    ]  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_cards_are_whole(name):
    known = card(name)
    assert resolve(name).name == known.file
    assert known.property in next(iread(name)).properties
    assert known.property in known.units
    assert all(parse_unit(unit).factor > 0 for unit in known.units.values())
    folder = resolve(name).parent
    assert (folder / "README.md").is_file()
    assert known.licence.split(" (")[0] in (folder / "LICENSE").read_text()
    assert set(known.settings) <= set(known.units)
    assert all(set(settings) <= set(TrainConfig.model_fields) for settings in known.settings.values())
    assert tomllib.loads((folder / "card.toml").read_text())["citation"]


def test_a_file_of_the_users_wins_over_a_bundled_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qm7").mkdir()  # a folder is no data
    assert card("qm7") is not None
    assert resolve("qm7").name == "qm7-6101.extxyz.gz"
    (tmp_path / "qm7").rmdir()
    (tmp_path / "qm7").write_text("1\nenergy=2\nH 0 0 0\n")
    assert card("qm7") is None
    assert [system.properties["energy"] for system in read("qm7")] == [2.0]


def test_unknown_files_are_told_with_what_is_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "water.extxyz").write_text("")
    for name, hint in [
        ("watr.extxyz", "did you mean 'water.extxyz'?"),
        ("qm-7", "did you mean 'qm7'?"),
        (tmp_path / "water.xyz", "did you mean 'water.extxyz'?"),
        ("zzzzz", "bundled data sets: buildings, qm7"),
        ("no/such/folder/a.xyz", "no such file 'no/such/folder/a.xyz'"),
        ("", "no such file ''"),
        ("a" * 5000, "no such file 'aaa"),
    ]:
        with pytest.raises(EmpnetError, match="no such file") as caught:
            resolve(name)
        assert hint in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmpnetError, match="is a folder without files that can be read"):
        resolve(tmp_path / "empty")
    assert resolve(tmp_path) == tmp_path


def test_a_file_is_found_in_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    (tmp_path / "water.xyz").write_text("1\n\nH 0 0 0\n")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    assert resolve(tmp_path / "water.xyz") == tmp_path / "water.xyz"
    with pytest.raises(EmpnetError, match=r"no such file .*wate\.xyz"):
        resolve(tmp_path / "wate.xyz")


def test_an_empty_device_is_said_to_be_empty_and_a_folder_is_never_suggested(tmp_path):
    with pytest.raises(EmpnetError, match=r"^/dev/null: the file is empty"):
        resolve("/dev/null")
    (tmp_path / "copper").mkdir()
    with pytest.raises(EmpnetError) as told:
        resolve(tmp_path / "copper.xyz")
    assert "did you mean" not in str(told.value)
