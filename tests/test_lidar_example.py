"""The example that cuts a LIDAR tile into objects: on a tile whose objects are known, up to the picture."""

import csv
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.files.read import read

laspy = pytest.importorskip("laspy")
pytest.importorskip("lazrs")
pytest.importorskip("plyfile")

FOLDER = Path(__file__).parent.parent / "examples" / "lidar"
FEET = 0.3048  # metres
SPACING = 0.7  # metres, of points on the ground
KINDS = ("box", "box", "cone", "cone")
"""Kinds of the objects 1 to 4 of the tile; object 0 is the ground, 5 a stone too small to count."""


def ground(x, y):
    """A hill that is nowhere steeper than 1 in 5."""
    return 40 + 0.1 * x + 2 * np.sin(y / 20)


def tile_points(rng):
    """Return points of a tile in metres, and the number of the object of each."""
    x, y = np.meshgrid(np.arange(0, 80, SPACING), np.arange(0, 60, SPACING))
    x, y = (values.ravel() + rng.normal(0, 0.05, values.size) for values in (x, y))
    z, of = ground(x, y), np.zeros(len(x), dtype=int)
    for number, (cx, cy, long, wide, high) in enumerate([(15, 15, 12, 8, 6), (60, 42, 9, 14, 4)], start=1):
        inside = (np.abs(x - cx) < long / 2) & (np.abs(y - cy) < wide / 2)
        z, of = np.where(inside, ground(cx, cy) + high, z), np.where(inside, number, of)
    for number, (cx, cy, radius, high) in enumerate([(20, 45, 5, 12), (55, 15, 4, 9)], start=3):
        out = np.hypot(x - cx, y - cy) / radius
        inside = out < 0.9
        z, of = np.where(inside, ground(cx, cy) + 2 + (high - 2) * (1 - out), z), np.where(inside, number, of)
    stone = np.hypot(x - 38, y - 30) < 1.2
    z, of = np.where(stone, ground(38, 30) + 1.8, z), np.where(stone, 5, of)
    return np.column_stack([x, y, z + rng.normal(0, 0.02, len(z))]), of


def write_tile(path, points, of, unit=1.0):
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = [0.001] * 3, [600_000, 800_000, 0]
    if unit == FEET:
        key = np.array([1, 1, 0, 1, 3076, 0, 1, 9002], dtype="<u2")  # GeoTIFF: lengths are feet
        header.vlrs.append(laspy.VLR("LASF_Projection", 34735, "", key.tobytes()))
    tile = laspy.LasData(header)
    tile.x, tile.y, tile.z = (points / unit + [600_000, 800_000, 0]).T
    tile.classification = np.choose(of, [2, 6, 6, 5, 5, 1]).astype(np.uint8)
    tile.number_of_returns = np.where((of == 3) | (of == 4), 2, 1).astype(np.uint8)
    tile.write(str(path))


@pytest.fixture
def script(monkeypatch):
    """Return a function that runs a script of the example with arguments."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        importlib.import_module(name).main()

    yield run
    for name in ("segment", "generate", "show"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("unit", [1.0, FEET])
@pytest.mark.parametrize("codes", [(), ("--codes",)])
def test_objects_of_a_known_tile_are_found(script, tmp_path, unit, codes, capsys):
    points, of = tile_points(np.random.default_rng(0))
    write_tile(tmp_path / "tile.las", points, of, unit)
    script("segment", tmp_path / "tile.las", tmp_path / "out", *codes)
    told = capsys.readouterr().out
    assert "objects: 4" in told
    assert ("taken as metres" in told) == (unit == 1.0)
    found = np.load(tmp_path / "out" / "segments.npz")["object"]
    assert found.max() == 4
    for number in range(1, 5):
        match = np.bincount(found[of == number]).argmax()
        assert match > 0
        # The rim of a cone may touch nothing else; all that is found belongs to the one object.
        assert set(of[found == match]) == {number}
        assert np.mean(found[of == number] == match) > 0.95
    assert (found[(of == 0) | (of == 5)] == 0).all()
    clouds = read(tmp_path / "out" / "objects")
    assert [len(cloud) for cloud in clouds] == np.bincount(found)[1:].tolist()
    tops = sorted(cloud.positions[:, 2].max() for cloud in clouds)
    # metres above the ground, whatever the unit: boxes of 4 and 6, cones of 9 and 12; noise, cells and slope below 1
    assert np.allclose(tops, [4, 6, 9, 12], atol=1.0)


def test_classes_are_drawn_and_written(script, tmp_path, capsys):
    points, of = tile_points(np.random.default_rng(1))
    write_tile(tmp_path / "tile.las", points, of)
    out = tmp_path / "out"
    script("segment", tmp_path / "tile.las", out)
    found = np.load(out / "segments.npz")["object"]
    truth = {n: "building" if KINDS[np.bincount(of[found == n]).argmax() - 1] == "box" else "tree" for n in range(1, 5)}
    with (out / "objects.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "frame", "points", "empnet_label"])
        rows.writerows([str(out / "objects" / f"{n:04d}.ply"), "", 1, name] for n, name in truth.items())
    script("show", tmp_path / "tile.las", out)
    told = capsys.readouterr().out
    assert "tree: 2 objects" in told and "100% from divided shots" in told
    assert "(100.0%) have the predicted class" in told
    assert (out / "classes.png").stat().st_size > 10_000
    written = laspy.read(str(out / "classes.las"))
    assert np.array_equal(written.object, found)
    codes = np.array([0, *(1 + ["building", "tree"].index(name) for name in truth.values())])
    assert np.array_equal(written.object_class, codes[found])


def test_a_tile_without_codes_has_no_ground_by_codes(script, tmp_path):
    points, of = tile_points(np.random.default_rng(2))
    write_tile(tmp_path / "tile.las", points, np.full_like(of, 5))
    with pytest.raises(SystemExit, match="no point has code 2"):
        script("segment", tmp_path / "tile.las", tmp_path / "out", "--codes")
    (tmp_path / "cut.las").write_bytes((tmp_path / "tile.las").read_bytes()[:1000])
    with pytest.raises(EmpnetError, match=r"cut\.las"):
        script("segment", tmp_path / "cut.las", tmp_path / "out")


def test_generated_objects_are_a_folder_with_classes(script, tmp_path):
    script("generate", tmp_path / "training", "--each", "5")
    script("generate", tmp_path / "again", "--each", "5")
    clouds = read(tmp_path / "training")
    assert [cloud.info["label"] for cloud in clouds] == [
        name for name in ("bridge", "building", "bush", "tree") for _ in range(5)
    ]
    assert all(50 <= len(cloud) <= 3000 and cloud.positions[:, 2].min() > 1.0 for cloud in clouds)
    for one, other in zip(clouds, read(tmp_path / "again"), strict=True):
        assert np.array_equal(one.positions, other.positions)
