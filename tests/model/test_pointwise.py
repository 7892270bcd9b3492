"""Point-wise convolution: psi of each particle, and padding that never leaks."""

import pytest
import torch

from empnet.model.pointwise import PointwiseConvolutionLayer, padded, unpadded

B, N, F, F_PRIME = 3, 5, 4, 2


@pytest.fixture
def layer() -> PointwiseConvolutionLayer:
    torch.manual_seed(0)
    return PointwiseConvolutionLayer(N, F, F_PRIME).double()


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()


def test_each_particle_goes_through_psi(layer: PointwiseConvolutionLayer) -> None:
    f_bar = torch.randn(B, N, F, dtype=torch.float64)
    first, second = layer.psi[0], layer.psi[2]
    hidden = torch.log1p(torch.exp(f_bar @ first.weight.T + first.bias))
    torch.testing.assert_close(layer(f_bar), hidden @ second.weight.T + second.bias, rtol=0, atol=1e-10)
    assert first.weight.shape == (128, F)
    assert second.weight.shape == (F_PRIME, 128)


def test_derivatives(layer: PointwiseConvolutionLayer, mask: torch.Tensor) -> None:
    f_bar = torch.randn(B, N, F, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: layer(f, mask=mask), f_bar, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda f: layer(f, mask=mask), f_bar, fast_mode=True)


@pytest.mark.parametrize("shape", [(0, N, F), (1, N, F)])
def test_any_batch_size(layer: PointwiseConvolutionLayer, shape: tuple[int, ...]) -> None:
    assert layer(torch.zeros(shape, dtype=torch.float64)).shape == (*shape[:2], F_PRIME)


@pytest.mark.parametrize("garbage", [7.0, float("nan"), float("inf")])
def test_empty_slots_are_zero_and_never_read(
    layer: PointwiseConvolutionLayer, mask: torch.Tensor, garbage: float
) -> None:
    f_bar = torch.randn(B, N, F, dtype=torch.float64)
    other = torch.where(mask[:, :, None], f_bar, garbage).requires_grad_()
    found = layer(other, mask=mask)
    assert torch.equal(found, layer(f_bar, mask=mask))
    assert torch.equal(found[~mask], torch.zeros_like(found[~mask]))
    found.sum().backward()
    assert torch.equal(other.grad[~mask], torch.zeros_like(other.grad[~mask]))
    assert other.grad.isfinite().all()


def test_padding_and_back(mask: torch.Tensor) -> None:
    values = torch.randn(int(mask.sum()), F)
    assert torch.equal(unpadded(padded(values, mask, N), mask), values)
    batch = torch.randn(B, N, F)
    assert torch.equal(padded(unpadded(batch, None), None, N), batch)
    assert torch.equal(padded(unpadded(batch, mask), mask, N), torch.where(mask[:, :, None], batch, 0))


def test_output_has_the_dtype_of_the_parameters(layer: PointwiseConvolutionLayer) -> None:
    assert layer(torch.zeros(B, N, F)).dtype == torch.float64
    assert layer.float()(torch.zeros(B, N, F, dtype=torch.float64)).dtype == torch.float32


def test_wrong_shapes_and_dtypes_are_named(layer: PointwiseConvolutionLayer) -> None:
    good = torch.zeros(B, N, F)
    with pytest.raises(ValueError, match=r"f_bar_batch: wanted shape \(B, 5, 4\), given \(3, 5, 5\)"):
        layer(torch.zeros(B, N, F + 1))
    with pytest.raises(ValueError, match=r"f_bar_batch: wanted shape \(B, 5, 4\), given \(5, 4\)"):
        layer(torch.zeros(N, F))
    with pytest.raises(ValueError, match=r"f_bar_batch: wanted floating-point numbers, given torch.int64"):
        layer(good.long())
    with pytest.raises(ValueError, match=r"mask: wanted shape \(3, 5\), given \(5,\)"):
        layer(good, mask=torch.ones(N, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask: wanted torch.bool .* given torch.float32"):
        layer(good, mask=torch.ones(B, N))
