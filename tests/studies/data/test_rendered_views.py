"""Pictures of clouds: where a point is drawn, and how brightly."""

import numpy as np

from empnet.studies.data.rendered_views import SIDE, WINDOW, rendered_views


def test_one_point_is_drawn_once_in_each_view():
    x, y, z = 1.0, -0.5, 2.0
    picture = rendered_views(np.array([[[x, y, z]]]))[0]
    place = [int((value / WINDOW + 0.5) * SIDE) for value in (x, y, z)]
    for view, (across, up) in enumerate(((0, 1), (0, 2), (1, 2))):
        assert np.argwhere(picture[..., view]).tolist() == [[SIDE - 1 - place[up], place[across]]]


def test_brightness_is_the_logarithm_of_the_count():
    r = np.array([[[0.1, 0.1, 0.1]] * 3 + [[1.0, 1.0, 1.0]]])
    values = np.unique(rendered_views(r)[0])
    np.testing.assert_allclose(values, [0, np.log(2) / np.log(4), 1], rtol=1e-6)


def test_points_outside_are_at_the_edge_and_clouds_do_not_mix():
    pictures = rendered_views(np.array([[[0.0, 0.0, 99.0]], [[0.0, 0.0, 0.0]]]))
    assert pictures[0, 0, SIDE // 2, 1] == 1  # the front's upper edge
    assert (pictures[1, 0] == 0).all()
    assert pictures.dtype == np.float32
