"""Values of any kind in info: data that hold them are inspected and hashed, and written or refused in one line."""

import numpy as np
import pytest

import empnet
from empnet.dataset.cache import data_hash
from empnet.errors import EmpnetError
from empnet.inspection import inspect_data
from empnet.system.system import System


class Refusing:
    def __array__(self, *_, **__):
        raise RuntimeError("no array")


ODD = {
    "ragged": [[1], [2, 3]],
    "arrays": [np.zeros(2), np.zeros(3)],
    "none": None,
    "nested": {"a": {2: [3, None]}},
    "set": {1, 2},
    "refusing": Refusing(),
    "objects": np.array([None, 1], dtype=object),
    "function": len,
    "bytes": b"abc",
    "complex": 1j,
}


def systems(key: str, value: object) -> list[System]:
    return [
        System([[0, 0, 0], [0, 0, 0.7 + k / 10]], [1, 1], properties={"energy": k**2}, info={key: value})
        for k in range(5)
    ]


@pytest.mark.parametrize("key", ["x", "stress", "r_unit"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_values_are_no_raw_errors(kind, key, tmp_path):
    data = systems(key, ODD[kind])
    assert len(inspect_data(data, quiet=True).properties) == 1
    assert len(data_hash(data, before="a run before")) == 64
    for suffix in ("extxyz", "npz", "traj", "db", "json"):
        try:
            empnet.write(tmp_path / f"a.{suffix}", data)
        except EmpnetError as error:
            assert "\n" not in str(error)
            assert not (tmp_path / f"a.{suffix}").exists()


def test_a_ragged_stress_is_refused_where_it_is_wanted():
    from empnet.system.label_spec import LabelSpec

    with pytest.raises(EmpnetError, match="stress 'stress' is list; wanted 6 numbers"):
        LabelSpec(stress="stress").stress_of(systems("stress", [[1], [2, 3]])[0])
