"""The preparation of clouds: what must not change it, what must, and what it refuses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from empnet import System
from empnet.errors import EmpnetError
from empnet.preparation.duplicates import merged
from empnet.preparation.farthest_points import FIRST, farthest_points
from empnet.preparation.invariants import LOG_SIZE, LOG_SPACING, descriptor
from empnet.preparation.moments import LocalMoments
from empnet.preparation.preparation import Preparation, are_clouds, prepare

EXACT = 1e-8
"""Features are of order one, and sums of a thousand terms in float64 round by less."""


def a_cloud(seed: int = 0, n: int = 700, grid: float = 0.0) -> np.ndarray:
    """Points on the sides of a box with a ball beside it; on a grid, distances have many ties."""
    random = np.random.default_rng(seed)
    box = random.uniform(-1, 1, (n, 3)) * [3.0, 2.0, 1.0]
    side = random.integers(0, 3, n)
    box[np.arange(n), side] = np.sign(box[np.arange(n), side]) * np.array([3.0, 2.0, 1.0])[side]
    ball = random.normal(size=(n // 3, 3))
    points = np.concatenate([box, [4.5, 0.0, 0.5] + 0.7 * ball / np.linalg.norm(ball, axis=1, keepdims=True)])
    return np.round(points / grid) * grid if grid else points


def row_of(points: np.ndarray, preparation: Preparation) -> np.ndarray:
    """The descriptor of a cloud: it depends on all features of points and of the cloud."""
    cloud = prepare(System(points), preparation)
    return descriptor(np.asarray(cloud.system.features), cloud.row)


@pytest.mark.parametrize("grid", [0.0, 0.25])
@pytest.mark.parametrize("symmetry", ["full", "vertical"])
def test_rotation_order_translation_and_duplicates_change_nothing(symmetry, grid):
    random, preparation = np.random.default_rng(3), Preparation(points=64, symmetry=symmetry)
    points = a_cloud(grid=grid)
    for _ in range(5):
        angle = random.uniform(0, 2 * np.pi)
        vertical = Rotation.from_euler("z", angle)
        R = (vertical if symmetry == "vertical" else Rotation.random(random_state=random)).as_matrix()
        again = np.concatenate([points, points[:40]])[random.permutation(len(points) + 40)]
        changed = again @ R.T + random.normal(size=3) * 100
        assert np.abs(row_of(changed, preparation) - row_of(points, preparation)).max() < EXACT


def test_vertical_knows_up_and_full_does_not():
    points, turned = a_cloud(), a_cloud()[:, [2, 0, 1]]
    full, vertical = (
        np.abs(row_of(turned, Preparation(64, symmetry)) - row_of(points, Preparation(64, symmetry))).max()
        for symmetry in ("full", "vertical")
    )
    assert full < EXACT < 0.1 < vertical


def test_kept_points_are_among_the_points_and_spread():
    points = a_cloud()
    centred = points - points.mean(axis=0)
    chosen = farthest_points(centred, 50)
    assert len(set(chosen.tolist())) == 50
    assert chosen[0] == np.argmax(np.linalg.norm(centred, axis=1))
    nearest = [np.linalg.norm(centred[chosen[k]] - centred[chosen[:k]], axis=1).min() for k in range(1, 50)]
    assert all(a >= b - 1e-12 for a, b in pairwise(nearest))  # each time the farthest is taken


def test_farthest_points_against_a_plain_loop():
    points = a_cloud(5, 200)
    centred = points - points.mean(axis=0)
    chosen = [int(np.argmax((centred**2).sum(1)))]
    while len(chosen) < 30:
        d = np.min([((centred - centred[k]) ** 2).sum(1) for k in chosen], axis=0)
        chosen.append(int(np.argmax(d)))
    assert farthest_points(centred, 30).tolist() == chosen


def test_all_points_are_kept_once_in_an_order_that_starts_far_apart():
    points = a_cloud(5, 400)
    centred = points - points.mean(axis=0)
    chosen = farthest_points(centred, 10_000)
    assert sorted(chosen.tolist()) == list(range(len(points)))
    assert chosen[:FIRST].tolist() == farthest_points(centred, FIRST).tolist()


def test_many_points_are_prepared_alike_in_any_order():
    points, random = a_cloud(2, 3_000), np.random.default_rng(1)
    q, _ = np.linalg.qr(random.normal(size=(3, 3)))
    turned = points[random.permutation(len(points))] @ q.T
    a, b = (prepare(System(each), Preparation(points=10_000)) for each in (points, turned))
    assert np.abs(a.row - b.row).max() < EXACT
    assert np.allclose(np.sort(a.system.features, axis=0), np.sort(b.system.features, axis=0), atol=1e-8)


def test_features_are_smooth_in_the_points():
    points, preparation = a_cloud(n=300), Preparation(points=10_000)  # all points are kept: no choice between them
    moved = points + 1e-6 * np.random.default_rng(0).normal(size=points.shape)
    a, b = (prepare(System(each), preparation) for each in (points, moved))
    order = [np.argsort(np.asarray(each.system.features)[:, 0]) for each in (a, b)]
    apart = np.asarray(a.system.features)[order[0]] - np.asarray(b.system.features)[order[1]]
    assert np.abs(apart).max() < 1e-3
    assert np.abs(a.row - b.row).max() < 1e-3


def test_local_moments_against_sums_in_numpy():
    points = a_cloud(1, 100)
    values = np.random.default_rng(1).random((len(points), 2))
    found = LocalMoments.within([0.9, 1.3], points, points[:7], values)[1]
    for i in range(7):
        d = points - points[i]
        w = (1 - (d**2).sum(1) / 1.3**2).clip(0) ** 2
        mean = (w[:, None] * d).sum(0) / w.sum() / 1.3
        second = np.einsum("n,ni,nj->ij", w, d, d) / w.sum() / 1.3**2 - np.outer(mean, mean)
        assert np.isclose(found.mass[i], w.sum()) and np.allclose(found.shift[i], mean)
        assert np.allclose(found.spread[i], second)
        assert np.allclose(found.means[i], (w[:, None] * values).sum(0) / w.sum())


def test_size_and_unit_of_length():
    points = a_cloud()
    small, large = (prepare(System(points * factor), Preparation(64)) for factor in (1.0, 10.0))
    assert np.isclose(large.row[LOG_SIZE] - small.row[LOG_SIZE], np.log(10.0))
    assert np.allclose(small.system.positions, large.system.positions)  # each in its own spacing
    unsized = [prepare(System(points * factor), Preparation(64, sized=False)).row[1:] for factor in (1.0, 10.0)]
    assert np.allclose(*unsized)
    one = prepare(System(points), Preparation(64, length=2.0)).system.positions
    assert np.allclose(one * 2.0, small.system.positions * np.exp(small.row[LOG_SIZE] + small.row[LOG_SPACING]))


def test_variants_are_the_same_each_time_and_differ():
    system = System(a_cloud())
    one, again, other = (prepare(system, Preparation(64), variant) for variant in (1, 1, 2))
    assert np.array_equal(one.row, again.row) and not np.array_equal(one.row, other.row)
    assert not np.isclose(one.row[LOG_SIZE], prepare(system, Preparation(64), 1, scaled=False).row[LOG_SIZE])


def test_own_features_are_averaged_and_duplicates_merged():
    points = np.concatenate([a_cloud(n=60), a_cloud(n=60)])  # each point twice
    system = System(points, arrays={"intensity": np.ones(len(points))}).join_features(["intensity"])
    cloud = prepare(system, Preparation(32))
    assert cloud.merged == len(points) // 2
    assert np.allclose(np.asarray(cloud.system.features)[:, -1], 1.0)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_merged_against_unique(n, seed):
    points = np.random.default_rng(seed).integers(0, 3, (n, 3)).astype(float)
    values = np.arange(n, dtype=float)[:, None]
    different, means = merged(points, values)
    expected = np.unique(points, axis=0)
    assert len(different) == len(expected)
    for point, mean in zip(different, means, strict=True):
        assert np.isclose(mean[0], values[(points == point).all(axis=1)].mean())


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (np.ones((5, 3)), "all points are equal"),
        (np.ones((1, 3)), "a single point"),
        (np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]]), "only 2 points are different"),
    ],
)
def test_clouds_without_extent_are_refused(points, text):
    with pytest.raises(EmpnetError, match=text):
        prepare(System(points), Preparation())


def test_flat_and_straight_clouds_are_prepared():
    line = np.arange(50)[:, None] * [1.0, 0, 0]
    plane = np.random.default_rng(0).random((50, 3)) * [1.0, 1.0, 0]
    for points in (line, plane):
        for symmetry in ("full", "vertical"):
            cloud = prepare(System(points), Preparation(16, symmetry))
            assert np.isfinite(cloud.row).all() and np.isfinite(np.asarray(cloud.system.features)).all()


def test_periodic_systems_are_no_clouds():
    crystal = System(a_cloud(n=20), cell=np.eye(3) * 20, pbc=True)
    assert not are_clouds(crystal) and are_clouds(System(a_cloud(n=20)))
    with pytest.raises(EmpnetError, match="periodic"):
        prepare(crystal, Preparation())


def test_a_model_of_other_features_says_so():
    with pytest.raises(EmpnetError, match="version 99 of the features of clouds"):
        prepare(System(a_cloud(n=20)), Preparation(version=99))
