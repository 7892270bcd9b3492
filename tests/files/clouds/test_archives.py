"""HDF5 files and flat numpy archives: many clouds in one file."""

import h5py
import numpy as np
import pytest

from empnet import EmpnetError, iread, read


def hdf5(path, **values) -> None:
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file.create_dataset(name, data=value, compression="gzip" if np.ndim(value) else None)


RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(6, 10, 3)).astype(np.float32)
LABELS = np.array([[2], [0], [1], [1], [0], [2]])


def test_hdf5_in_the_layout_of_modelnet(tmp_path):
    hdf5(tmp_path / "a.h5", data=POINTS, label=LABELS, normal=-POINTS, pid=np.arange(60).reshape(6, 10))
    systems = read(tmp_path / "a.h5")
    assert [system.properties["label"] for system in systems] == [2, 0, 1, 1, 0, 2]
    assert [system.origin.frame for system in systems] == list(range(6))
    for system, points in zip(systems, POINTS, strict=True):
        assert system.species is None
        assert np.array_equal(system.positions, points)
        assert np.array_equal(system.arrays["normal"], -points)
    assert systems[1].arrays["pid"].tolist() == list(range(10, 20))
    [last] = iread(tmp_path / "a.h5", first=5)
    assert np.array_equal(last.positions, POINTS[5])


def test_further_columns_and_values(tmp_path):
    names = np.array([b"a", b"b", b"c", b"d", b"e", b"f"])
    hdf5(tmp_path / "a.hdf5", data=np.tile(POINTS, (1, 1, 2)), volume=np.arange(6.0), name=names, other=np.arange(4))
    first, second = read(tmp_path / "a.hdf5")[:2]
    assert list(first.arrays) == ["field_1", "field_2", "field_3"]
    assert np.array_equal(first.arrays["field_2"], POINTS[0, :, 1])
    assert second.properties == {"volume": 1.0}
    assert second.info == {"name": "b"}


@pytest.mark.parametrize("where", ["beside", "dataset", "attribute", "attribute of label"])
def test_classes_have_names(tmp_path, where):
    classes = ["chair", "table", "lamp"]
    hdf5(tmp_path / "a.h5", data=POINTS, label=LABELS[:, 0])
    with h5py.File(tmp_path / "a.h5", "a") as file:
        if where == "dataset":
            file["class_names"] = classes
        elif where == "attribute":
            file.attrs["class_names"] = classes
        elif where == "attribute of label":
            file["label"].attrs["class_names"] = classes
    if where == "beside":
        (tmp_path / "shape_names.txt").write_text("\n".join(classes) + "\n")
    systems = read(tmp_path / "a.h5")
    assert [system.info["label"] for system in systems] == ["lamp", "chair", "table", "table", "chair", "lamp"]
    assert all("label" not in system.properties for system in systems)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["label"][2] = 3
    with pytest.raises(EmpnetError, match=r"a\.h5, frame 2: label is 3; wanted 0 to 2, for 3 classes"):
        read(tmp_path / "a.h5")


def test_clouds_are_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("empnet.files.clouds.hdf5.BLOCK", 250)
    hdf5(tmp_path / "a.h5", data=POINTS, volume=np.arange(6.0))
    assert [system.properties["volume"] for system in read(tmp_path / "a.h5")] == [0, 1, 2, 3, 4, 5]
    assert [system.properties["volume"] for system in iread(tmp_path / "a.h5", first=3)] == [3, 4, 5]


def test_hdf5_of_another_kind_is_told(tmp_path):
    hdf5(tmp_path / "a.h5", images=np.zeros((2, 3)))
    with pytest.raises(EmpnetError, match=r"a\.h5.*: no clouds; datasets found: images \(2, 3\); wanted a dataset"):
        read(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"hello" * 20)
    with pytest.raises(EmpnetError, match=r"b\.h5: cannot be read"):
        read(tmp_path / "b.h5")


