"""The error of spline tables against closed forms and the order of the method."""

import dataclasses
import math

import pytest
import torch

from empnet.dataset.dataset import collate
from empnet.model import Architecture, CubicSpline, PropertyModel
from empnet.model.table_error import interaction_table_errors, table_error, with_knots
from empnet.system.one_hot import OneHot
from empnet.system.system import System


def sine(k: float):
    return lambda d: torch.sin(k * d)[:, None]


def test_the_error_of_a_sine_is_the_one_in_the_books() -> None:
    """A cubic spline's error away from the ends is 4th derivative x h^4 x u^2 (1 - u)^2 / 24, at most h^4 / 384."""
    k, n = 2.0, 201
    spline = CubicSpline(n, 10.0)
    found = table_error(sine(k), spline)
    wanted = (k * spline.spacing) ** 4 / 384
    # the next term is smaller by (k h)^2 = 1 %; the ends add somewhat (not-a-knot), so do not ask for more than 10 %
    inner = table_error(sine(k), spline, lambda d: ((d > 1) & (d < 9))[:, None].double())
    assert inner.largest == pytest.approx(wanted, rel=0.02)
    assert found.largest >= inner.largest
    assert found.size == pytest.approx(math.sqrt(0.5 - math.sin(40.0) / 80), rel=1e-2)  # mean of sin^2 on [0, 10]
    assert found.mean < found.largest
    assert found.relative == found.mean / found.size


def test_the_error_falls_with_the_fourth_power_of_the_spacing() -> None:
    inner = lambda d: ((d > 1) & (d < 4))[:, None].double()  # noqa: E731 (the ends converge from higher up)
    coarse, fine = (table_error(sine(3.0), CubicSpline(n, 5.0), inner) for n in (65, 129))
    assert coarse.mean / fine.mean == pytest.approx(16, rel=0.1)


def test_a_filter_that_is_zero() -> None:
    assert table_error(lambda d: torch.zeros(len(d), 2, dtype=d.dtype), CubicSpline(5, 1.0)).relative == 0


@pytest.fixture
def model() -> PropertyModel:
    torch.manual_seed(0)
    return PropertyModel(Architecture(n_species=2, pooling=("sum",), cutoff=4.0, width=8, layers=2, knots=32))


def test_each_interaction_of_a_network(model: PropertyModel) -> None:
    errors = interaction_table_errors(model)
    assert len(errors) == 2
    with torch.no_grad():
        model.interactions[1].phi[0].weight.mul_(5)  # a steeper one
    steep = interaction_table_errors(model)
    assert steep[0] == errors[0]
    assert steep[1].relative > errors[1].relative
    finer = interaction_table_errors(with_knots(model, 32 * 4))
    assert finer[0].relative < errors[0].relative / 20


def test_all_filters_of_moments_are_compared() -> None:
    architecture = Architecture(n_species=2, pooling=("sum",), cutoff=4.0, width=8, layers=2, knots=32, moments=2)
    model = PropertyModel(architecture)
    before = interaction_table_errors(model)
    with torch.no_grad():
        model.interactions[1].chi[0].weight.mul_(5)  # a steeper one
    after = interaction_table_errors(model)
    assert after[0] == before[0]
    assert after[1].relative > before[1].relative


def test_more_knots_change_the_tables_only(model: PropertyModel) -> None:
    model = model.double().eval()
    model.baseline += 1
    fine, finer = with_knots(model, 256), with_knots(model, 1024)
    assert fine.architecture == dataclasses.replace(model.architecture, knots=256)
    assert fine.dtype == torch.float64
    assert not fine.training
    assert all(map(torch.equal, fine.state_dict().values(), model.state_dict().values()))
    batch = collate([System([[0, 0, 0], [0, 0, 1.0], [0, 1.5, 0]], [1, 8, 1])], 4.0, OneHot([1, 8]), torch.float64)
    y, y_fine, y_finer = (each(batch).item() for each in (model, fine, finer))
    assert y != y_fine
    assert abs(y_fine - y_finer) < abs(y - y_finer) / 100  # (256 / 32)^4 = 4096 by the order of the method
    with torch.no_grad():
        next(fine.parameters()).zero_()
    assert model(batch).item() == y  # nothing is shared
