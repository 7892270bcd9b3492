"""OFF, STL and OBJ files: points of the surface, or vertices."""

import numpy as np
import pytest
import trimesh

from empnet import EmpnetError, read

TETRAHEDRON = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"


def box(path, **options) -> None:
    trimesh.creation.box((1, 2, 3)).export(path, **options)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.off", "off"), ("a.stl", "stl"), ("b.stl", "stl_ascii"), ("a.obj", "obj"), ("a.OFF", "off")]
)
def test_points_lie_on_the_surface_and_are_the_same_each_time(tmp_path, name, kind):
    box(tmp_path / name, file_type=kind)
    [first], [second] = read(tmp_path / name), read(tmp_path / name)
    assert first.positions.shape == (2048, 3)
    assert first.species is None
    assert np.array_equal(first.positions, second.positions)
    assert np.isclose(np.abs(first.positions / [0.5, 1, 1.5]).max(axis=1), 1).all()
    assert "seed 0" in first.info["sampled"]
    sides = np.isclose(np.abs(first.positions), [0.5, 1, 1.5]).sum(axis=0)  # areas 12, 6 and 4
    assert np.allclose(sides / 2048, np.array([12, 6, 4]) / 22, atol=0.05)


@pytest.mark.parametrize("head", ["OFF\n4 4 0\n", "OFF4 4 0\n", "OFF 4 4 0\n", "# by hand\nOFF\n# counts\n4 4 6\n"])
def test_the_heads_of_modelnet_are_read(tmp_path, head):
    (tmp_path / "a.off").write_text(head + TETRAHEDRON)
    [system] = read(tmp_path / "a.off")
    assert len(system) == 2048
    assert system.positions.min() >= 0


def test_without_faces_the_vertices_are_the_cloud(tmp_path):
    (tmp_path / "a.off").write_text("OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 2\n")
    (tmp_path / "a.obj").write_text("# a cloud\nv 0 0 0\nv 1 0 0\nv 0 1 2\n")
    (tmp_path / "b.obj").write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 2 0 0 0.5\n")
    systems = read(tmp_path)
    assert [system.positions.tolist() for system in systems] == [[[0, 0, 0], [1, 0, 0], [0, 1, 2]]] * 3
    assert [list(system.arrays) for system in systems] == [[], [], ["red", "green", "blue"]]
    assert all("sampled" not in system.info for system in systems)


def test_several_objects_and_quadrangles_are_one_mesh(tmp_path):
    text = "mtllib none.mtl\no one\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nusemtl red\nf 1 2 3 4\no two\n"
    (tmp_path / "a.obj").write_text(text + "v 0 0 5\nv 1 0 5\nv 1 1 5\nf 5 6 7\n")
    [system] = read(tmp_path / "a.obj")
    assert np.isclose((system.positions[:, 2] == 0).mean(), 2 / 3, atol=0.05)


BAD = {
    "off: words": ("a.off", b"hello world\n", "is not an OFF file"),
    "off: too many": ("a.off", b"OFF\n1000000000000 5 0\n0 0 0\n", "promises 1,000,000,000,005 vertices and faces"),
    "off: cut": ("a.off", b"OFF\n4 4 0\n" + TETRAHEDRON[:40].encode(), "vertices and faces"),
    "off: cut in the last face": ("a.off", b"OFF\n4 4 0\n" + TETRAHEDRON[:-3].encode(), "last face is cut short"),
    "off: wrong vertex": ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "cannot be read"),
    "off: no area": ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n", "has the area 0, so no points"),
    "off: nan": ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\nnan 0 0\n3 0 1 2\n", "(vertex 2 is not finite|has the area 0)"),
    "stl: too many": ("a.stl", bytes(80) + b"\xff\xff\xff\xff" + bytes(100), "promises 4,294,967,295 faces"),
    "stl: short": ("a.stl", bytes(50), "has no end of an STL file"),
    "stl: cut text": ("a.stl", b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n" * 3, "has no end"),
    "obj: nothing": ("a.obj", b"hello\n", "has no vertices"),
    "obj: two numbers": ("a.obj", b"v 1 2\n", "its vertices have 2 numbers"),
    "obj: words": ("a.obj", b"v 1 2 three\n", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told(tmp_path, name):
    file, content, told = BAD[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(EmpnetError, match=f"{file}.*{told}") as caught:
        read(tmp_path / file)
    assert "\n" not in str(caught.value)