def test_hdf5_that_promises_too_many_values_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:  # no chunk is written, so the file is small
        file.create_dataset("data", shape=(2, 10**12, 3), chunks=(1, 1000, 3), dtype="f4")
    with pytest.raises(EmpnetError, match=r"a\.h5.*: the header promises 6,000,000,000,000 values of 'data'"):
        read(tmp_path / "a.h5")


OFFSETS = np.array([0, 3, 5, 9])
WHOLE = RNG.integers(-3000, 3000, (9, 3)).astype(np.int16)


@pytest.mark.parametrize("step", [np.array([0.1, 0.25, 1.5]), np.array(0.5), np.array([0.5])])
@pytest.mark.parametrize("name", ["quantised", "quantized"])
def test_whole_numbers_times_a_step(tmp_path, step, name):
    values = {name: WHOLE, "volume": [1.0, 2.0, 3.0], "kind": ["a", "b", ""]}
    np.savez(tmp_path / "a.npz", **values, step=step, offsets=OFFSETS)
    systems = read(tmp_path / "a.npz")
    steps = np.repeat(np.broadcast_to(step.ravel(), 3), [3, 2, 4])[:, None]
    assert np.array_equal(np.concatenate([system.positions for system in systems]), WHOLE * steps)
    assert all(system.species is None for system in systems)
    assert systems[1].properties == {"volume": 2.0}
    assert systems[1].info == {"kind": "b"}
    [last] = iread(tmp_path / "a.npz", first=2)
    assert np.array_equal(last.positions, systems[2].positions)


def test_a_step_is_needed_and_fits(tmp_path):
    np.savez(tmp_path / "a.npz", quantised=WHOLE, offsets=OFFSETS)
    with pytest.raises(EmpnetError, match=r"a\.npz.*: there is no array 'step' for the whole numbers of 'quantised'"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", quantised=WHOLE, offsets=OFFSETS, step=np.ones(2))
    with pytest.raises(EmpnetError, match=r"a\.npz.*: array 'step' \(step\) has shape \(2,\); wanted shape \(3,\) or"):
        read(tmp_path / "a.npz")


def test_a_step_of_trajectories_is_a_property_as_before(tmp_path):
    np.savez(tmp_path / "a.npz", R=np.eye(3)[None] + np.zeros((4, 1, 1)), z=[1, 1, 8], step=np.arange(4) * 10)
    assert [system.properties["step"] for system in read(tmp_path / "a.npz")] == [0, 10, 20, 30]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
@pytest.mark.parametrize("classes", [["tree", "car"], [b"tree", b"car"]])
def test_labels_get_the_names_of_classes(tmp_path, kind, classes):
    labels, weights = np.array([1, 0, 1], dtype=kind), np.array([0.5, 2.0])
    np.savez(tmp_path / "a.npz", xyz=WHOLE, offsets=OFFSETS, label=labels, class_names=classes, class_weights=weights)
    systems = read(tmp_path / "a.npz")
    assert [dict(system.info) for system in systems] == [{"label": "car"}, {"label": "tree"}, {"label": "car"}]
    assert all(not system.properties for system in systems)
    np.savez(tmp_path / "a.npz", xyz=WHOLE, offsets=OFFSETS, label=labels + 1, class_names=classes)
    with pytest.raises(EmpnetError, match=r"a\.npz, frame 0: label is 2; wanted a whole number from 0 to 1, for the 2"):
        read(tmp_path / "a.npz")


def test_as_many_classes_as_clouds(tmp_path):
    classes = {"label": [2, 1, 0], "class_names": ["a", "b", "c"]}
    np.savez(tmp_path / "a.npz", xyz=WHOLE, offsets=OFFSETS, area=[1, 2, 3], **classes)
    systems = read(tmp_path / "a.npz")
    assert [system.info["label"] for system in systems] == ["c", "b", "a"]
    assert [system.properties["area"] for system in systems] == [1, 2, 3]


def test_labels_without_names_stay_numbers(tmp_path):
    np.savez(tmp_path / "a.npz", xyz=WHOLE, offsets=OFFSETS, label=[1, 0, 1])
    assert [system.properties["label"] for system in read(tmp_path / "a.npz")] == [1, 0, 1]
