"""PointNet: the formula on few points, and what changes its logits."""

import pytest
import torch
from scipy.spatial.transform import Rotation

from empnet.studies.networks.point_network import PointNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PointNetwork(3, widths=(8, 16), hidden=4).double().eval()


def test_the_formula_point_by_point(network):
    r = torch.randn(2, 7, 3, dtype=torch.float64)
    conv1, norm1, _, conv2, norm2, _ = network.shared

    def h(point):
        for conv, norm in ((conv1, norm1), (conv2, norm2)):
            point = conv.weight[:, :, 0] @ point + conv.bias
            point = torch.relu((point - norm.running_mean) / (norm.running_var + norm.eps).sqrt())
        return point

    highest = torch.stack([torch.stack([h(point) for point in cloud]).amax(dim=0) for cloud in r])
    torch.testing.assert_close(network(r), network.head(highest))


def test_order_and_copies_change_nothing_and_a_rotation_does(network):
    r = torch.randn(2, 20, 3, dtype=torch.float64)
    torch.testing.assert_close(network(r), network(r[:, torch.randperm(20)]))
    torch.testing.assert_close(network(r), network(torch.cat([r, r[:, :5]], dim=1)))
    turn = torch.tensor(Rotation.from_euler("x", 1.0).as_matrix())
    assert (network(r @ turn.T) - network(r)).abs().max() > 1e-3


def test_a_wrong_shape(network):
    with pytest.raises(ValueError, match="r_batch"):
        network(torch.zeros(2, 3, dtype=torch.float64))
