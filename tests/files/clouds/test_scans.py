"""LAS and LAZ files: all fields of the points, scaled positions, the unit of length."""

from pathlib import Path

import laspy
import numpy as np
import pytest

from empnet import EmpnetError, read
from empnet.files.clouds import las as las_reader

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "las"
WKT = 'PROJCS["Oregon",GEOGCS["GCS",SPHEROID["GRS",6378137,298.25],UNIT["degree",0.0174532925]],UNIT["{}",{}]]'


def scan(path: Path, n: int = 500, *, wkt: str = "", extra: bool = False) -> laspy.LasData:
    """Write a LAS or LAZ file with points that differ in all coordinates."""
    rng = np.random.default_rng(0)
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = np.full(3, 0.01), np.array([500_000.0, 4_000_000.0, 0.0])
    if wkt:
        header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(wkt))
    if extra:
        header.add_extra_dim(laspy.ExtraBytesParams(name="amplitude", type=np.float32))
    data = laspy.LasData(header)
    data.x, data.y, data.z = rng.uniform(0, 100, (3, n)) + np.array([[500_000.0], [4_000_000.0], [0.0]])
    data.intensity, data.red = rng.integers(0, 65536, (2, n)).astype(np.uint16)
    data.return_number = rng.integers(1, 4, n)
    data.classification = rng.integers(0, 10, n)
    if extra:
        data.amplitude = rng.normal(size=n).astype(np.float32)
    data.write(path)
    return data


@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_all_fields_are_read(tmp_path, suffix):
    written = scan(tmp_path / f"a{suffix}", extra=True)
    [system] = read(tmp_path / f"a{suffix}")
    assert system.species is None
    assert system.cell is None
    assert np.array_equal(system.positions, np.stack([written.x, written.y, written.z], axis=1))
    for name in ("intensity", "red", "return_number", "classification", "amplitude"):
        assert np.array_equal(system.arrays[name], np.asarray(written[name])), name
    assert {"X", "Y", "Z", "x"}.isdisjoint(system.arrays)
    assert system.join_features(["intensity", "return_number"]).features.shape == (500, 2)
    assert str(system.origin) == f"{tmp_path / 'a'}{suffix}, frame 0"


@pytest.mark.parametrize(
    ("wkt", "unit"),
    [
        (WKT.format("metre", "1"), "m"),
        (WKT.format("Foot", "0.3048"), "ft"),
        (WKT.format("US survey foot", "0.3048006096012192"), "ft"),
        (f'COMPD_CS["a",{WKT.format("metre", "1")},VERT_CS["b",UNIT["foot",0.3048]]]', "m"),
        (WKT.format("fathom", "1.8288"), None),
        (WKT.format("broken", "1e"), None),
        ('GEOGCS["GCS",UNIT["degree",0.0174532925]]', None),
        ("", None),
    ],
)
def test_the_unit_of_length_is_told_and_nothing_is_converted(tmp_path, wkt, unit):
    written = scan(tmp_path / "a.las", 5, wkt=wkt)
    [system] = read(tmp_path / "a.las")
    assert system.info.get("length_unit") == unit
    assert np.array_equal(system.positions[:, 0], written.x)


def test_a_given_unit_is_kept_beside_unconverted_lengths(tmp_path):
    written = scan(tmp_path / "a.las", 5)
    [system] = read(tmp_path / "a.las", length_unit="m")
    assert system.info["length_unit"] == "m"
    assert np.array_equal(system.positions[:, 0], written.x)
    scan(tmp_path / "a.las", 5, wkt=WKT.format("Foot", "0.3048"))
    assert read(tmp_path / "a.las", length_unit="angstrom")[0].info["length_unit"] == "ft"
    with pytest.raises(EmpnetError, match=r"a\.las: the file states that its lengths are in ft, but .* is m; .*leave"):
        read(tmp_path / "a.las", length_unit="m")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the sample scans")
def test_samples_are_read_and_survive_compression(tmp_path):
    files = sorted(SAMPLES.glob("*.las"))
    systems = read(SAMPLES)
    assert [len(system) for system in systems] == [23_875, 110_000, 6_280, 14_408]
    assert [system.info.get("length_unit") for system in systems] == ["ft", "ft", "ft", None]
    laspy.read(files[2]).write(tmp_path / "a.laz")
    [packed] = read(tmp_path / "a.laz")
    assert packed.positions.tobytes() == systems[2].positions.tobytes()
    assert packed.arrays.keys() == systems[2].arrays.keys()
    for name, values in packed.arrays.items():
        assert values.dtype == systems[2].arrays[name].dtype
        assert values.tobytes() == systems[2].arrays[name].tobytes(), name


@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_a_header_with_too_many_points_is_refused_before_they_are_read(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    scan(path, 60_000)  # more than one chunk
    data = bytearray(path.read_bytes())
    data[107:111] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    monkeypatch.setattr(laspy.LasReader, "read_points", lambda self, n: pytest.fail("points were read"))
    with pytest.raises(EmpnetError, match=rf"a{suffix}.*: the header promises 4,000,000,000 points, .* at most"):
        read(path)


def test_a_header_of_version_14_with_a_million_million_points_is_refused(tmp_path):
    header = laspy.LasHeader(point_format=6, version="1.4")
    data = laspy.LasData(header)
    data.x = data.y = data.z = np.arange(10.0)
    for name in ("a.las", "a.laz"):
        data.write(tmp_path / name)
        content = bytearray((tmp_path / name).read_bytes())
        content[247:255] = (10**12).to_bytes(8, "little")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EmpnetError, match=rf"{name}.*: the header promises 1,000,000,000,000 points"):
            read(tmp_path / name)


def test_missing_libraries_are_named(tmp_path, monkeypatch):
    scan(tmp_path / "a.laz", 5)
    import importlib

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(EmpnetError, match=r"a\.laz.*: reading \.laz files needs laspy and lazrs; pip install 'empnet"):
        read(tmp_path / "a.laz")


def test_a_field_that_only_some_files_have_is_told_with_the_file(tmp_path):
    scan(tmp_path / "a.las", 5, extra=True)
    scan(tmp_path / "b.las", 5)
    systems = read(tmp_path)
    assert systems[0].join_features(["amplitude"]).features.shape == (5, 1)
    with pytest.raises(EmpnetError, match=r"b\.las: no per-particle array 'amplitude'; arrays found: .*intensity"):
        systems[1].join_features(["amplitude"])


def test_frames_after_the_first_do_not_exist(tmp_path):
    scan(tmp_path / "a.las", 5)
    assert list(las_reader.iread_las(tmp_path / "a.las", "a.las", 1)) == []
