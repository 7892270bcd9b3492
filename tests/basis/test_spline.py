"""The cubic spline: exact on knots and for cubics, fourth order, twice differentiable."""

import copy

import pytest
import torch

from empnet.basis.spline import CubicSpline

R_MAX = 4.5


def spline_of(spline: CubicSpline, values: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compute S(d) term by term."""
    q = spline.locate(d)
    w = spline.weights(d, q)
    T = spline.coefficients(values)
    return sum(w[:, b] * T.index_select(0, q + b) for b in range(4))


@pytest.mark.parametrize("n_knots", [4, 5, 9, 128])
def test_exact_on_knots(n_knots: int) -> None:
    torch.manual_seed(0)
    spline = CubicSpline(n_knots, R_MAX)
    values = torch.randn(n_knots, dtype=torch.float64)
    # rough values: the coefficients grow to some tens, rounding with them
    torch.testing.assert_close(spline_of(spline, values, spline.knots), values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("n_knots", [4, 5, 33])
def test_cubic_polynomials_are_reproduced(n_knots: int, degree: int) -> None:
    spline = CubicSpline(n_knots, R_MAX)
    d = torch.linspace(0, R_MAX, 301, dtype=torch.float64)
    # values up to 91: 1e-11 is some hundred roundings
    torch.testing.assert_close(spline_of(spline, spline.knots**degree, d), d**degree, rtol=0, atol=1e-11)


def test_error_falls_with_the_fourth_power_up_to_the_ends() -> None:
    def error(n_knots: int) -> float:
        spline = CubicSpline(n_knots, R_MAX)
        d = torch.linspace(0, R_MAX, 4001, dtype=torch.float64)
        return (spline_of(spline, (2 * spline.knots).cos(), d) - (2 * d).cos()).abs().max().item()

    for n_knots in (33, 65, 129):
        assert 12 < error(n_knots) / error(2 * n_knots - 1) < 22  # 16 in the limit


def test_second_derivative_is_continuous() -> None:
    torch.manual_seed(0)
    spline = CubicSpline(12, R_MAX)
    values = torch.randn(12, dtype=torch.float64)
    step = 1e-9

    def derivatives(d: torch.Tensor) -> list[torch.Tensor]:
        d = d.clone().requires_grad_()
        s = spline_of(spline, values, d)
        (first,) = torch.autograd.grad(s.sum(), d, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), d, create_graph=True)
        (third,) = torch.autograd.grad(second.sum(), d)
        return [s.detach(), first.detach(), second.detach(), third]

    inner = spline.knots[1:-1]
    below, above = derivatives(inner - step), derivatives(inner + step)
    for order in range(3):
        jump = (above[order] - below[order]).abs()
        slope = torch.maximum(above[order + 1].abs(), below[order + 1].abs())
        assert (jump <= 2 * step * slope * 1.01 + 1e-11).all()
    assert (above[3] - below[3]).abs()[1:-1].min() > 1  # and no more than that: a cubic spline, not one cubic


def test_third_derivative_is_continuous_next_to_the_ends() -> None:
    torch.manual_seed(0)
    spline = CubicSpline(12, R_MAX)
    fourth = spline.coefficients(torch.randn(12, dtype=torch.float64)).diff(n=4)
    assert abs(fourth[0]) < 1e-11
    assert abs(fourth[-1]) < 1e-11
    assert fourth[1:-1].abs().min() > 1e-3


def test_weights_are_a_partition_of_one() -> None:
    spline = CubicSpline(20, R_MAX)
    d = torch.rand(1000, dtype=torch.float64) * R_MAX
    w = spline.weights(d, spline.locate(d))
    assert (w >= 0).all()
    torch.testing.assert_close(w.sum(1), torch.ones(1000, dtype=torch.float64), rtol=0, atol=1e-15 * 4)


def test_locate_stays_in_the_table() -> None:
    spline = CubicSpline(10, R_MAX)
    d = torch.tensor([0.0, R_MAX / 2, R_MAX, 3 * R_MAX, float("inf"), float("nan")], dtype=torch.float64)
    q = spline.locate(d)
    assert q[:4].tolist() == [0, 4, 8, 8]
    assert ((q >= 0) & (q <= 8)).all()  # so that a wrong number gives a wrong number, not a crash


def test_gradients_reach_distances_and_values() -> None:
    spline = CubicSpline(6, R_MAX)
    d = (torch.tensor([0.3, 1.4, 2.2, 4.4], dtype=torch.float64)).requires_grad_()
    values = torch.randn(6, dtype=torch.float64, requires_grad=True)

    def form(values: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        return spline_of(spline, values, d)

    assert torch.autograd.gradcheck(form, (values, d))
    assert torch.autograd.gradgradcheck(form, (values, d))


def test_tables_stay_in_float64() -> None:
    spline = CubicSpline(16, R_MAX)
    knots, inverse = spline.knots.clone(), spline.inverse.clone()
    for moved in (spline.float(), spline.to(torch.bfloat16), spline.double(), copy.deepcopy(spline)):
        assert torch.equal(moved.knots, knots)
        assert torch.equal(moved.inverse, inverse)
    assert spline.coefficients(torch.ones(16, 2, 3)).dtype == torch.float32
    assert spline.to("meta").knots.device.type == "meta"


def test_nothing_is_saved() -> None:
    assert not CubicSpline(16, R_MAX).state_dict()


@pytest.mark.parametrize(
    ("n_knots", "r_max", "message"),
    [(3, 5.0, "n_knots: wanted at least 4, given 3"), (8, 0.0, "r_max: wanted a positive distance, given 0.0")],
)
def test_senseless_sizes_are_refused(n_knots: int, r_max: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CubicSpline(n_knots, r_max)
