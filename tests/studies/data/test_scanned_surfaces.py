"""Generated scans: seeded, of all classes, with noise, gaps and duplicates, seen from outside."""

from collections import Counter

import numpy as np
import pytest

from empnet.studies.data.scanned_surfaces import FAMILIES, POINTS, TWICE, scanned_surfaces


@pytest.fixture(scope="module")
def clouds():
    return scanned_surfaces(20)


def test_the_seed_decides_everything(clouds):
    again = scanned_surfaces(3)
    for cloud, other in zip(clouds, again, strict=False):  # the first ones do not depend on the number
        np.testing.assert_array_equal(cloud.positions, other.positions)
        assert cloud.info == other.info
    assert not np.array_equal(scanned_surfaces(1, seed=1)[0].positions[:50], clouds[0].positions[:50])


def test_classes_are_balanced_and_some_may_be_left_out(clouds):
    assert Counter(cloud.info["label"] for cloud in clouds) == dict.fromkeys(FAMILIES, 20)
    few = scanned_surfaces(1, families=("pole", "wall"))
    assert [cloud.info["label"] for cloud in few] == ["pole", "wall"]
    np.testing.assert_array_equal(few[0].positions, clouds[list(FAMILIES).index("pole")].positions)


def test_clouds_have_points_and_duplicates_and_no_species(clouds):
    for cloud in clouds:
        different = len(np.unique(cloud.positions, axis=0))
        assert len(cloud) - TWICE <= different <= len(cloud) - 1
        assert POINTS[0] / 2 <= len(cloud) <= POINTS[1] + TWICE
        assert cloud.species is None
        assert cloud.cell is None


def test_things_stand_upright_and_are_turned_about_the_vertical(clouds):
    poles = [cloud.positions for cloud in clouds if cloud.info["label"] == "pole"]
    assert all(np.ptp(r[:, 2]) > np.ptp(r[:, 0]) for r in poles)
    walls = [r - r.mean(axis=0) for r in (c.positions[:, :2] for c in clouds if c.info["label"] == "wall")]
    angles = [np.degrees(np.arctan2(*np.linalg.svd(r)[2][0])) % 180 for r in walls]
    assert np.ptp(angles) > 90


def test_surfaces_are_seen_from_outside_only():
    """A house is seen from one or two sides: few have points on all four walls as densely."""
    houses = [c.positions - c.positions.mean(axis=0) for c in scanned_surfaces(20, families=("house",))]
    shares = []
    for r in houses:
        axes = np.linalg.svd(r[:, :2])[2]
        sides = (r[:, :2] @ axes.T) > 0
        quarters = [np.mean((sides == [a, b]).all(axis=1)) for a in (False, True) for b in (False, True)]
        shares.append(min(quarters))
    assert np.median(shares) < 0.2
