"""Free atoms by their label: small boxes do not make crystals of them."""

import numpy as np
import pytest

from empnet.dataset.dataset import Dataset
from empnet.inspection import inspect_data
from empnet.system.free_atoms import freed, is_labelled_free
from empnet.system.system import System

LABELS = [
    {"config_type": "IsolatedAtom"},
    {"config_type": "isolated_atom"},
    {"config_type": "isolated atom"},
    {"configtype": "ISOLATED-ATOM"},
    {"label": "free_atom"},
    {"isolated_atom": True},
    {"config_type": "isolated_atom_Cu"},
    {"config_type": "Cu isolated atom"},
    {"config_type": "gas-phase atom"},
    {"category": "single_atom"},
    {"comment": "isolated atom"},
]


def atom(info, edge=3.0) -> System:
    return System([[0, 0, 0]], [29], cell=edge * np.eye(3), pbc=(True,) * 3, properties={"energy": -0.25}, info=info)


def bulk(k) -> System:
    return System(
        [[0, 0, 0], [0, 0, 2.0 + k / 50]], [29, 29], cell=6 * np.eye(3), pbc=(True,) * 3, properties={"energy": -7 + k}
    )


@pytest.mark.parametrize("info", LABELS)
def test_a_labelled_atom_in_a_small_box_has_no_neighbours(info):
    assert is_labelled_free(atom(info))
    dataset = Dataset.from_systems([atom(info), *map(bulk, range(4))], 5.0)
    assert dataset.isolated.tolist() == [True, False, False, False, False]
    assert dataset.arrays["n_pairs"][0] == 0
    told = [str(finding) for finding in inspect_data([atom(info), *map(bulk, range(4))], quiet=True).findings]
    assert any("1 of 5 frames are free atoms" in text for text in told)


def test_without_the_label_it_is_a_crystal():
    plain = atom({"config_type": "bcc"})
    assert freed(plain) is plain
    assert not Dataset.from_systems([plain, *map(bulk, range(4))], 5.0).isolated.any()
    assert not is_labelled_free(atom({"config_type": "Cu"}))
    assert not is_labelled_free(atom({"config_type": "isolated_atom_Al"}))
    assert not is_labelled_free(System([[0, 0, 0], [0, 0, 1]], [1, 1], info={"config_type": "IsolatedAtom"}))
