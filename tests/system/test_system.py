"""System: shapes, immutability, copies."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.system.system import Origin, System


def water() -> System:
    return System(
        [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        species=[8, 1, 1],
        cell=np.eye(3) * 5,
        pbc=(True, False, True),
        properties={"energy": -14},
        info={"name": "water"},
        arrays={"forces": np.zeros((3, 3)), "charge": [-0.8, 0.4, 0.4]},
        origin=Origin("water.xyz", 7),
    )


def test_what_goes_in_comes_out_in_double_precision():
    system = water()
    assert system.positions.dtype == np.float64
    assert system.species.dtype == np.int64
    assert system.properties["energy"] == -14.0
    assert isinstance(system.properties["energy"], float)
    assert system.formula == "H2O"
    assert str(system.origin) == "water.xyz, frame 7"


def test_nothing_can_be_changed():
    positions = np.zeros((1, 3))
    array = np.zeros(1)
    system = System(positions, arrays={"charge": array})
    positions[:] = 1
    array[:] = 1
    assert not system.positions.any()
    assert not system.arrays["charge"].any()
    with pytest.raises(ValueError, match="read-only"):
        system.positions[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        system.arrays["charge"][0] = 1
    with pytest.raises(TypeError):
        system.properties["energy"] = 1.0
    with pytest.raises(FrozenInstanceError):
        system.cell = None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda system: pickle.loads(pickle.dumps(system))])
def test_copies_hold_the_same(duplicate):
    system, other = water(), duplicate(water())
    for name in (field.name for field in fields(System)):
        mine, its = getattr(system, name), getattr(other, name)
        if name in ("properties", "info", "arrays"):
            mine, its = dict(mine), dict(its)
        np.testing.assert_equal(its, mine)
    with pytest.raises(TypeError):
        other.info["name"] = "ice"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positions": [[0, 0]]}, r"positions have shape \(1, 2\)"),
        ({"positions": [["a", "b", "c"]]}, "positions are not numbers"),
        ({"species": [1]}, r"species have shape \(1,\)"),
        ({"species": [1, 2.5, 3]}, "species are not whole numbers"),
        ({"species": np.array([1, float("nan"), 3])}, "species are not whole numbers"),
        ({"cell": [1, 2, 3]}, r"lattice vectors have shape \(3,\)"),
        ({"pbc": (True, False)}, "pbc has 2 entries"),
        ({"properties": {"energy": "low"}}, "property 'energy' is not a number"),
        ({"arrays": {"forces": np.zeros((2, 3))}}, r"array 'forces' has shape \(2, 3\).*3 rows"),
        ({"arrays": {"forces": [[1], [1, 2], [3]]}}, "'forces' has rows of different lengths"),
        ({"arrays": {"charge": 0.0}}, r"'charge' has shape \(\)"),
    ],
)
def test_wrong_shapes_are_refused_with_their_origin(arguments, message):
    arguments = {"positions": np.zeros((3, 3)), "origin": Origin("a.xyz", 2), **arguments}
    with pytest.raises(EmpnetError, match=message) as caught:
        System(**arguments)
    assert str(caught.value).startswith("a.xyz, frame 2: ")


def test_features_are_joined_side_by_side():
    system = water().join_features(["charge", "forces"])
    assert system.features.shape == (3, 4)
    np.testing.assert_array_equal(system.features[:, 0], [-0.8, 0.4, 0.4])
    with pytest.raises(EmpnetError, match="did you mean 'charge'"):
        system.join_features(["charges"])


def test_atoms_hold_the_same():
    atoms = water().to_atoms()
    assert atoms.get_chemical_formula() == "H2O"
    assert atoms.info == {"energy": -14.0, "name": "water"}
    assert atoms.pbc.tolist() == [True, False, True]
    np.testing.assert_array_equal(atoms.arrays["charge"], [-0.8, 0.4, 0.4])
