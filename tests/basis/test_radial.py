"""The radial basis and the envelope: their formulas and their smoothness."""

import math

import pytest
import torch

from empnet.basis.radial import RadialBasis, envelope

CUTOFF = 4.5


def derivatives(function, d: torch.Tensor, order: int) -> list[torch.Tensor]:
    """Return a function of one distance and its derivatives up to an order."""
    d = d.clone().requires_grad_()
    found = [function(d)]
    for _ in range(order):
        found.append(torch.autograd.grad(found[-1].sum(), d, create_graph=True)[0])
    return [value.detach() for value in found]


def test_envelope_is_its_polynomial() -> None:
    d = torch.linspace(0, CUTOFF, 101, dtype=torch.float64)
    u = d / CUTOFF
    torch.testing.assert_close(envelope(d, CUTOFF), 1 - 10 * u**3 + 15 * u**4 - 6 * u**5, rtol=0, atol=1e-14)


def test_envelope_ends_with_two_zero_derivatives() -> None:
    at_the_end = torch.tensor([CUTOFF, CUTOFF + 1e-9, 2 * CUTOFF, math.inf], dtype=torch.float64)
    for value in derivatives(lambda d: envelope(d, CUTOFF), at_the_end, 2):
        assert value.tolist() == [0.0] * 4
    # inside, a distance e from the end, value and derivatives fall as e^3, e^2 and e
    step = 1e-4
    inside = torch.tensor([CUTOFF * (1 - step)], dtype=torch.float64)
    for order, value in enumerate(derivatives(lambda d: envelope(d, CUTOFF), inside, 2)):
        assert 0 < abs(value.item()) < 100 * step ** (3 - order)


def test_envelope_starts_at_one_with_two_zero_derivatives() -> None:
    values = derivatives(lambda d: envelope(d, CUTOFF), torch.zeros(1, dtype=torch.float64), 2)
    assert [value.item() for value in values] == pytest.approx([1, 0, 0], abs=1e-15)


def test_envelope_is_never_negative_in_float32() -> None:
    d = torch.linspace(0.99 * CUTOFF, 1.01 * CUTOFF, 10001)
    assert (envelope(d, CUTOFF) >= 0).all()


def test_basis_is_its_formula() -> None:
    d = torch.linspace(1e-3, 2 * CUTOFF, 997, dtype=torch.float64)
    basis = RadialBasis(8, CUTOFF)(d)
    for n in range(1, 9):
        wanted = math.sqrt(2 / CUTOFF) * torch.sin(n * math.pi * d / CUTOFF) / d
        torch.testing.assert_close(basis[:, n - 1], wanted, rtol=0, atol=1e-12)


def test_basis_is_orthonormal_in_the_sphere() -> None:
    points = 2000
    d = (torch.arange(points, dtype=torch.float64) + 0.5) * CUTOFF / points
    basis = RadialBasis(5, CUTOFF)(d)
    # the midpoint rule is exact for products of sines below its highest frequency
    overlap = (basis * d[:, None]).T @ (basis * d[:, None]) * CUTOFF / points
    torch.testing.assert_close(overlap, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-12)


def test_basis_is_smooth_at_zero() -> None:
    # sin(ad)/d = a - a^3 d^2 / 6 + a^5 d^4 / 120 - ...
    a = 3 * math.pi / CUTOFF
    values = derivatives(lambda d: RadialBasis(3, CUTOFF)(d)[:, 2], torch.zeros(1, dtype=torch.float64), 4)
    wanted = [a, 0, -(a**3) / 3, 0, a**5 / 5]
    for value, want in zip(values, wanted, strict=True):
        assert value.item() == pytest.approx(math.sqrt(2 / CUTOFF) * want, rel=1e-12)


def test_basis_joins_its_series_smoothly() -> None:
    # the series takes over at a d = 0.1; both forms agree there, to the rounding that 1/d^2 magnifies
    d = torch.tensor([0.1 - 1e-12, 0.1 + 1e-12], dtype=torch.float64) * CUTOFF / math.pi
    for value in derivatives(lambda d: RadialBasis(1, CUTOFF)(d)[:, 0], d, 2):
        assert abs(value[0] - value[1]) < 1e-11


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_shape(dtype: torch.dtype) -> None:
    d = torch.rand(2, 3, dtype=dtype)
    assert RadialBasis(6, CUTOFF)(d).shape == (2, 3, 6)
    assert RadialBasis(6, CUTOFF)(d).dtype == dtype
    assert envelope(d, CUTOFF).dtype == dtype
    assert not list(RadialBasis(6, CUTOFF).state_dict())
