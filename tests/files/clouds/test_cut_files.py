"""Cut and damaged files of all formats: one line with the file's name, or the points that can be read."""

import tracemalloc
import warnings

import h5py
import laspy
import numpy as np
import plyfile
import pytest
import trimesh

from empnet import EmpnetError, read

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(200, 3))
PCD = "VERSION .7\nFIELDS x y z\nSIZE 8 8 8\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 200\nHEIGHT 1\nPOINTS 200\nDATA {}\n"


def las(path) -> None:
    data = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    data.x, data.y, data.z = POINTS.T
    data.intensity = np.arange(200)
    data.write(path)


def ply(path, text: bool) -> None:
    rows = np.empty(200, dtype=[("x", "f8"), ("y", "f8"), ("z", "f8"), ("n", "u1")])
    rows["x"], rows["y"], rows["z"] = POINTS.T
    rows["n"] = 7
    plyfile.PlyData([plyfile.PlyElement.describe(rows, "vertex")], text=text).write(path)


def hdf5(path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=POINTS.reshape(4, 50, 3), compression="gzip")
        file["label"] = np.arange(4)


FILES = {
    "a.las": las,
    "a.laz": las,
    "binary.ply": lambda path: ply(path, False),
    "text.ply": lambda path: ply(path, True),
    "mesh.ply": lambda path: trimesh.creation.icosphere().export(path),
    "binary.pcd": lambda path: path.write_bytes(PCD.format("binary").encode() + POINTS.tobytes()),
    "a.npz": lambda path: np.savez(path, quantised=POINTS.astype(np.int16), step=0.5, offsets=[0, 50, 200]),
    "b.npz": lambda path: np.savez_compressed(path, xyz=POINTS, offsets=[0, 50, 200], label=[1, 2]),
    "a.h5": hdf5,
    "a.stl": lambda path: trimesh.creation.icosphere().export(path),
    "text.stl": lambda path: trimesh.creation.icosphere().export(path, file_type="stl_ascii"),
    "a.off": lambda path: trimesh.creation.icosphere().export(path),
    "text.pcd": lambda path: path.write_text(PCD.format("ascii") + "".join(f"{x} {y} {z}\n" for x, y, z in POINTS)),
}
TEXTS = ("text.ply", "text.pcd", "a.off", "text.stl")
LAST_NUMBER = 30  # bytes at the end of a text; a number that is cut there cannot be told from a shorter one


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused(tmp_path, name):
    path = tmp_path / name
    FILES[name](path)
    whole = path.read_bytes()
    assert sum(len(system) for system in read(path)) in (200, 2048)
    end = len(whole) - (LAST_NUMBER if name in TEXTS else 0)
    for cut in sorted({*map(int, np.linspace(0, end - 1, 60)), *range(end - 5, end)}):
        path.write_bytes(whole[:cut])
        with pytest.raises(EmpnetError, match=name) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_or_read(tmp_path, name):
    path = tmp_path / name
    FILES[name](path)
    whole = path.read_bytes()
    read(path)
    rng = np.random.default_rng(1)
    tracemalloc.start()
    for trial in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, 400 if trial % 2 else len(data), 3):
            data[place % len(data)] = rng.integers(0, 256)
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read(path)
            except EmpnetError as error:
                assert name in str(error)
                assert "\n" not in str(error)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6, f"{most / 1e6:.0f} MB"


@pytest.mark.parametrize("suffix", ["las", "laz", "ply", "pcd", "off", "stl", "obj", "h5", "hdf5", "npz", "pts"])
@pytest.mark.parametrize("content", [b"hello world\n" * 20, bytes(300), b"\x89PNG\r\n\x1a\n" + bytes(range(256))])
def test_a_file_of_another_kind_is_refused(tmp_path, suffix, content):
    (tmp_path / f"a.{suffix}").write_bytes(content)
    with pytest.raises(EmpnetError, match=rf"a\.{suffix}.*: ") as caught:
        read(tmp_path / f"a.{suffix}")
    assert "\n" not in str(caught.value)
