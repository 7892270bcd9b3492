"""Folders and patterns of files, classes of folders, and tables of values by file name."""

import numpy as np
import pytest

from empnet import EmpnetError, System, iread, read, write
from empnet.dataset.cache import data_hash
from empnet.files.bundled import resolve
from empnet.files.clouds.members import members
from empnet.files.clouds.targets_table import joined
from empnet.files.read import first_frame
from empnet.files.source import iter_systems


def cloud(path, shift: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{shift} 0 0\n1 0 0\n0 1 2.5\n")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_paths(here):
    for name in ("b.txt", "a.xyz", "deep/er/c.pts", ".hidden.xyz", ".hidden/d.xyz"):
        cloud(here / "scans" / name)
    (here / "scans" / "README.md").write_text("1 2 3\n")
    (here / "scans" / "notes.txt").write_text("these are notes\n")
    (here / "scans" / "picture.png").write_bytes(b"\x89PNG")
    systems = read("scans")
    assert [system.origin.file for system in systems] == ["scans/a.xyz", "scans/b.txt", "scans/deep/er/c.pts"]
    assert [system.info["name"] for system in systems] == ["a", "b", "c"]
    assert all("label" not in system.info for system in systems)
    assert [str(system.origin) for system in systems][1] == "scans/b.txt"
    assert resolve("scans").name == "scans"
    assert next(iread(here / "scans")).origin.file == str(here / "scans" / "a.xyz")


def test_folders_are_classes(here):
    for name in ("chair/train/c_1.off", "chair/test/c_2.off", "bed/train/b_1.off"):
        (here / "shapes" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "shapes" / name).write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    assert [(s.info["name"], s.info["label"]) for s in read("shapes")] == [
        ("b_1", "bed"),
        ("c_2", "chair"),
        ("c_1", "chair"),
    ]
    assert [s.info["label"] for s in read("shapes/*/train/*.off")] == ["bed", "chair"]
    assert [s.info["label"] for s in read("shapes/*/train")] == ["bed", "chair"]
    assert [s.info["label"] for s in read("shapes/**/*.off")] == ["bed", "chair", "chair"]
    assert "label" not in read("shapes/chair/train")[0].info


def test_the_sides_of_a_split_are_no_classes(here):
    for name in ("train/tree/a.xyz", "train/car/b.xyz", "Test/car/c.xyz"):
        cloud(here / "set" / name)
    assert [s.info["label"] for s in read("set")] == ["car", "car", "tree"]
    for name in ("train/a.xyz", "test/b.xyz"):
        cloud(here / "plain" / name)
    assert all("label" not in s.info for s in read("plain"))


def test_patterns(here):
    for name in ("a_1.txt", "a_2.xyz", "b_1.txt", "more/a_3.txt"):
        cloud(here / "scans" / name)
    assert [s.origin.file for s in read("scans/a_*")] == ["scans/a_1.txt", "scans/a_2.xyz"]
    assert [s.origin.file for s in read("scans/[ab]_1.txt")] == ["scans/a_1.txt", "scans/b_1.txt"]
    assert [s.origin.file for s in read("*/*/*.txt")] == ["scans/more/a_3.txt"]
    with pytest.raises(EmpnetError, match=r"^scans/\*\.laz: no files match the pattern; wanted files such as"):
        read("scans/*.laz")
    cloud(here / "a[1].txt")
    assert len(read("a[1].txt")) == 1, "a file with such a name is a file"


def test_a_folder_without_data_is_told(here):
    (here / "empty").mkdir()
    for function in (read, resolve, data_hash):
        with pytest.raises(EmpnetError, match=r"^empty: is a folder without files that can be read; wanted"):
            function("empty")


def test_links_that_lead_back_are_followed_once(here):
    cloud(here / "scans" / "a.xyz")
    (here / "scans" / "again").symlink_to(here / "scans", target_is_directory=True)
    cloud(here / "other" / "b.xyz")
    (here / "scans" / "more").symlink_to(here / "other", target_is_directory=True)
    assert [s.info["name"] for s in read("scans")] == ["a", "b"]


def test_molecules_come_through_the_same_door(here):
    frames = [System([[0, 0, k]], species=[8], properties={"energy": k}) for k in range(3)]
    (here / "frames" / "x").mkdir(parents=True)
    (here / "frames" / "y").mkdir()
    write("frames/x/a.extxyz", frames)
    with pytest.warns(UserWarning, match="cif may keep"):
        write("frames/y/b.cif", [System([[0, 0, 0]], species=[8], cell=np.eye(3) * 4, pbc=True)])
    systems = read("frames")
    several = [f"frames/x/a.extxyz, frame {k}" for k in range(3)]
    assert [str(s.origin) for s in systems] == [*several, "frames/y/b.cif, frame 0"]
    assert [s.info["name"] for s in systems] == ["a", "a", "a", "b"]
    assert all("label" not in s.info for s in systems), "only folders of clouds are classes"
    assert [str(s.origin) for s in iread("frames", first=2)] == [str(s.origin) for s in systems[2:]]
    assert first_frame("frames")[0].formula == "O"


def test_reading_goes_on_from_any_frame(here):
    for k in range(4):
        cloud(here / "scans" / f"{k}.txt", k)
    (here / "scans" / "2.txt").unlink()
    np.savez(here / "scans" / "2.npz", xyz=np.eye(3).repeat(2, axis=0), offsets=[0, 3, 6])
    names = [(s.info["name"], s.positions.sum()) for s in read("scans")]
    for first in range(6):
        assert [(s.info["name"], s.positions.sum()) for s in iread("scans", first=first)] == names[first:]


def test_a_damaged_file_of_a_folder_is_named(here):
    cloud(here / "scans" / "a.txt")
    (here / "scans" / "b.las").write_bytes(b"LASF" + bytes(10))
    systems = iread("scans")
    next(systems)
    with pytest.raises(EmpnetError, match=r"^scans/b\.las: its header is cut short"):
        next(systems)
    (here / "scans" / "b.las").write_bytes(b"")
    with pytest.raises(EmpnetError, match=r"^scans/b\.las: the file is empty"):
        read("scans")


def test_own_names_and_labels_are_kept(here):
    for kind in ("x", "y"):
        (here / "set" / kind).mkdir(parents=True)
        np.savez(here / f"set/{kind}/a.npz", xyz=np.eye(3), name=["mine"], label=[3])
    assert [(s.info["name"], s.properties["label"], "label" in s.info) for s in read("set")] == [("mine", 3, False)] * 2


def test_the_hash_depends_on_all_members_and_their_names(here):
    cloud(here / "scans" / "x" / "a.xyz")
    cloud(here / "scans" / "y" / "b.xyz")
    before = {name: data_hash(name) for name in ("scans", "scans/*/*.xyz")}
    assert before["scans"] == before["scans/*/*.xyz"]
    (here / "scans" / "README.md").write_text("nothing")
    assert data_hash("scans") == before["scans"]
    (here / "scans").rename(here / "moved")
    assert data_hash("moved") == before["scans"]
    seen = {before["scans"]}
    cloud(here / "moved" / "x" / "a.xyz", 1)
    seen.add(data_hash("moved"))
    (here / "moved" / "x").rename(here / "moved" / "z")  # another class
    seen.add(data_hash("moved"))
    cloud(here / "moved" / "z" / "c.xyz")
    seen.add(data_hash("moved"))
    (here / "moved" / "values.csv").write_text("file,v\na,1\nb,2\nc,3\n")
    seen.add(data_hash("moved"))
    (here / "other.csv").write_text("file,v\na,1\nb,2\nc,4\n")
    seen.add(data_hash("moved", table="other.csv"))
    assert len(seen) == 6


def test_the_hash_of_a_single_file_is_that_of_its_bytes(here):
    import hashlib

    cloud(here / "a.xyz")
    assert data_hash("a.xyz") == hashlib.sha256((here / "a.xyz").read_bytes()).hexdigest()


def test_a_table_joins_values_by_file_name(here):
    for name in ("a.txt", "deep/b.txt", "deep/c.txt"):
        cloud(here / "scans" / name)
    (here / "values.csv").write_text("file,volume,kind,more\na.txt,1.5,7a,\ndeep/b.txt,2,8,x\nc,-3e2,,y\n")
    systems = read("scans", table="values.csv")
    assert [dict(s.properties) for s in systems] == [{"volume": 1.5}, {"volume": 2.0}, {"volume": -300.0}]
    assert [s.info.get("kind") for s in systems] == ["7a", "8", None]
    assert [s.info.get("more") for s in systems] == [None, "x", "y"]
    assert [s.properties["volume"] for s in iter_systems("scans", table="values.csv")] == [1.5, 2.0, -300.0]
    assert [s.properties["volume"] for s in iread("scans", table="values.csv", first=1)] == [2.0, -300.0]


def test_a_table_of_a_single_file(here):
    cloud(here / "a.txt")
    (here / "values.tsv").write_text("file\tvolume\na\t2.5\n")
    assert read("a.txt", table="values.tsv")[0].properties["volume"] == 2.5


def test_a_folder_may_have_its_own_table(here):
    for name in ("a.txt", "b.txt"):
        cloud(here / "scans" / name)
    (here / "scans" / "targets.csv").write_text("name;volume;label\na;1;old\nb;2;new\n")
    (here / "scans" / "history.csv").write_text("day,temperature\n1,3\n")
    (here / "scans" / "others.csv").write_text("name,phone\nEve,3\n")
    assert [(s.properties["volume"], s.info["label"]) for s in read("scans")] == [(1, "old"), (2, "new")]
    (here / "scans" / "second.csv").write_text("file,area\na,1\nb,2\n")
    assert all(not s.properties for s in read("scans")), "which of two tables is meant is not known"
    assert [s.properties["area"] for s in read("scans", table="scans/second.csv")] == [1, 2]


def test_the_first_frame_has_its_class_and_its_values(here):
    for name in ("chair/a.txt", "table/b.txt"):
        cloud(here / "scans" / name)
    (here / "scans" / "values.csv").write_text("file,volume\na,1\nb,2\n")
    system, unit = first_frame("scans")
    assert (system.info["label"], system.properties["volume"], unit) == ("chair", 1, "")
    (here / "other.csv").write_text("file,volume\na,3\n")
    assert first_frame("scans", table="other.csv")[0].properties["volume"] == 3
    assert first_frame("scans/chair/a.txt", table="other.csv")[0].properties["volume"] == 3


def test_predictions_beside_the_files_are_no_targets(here):
    cloud(here / "scans" / "a.txt")
    before = data_hash("scans")
    (here / "scans" / "predictions.csv").write_text("file,empnet_volume [m^3]\na.txt,1\n")
    assert not read("scans")[0].properties
    assert data_hash("scans") == before


def test_rows_and_files_that_do_not_match_are_told(here):
    for name in ("x/a.txt", "y/a.txt", "y/scan_7.txt"):
        cloud(here / "scans" / name)
    (here / "v.csv").write_text("file,v\nx/a,1\ny/a,2\n")
    with pytest.raises(EmpnetError, match=r"^scans/y/scan_7\.txt: has no row in the table v\.csv; wanted a row"):
        iread("scans", table="v.csv")
    (here / "v.csv").write_text("file,v\na,1\nscan_7,2\n")
    with pytest.raises(EmpnetError, match=r"^v\.csv: row 'a' belongs to scans/x/a\.txt and scans/y/a\.txt; .* write"):
        iread("scans", table="v.csv")
    (here / "v.csv").write_text("file,v\nx/a,1\ny/a,2\nscan_7,3\nlost,4\nlost too,4\n")
    with pytest.warns(UserWarning, match=r"^v\.csv: 2 rows have no file and are left out: lost, lost too$"):
        assert [s.properties["v"] for s in read("scans", table="v.csv")] == [1, 2, 3]


BAD = {
    "no columns": ("file\na\n", "has no columns of values"),
    "empty": ("", "has no columns of values"),
    "ragged": ("file,v\na,1,2\n", "row 1 has 3 cells; wanted 2"),
    "twice": ("file,v\na,1\na,2\n", "two rows have the name 'a'"),
    "the same column": ("file,v,v\na,1,2\n", "no name or the same name"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_told(here, name):
    text, told = BAD[name]
    cloud(here / "scans" / "a.txt")
    (here / "v.csv").write_text(text)
    with pytest.raises(EmpnetError, match=rf"^v\.csv: .*{told}"):
        read("scans", table="v.csv")
    (here / "v.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EmpnetError, match=r"^v\.csv: cannot be read as a table \(it is not text"):
        read("scans", table="v.csv")
    with pytest.raises(EmpnetError, match=r"^none\.csv: cannot be read as a table \(No such file"):
        read("scans", table="none.csv")


def test_joined_takes_any_systems(here):
    for name in ("x/a.txt", "y/a.txt"):
        cloud(here / "scans" / name)
    (here / "v.csv").write_text("file,v\nx/a,1\ny/a,2\nz,3\n")
    with pytest.warns(UserWarning, match=r"^v\.csv: 1 row has no file and is left out: z"):
        assert [s.properties["v"] for s in joined(read("scans"), "v.csv", folder="scans")] == [1, 2]
    with pytest.raises(EmpnetError, match="has no row"):
        list(joined(read("scans"), "v.csv"))


def test_members_can_be_listed(here):
    cloud(here / "scans" / "x" / "a.txt")
    [member] = members("scans")
    assert (member.file, member.inner, member.label) == ("scans/x/a.txt", "x/a.txt", "x")


def test_a_warning_appears_once_for_a_folder(here):
    for name in ("a", "b"):
        (here / f"{name}.pdb").write_text("ATOM      1  CA  ALA A   1       0.000   0.000   0.000  1.00  0.00\nEND\n")
    with pytest.warns(UserWarning) as told:
        assert len(read(".")) == 2
    assert len(told) == 1
