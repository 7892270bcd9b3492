"""Numbers at ticks are complete: nothing is left for a corner, and no two of them read alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from empnet.pages.ticks import number_ticks, tick_texts


@given(st.integers(-(10**6), 10**6), st.integers(-9, 9), st.sampled_from([1, 2, 2.5, 5]), st.integers(2, 9))
def test_ticks_are_told_apart_and_true(first, power, step, n):
    ticks = (first + np.arange(n)) * step * 10.0**power
    texts = tick_texts(ticks)
    assert len(set(texts)) == n
    assert np.allclose([float(text) for text in texts], ticks, rtol=0, atol=0.01 * step * 10.0**power)


@pytest.mark.parametrize("values", [[-97208.52, -97208.51], [1e6, 1e6 + 1], [1e-7, 2e-7], [3e8, 4e8]])
def test_no_text_is_left_in_a_corner(values):
    figure = Figure()
    figure.subplots().plot(values, values)
    number_ticks(figure)
    figure.canvas.draw()
    assert [axis.get_offset_text().get_text() for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis)] == ["", ""]
