"""PLY files: clouds with their fields, and meshes."""

import numpy as np
import plyfile
import pytest
import trimesh

from empnet import EmpnetError, read

KINDS = [("x", "f8"), ("y", "f4"), ("z", "f8"), ("intensity", "u2"), ("red", "u1"), ("nx", "f4")]


def points(n: int = 50) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = np.empty(n, dtype=KINDS)
    for name, kind in KINDS:
        rows[name] = rng.integers(0, 200, n) if kind.startswith("u") else rng.normal(size=n)
    return rows


@pytest.mark.parametrize("kind", ["text", "<", ">"])
def test_all_fields_of_points_are_read(tmp_path, kind):
    rows = points()
    element = plyfile.PlyElement.describe(rows, "vertex")
    form = {"text": True} if kind == "text" else {"byte_order": kind}
    plyfile.PlyData([element], comments=["a scan"], **form).write(tmp_path / "a.ply")
    [system] = read(tmp_path / "a.ply")
    assert system.species is None
    for place, name in enumerate("xyz"):
        assert np.array_equal(system.positions[:, place], rows[name])
    assert list(system.arrays) == ["intensity", "red", "nx"]
    for name in system.arrays:
        assert np.array_equal(system.arrays[name], rows[name]), name


def test_other_elements_and_lists_do_not_matter(tmp_path):
    rows = np.empty(3, dtype=[*KINDS, ("seen_by", object)])
    for name in points().dtype.names:
        rows[name] = points(3)[name]
    rows["seen_by"] = [np.array([1], np.int32), np.array([1, 2], np.int32), np.array([], np.int32)]
    cameras = plyfile.PlyElement.describe(np.zeros(2, dtype=[("focus", "f4")]), "camera")
    for text in (True, False):
        cloud = plyfile.PlyElement.describe(rows, "vertex", len_types={"seen_by": "u1"}, val_types={"seen_by": "i4"})
        plyfile.PlyData([cameras, cloud], text=text).write(tmp_path / "a.ply")
        with pytest.warns(UserWarning, match=r"a\.ply, frame 0: fields with lists are left out: seen_by"):
            [system] = read(tmp_path / "a.ply")
        assert np.allclose(system.positions[:, 0], rows["x"])
        assert list(system.arrays) == ["intensity", "red", "nx"]


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
def test_a_mesh_is_sampled_the_same_each_time(tmp_path, encoding):
    trimesh.creation.box((1, 2, 3)).export(tmp_path / "a.ply", encoding=encoding)
    [first], [second] = read(tmp_path / "a.ply"), read(tmp_path / "a.ply")
    assert first.positions.shape == (2048, 3)
    assert np.array_equal(first.positions, second.positions)
    assert first.info["sampled"] == "2048 points drawn from the surface by area, seed 0"
    assert np.isclose(np.abs(first.positions / [0.5, 1, 1.5]).max(axis=1), 1).all()


BAD = {
    "not ply": (b"hello\n", "is not a PLY file"),
    "no end": (b"ply\nformat ascii 1.0\nelement vertex 3\n", "damaged or cut short"),
    "no points": (b"ply\nformat ascii 1.0\nelement face 0\nend_header\n", "no element 'vertex'; elements found: face"),
    "no z": (
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nend_header\n1 2\n",
        "no z; fields found: x, y",
    ),
    "unknown type": (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty quad x\nend_header\n", "damaged"),
    "unknown format": (b"ply\nformat zip 1.0\nelement vertex 1\nproperty float x\nend_header\n", "'zip'; wanted"),
    "word": (
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
        b"1 2 three\n",
        "cannot be read",
    ),
}
HEAD = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told(tmp_path, name):
    content, told = BAD[name]
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(EmpnetError, match=f"a\\.ply.*{told}"):
        read(tmp_path / "a.ply")


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("count", [10**12, 10**30, -1])
def test_a_header_with_too_many_points_is_refused(tmp_path, kind, count):
    (tmp_path / "a.ply").write_bytes(HEAD.format(kind, count).encode() + bytes(200))
    with pytest.raises(EmpnetError, match=rf"a\.ply.*: the header promises {count:,} points"):
        read(tmp_path / "a.ply")


def test_a_cloud_without_points_is_refused(tmp_path):
    (tmp_path / "a.ply").write_text(HEAD.format("ascii", 0))
    with pytest.raises(EmpnetError, match=r"a\.ply, frame 0: no points"):
        read(tmp_path / "a.ply")
