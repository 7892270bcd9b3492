"""Pieces of surfaces: points lie on them, evenly, and normals point outwards."""

import numpy as np
import pytest

from empnet.studies.data.surfaces import box, ellipsoid, frustum, parallelogram, triangle


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_triangle_is_filled_evenly():
    piece = triangle(np.array([1.0, 1, 1]), np.array([3.0, 0, 0]), np.array([0, 3.0, 0]))
    points, normals = piece.draw(rng(), 20_000)
    assert piece.area == 4.5
    np.testing.assert_allclose(points.mean(axis=0), [2, 2, 1], atol=0.02)  # the centroid, corner + (u + v) / 3
    assert ((points - 1)[:, :2].sum(axis=1) <= 3 + 1e-12).all()
    assert (normals == [0, 0, 1]).all()


def test_a_parallelogram_is_filled_evenly():
    points, _ = parallelogram(np.zeros(3), np.array([2.0, 0, 0]), np.array([1.0, 1, 0])).draw(rng(), 20_000)
    np.testing.assert_allclose(points.mean(axis=0), [1.5, 0.5, 0], atol=0.02)


def test_the_faces_of_a_box_point_outwards():
    low, high = np.array([1.0, 2, 3]), np.array([2.0, 5, 9])
    faces = [face.draw(rng(), 100) for face in box(low, high)]
    for points, normals in faces:
        assert ((points >= low - 1e-12) & (points <= high + 1e-12)).all()
        assert ((points - (low + high) / 2) @ normals[0] > 0).all()
    assert {tuple(normals[0].astype(int)) for _, normals in faces} == {
        *((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)),
    }


@pytest.mark.parametrize("top", [0.0, 1.0, 2.0, 3.0])
def test_a_frustum(top):
    piece = frustum(np.array([5.0, 0, 1]), 2.0, top, 4.0)
    points, normals = piece.draw(rng(), 40_000)
    up, out = points[:, 2] - 1, np.hypot(points[:, 0] - 5, points[:, 1])
    np.testing.assert_allclose(out, 2 + (top - 2) * up / 4, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-12)
    along = np.array([top - 2, 4.0])  # outwards and upwards
    slant = np.stack([(normals[:, :2] * (points[:, :2] - [5, 0])).sum(axis=1) / out, normals[:, 2]], axis=1)
    np.testing.assert_allclose(slant @ along, 0, atol=1e-9)
    assert (slant[:, 0] > 0).all()
    # as many points below half the height as there is area: the mean circumference of each half
    assert (up < 2).mean() == pytest.approx((2 + (2 + top) / 2) / (2 * (2 + top)), abs=0.01)
    assert piece.area == pytest.approx(np.pi * (2 + top) * np.hypot(4, 2 - top))


def test_a_sphere_and_a_dome():
    radii = np.array([2.0, 2.0, 2.0])
    for least, area in ((-1.0, 16 * np.pi), (0.0, 8 * np.pi)):
        piece = ellipsoid(np.array([0, 0, 7.0]), radii, least)
        points, normals = piece.draw(rng(), 1000)
        np.testing.assert_allclose(points - [0, 0, 7.0], 2 * normals, atol=1e-12)
        assert piece.area == pytest.approx(area)
        assert points[:, 2].min() >= 7 + 2 * least


def test_the_normal_of_an_ellipsoid_is_its_gradient():
    radii = np.array([1.0, 2.0, 3.0])
    points, normals = ellipsoid(np.zeros(3), radii).draw(rng(), 100)
    np.testing.assert_allclose(((points / radii) ** 2).sum(axis=1), 1)
    np.testing.assert_allclose(np.cross(points / radii**2, normals), 0, atol=1e-12)
