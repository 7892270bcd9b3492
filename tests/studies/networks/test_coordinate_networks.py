"""Networks on raw coordinates: against torch's own layers, and what padding may hold."""

import pytest
import torch

from empnet.studies.networks.coordinate_networks import ConvolutionalCoordinateNetwork, DenseCoordinateNetwork

B, N, F = 3, 6, 4
KINDS = [DenseCoordinateNetwork, ConvolutionalCoordinateNetwork]


def systems() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(B, N, 3), torch.randn(B, N, F)


def test_dense_is_a_perceptron_on_one_long_row():
    r, f = systems()
    network = DenseCoordinateNetwork(N, F, 2, hidden=(5,))
    first, last = network.mlp[0], network.mlp[2]
    rows = torch.stack([torch.cat([torch.cat([r[b, j], f[b, j]]) for j in range(N)]) for b in range(B)])
    hidden = rows @ first.weight.T + first.bias
    wanted = (hidden * torch.sigmoid(hidden)) @ last.weight.T + last.bias
    torch.testing.assert_close(network(r, f), wanted)


def test_convolution_hears_its_neighbours_in_the_list_only():
    r, f = systems()
    network = ConvolutionalCoordinateNetwork(N, F, channels=(5, 5), kernel=3)
    x = torch.cat([r, f], dim=-1).transpose(1, 2).requires_grad_()
    network.convolutions(x)[0, :, 0].sum().backward()
    heard = x.grad[0].abs().sum(0) > 0
    assert heard.tolist() == [True, True, True, False, False, False]  # two layers of one neighbour each


@pytest.mark.parametrize("kind", KINDS)
def test_what_empty_slots_hold_is_not_seen(kind):
    r, f = systems()
    mask = torch.arange(N) < torch.tensor([[2], [6], [4]])
    network = kind(N, F)
    other = torch.where(mask[..., None], r, torch.nan), torch.where(mask[..., None], f, torch.nan)
    torch.testing.assert_close(network(*other, mask=mask), network(r, f, mask=mask), rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_checked(kind):
    network = kind(N, F)
    with pytest.raises(ValueError, match=r"r_batch: wanted shape \(B, 6, 3\), given \(3, 5, 3\)"):
        network(torch.zeros(B, 5, 3), torch.zeros(B, 5, F))
    with pytest.raises(ValueError, match=r"f_batch: wanted shape \(3, 6, 4\)"):
        network(torch.zeros(B, N, 3), torch.zeros(B, N, 1))


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel: wanted an odd number, given 2"):
        ConvolutionalCoordinateNetwork(N, F, kernel=2)


def test_parameters_grow_with_the_slots():
    counts = [sum(p.numel() for p in DenseCoordinateNetwork(n, F).parameters()) for n in (N, N + 1)]
    assert counts[1] - counts[0] == 256 * (3 + F)
