"""The network for pictures: shapes as torch infers them, parameters as counted by hand."""

import pytest
import torch

from empnet.errors import EmpnetError
from empnet.model.summary import summary
from empnet.studies.networks.image_network import ImageNetwork


def test_the_defaults_have_the_layers_and_parameters_as_counted_by_hand():
    with torch.device("meta"):
        network = ImageNetwork()
    rows = summary(network, (1, 3, 64, 64)).layers
    shapes = [row.output_shape for row in rows if row.kind in ("Conv2d", "Flatten", "Linear")]
    assert shapes == [(1, 64, 57, 57), (1, 8, 54, 54), (1, 8 * 54 * 54), (1, 2048), (1, 8)]
    kinds = [type(each).__name__ for each in [*network.features, *network.head]]
    convolutions = ["Conv2d", "ReLU", "Conv2d", "ReLU", "Flatten"]
    assert kinds == [*convolutions, "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    counts = [row.parameters for row in rows if row.parameters]
    first, second = 64 * 3 * 8 * 8 + 64, 8 * 64 * 4 * 4 + 8
    assert counts == [first, second, (54 * 54 * 8 + 1) * 2048, (2048 + 1) * 8]
    assert {each.p for each in network.modules() if isinstance(each, torch.nn.Dropout)} == {0.1}


@pytest.mark.parametrize("convolutions", [((4, 8), (8, 4)), ((4, 8),), ((8, 4),), ()])
@pytest.mark.parametrize("pool", [1, 2, 3])
def test_any_convolutions_and_pooling_fit(convolutions, pool):
    network = ImageNetwork(5, size=32, convolutions=convolutions, pool=pool, hidden=16)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


def test_dropout_acts_in_training_only_and_on_the_linear_layers():
    network = ImageNetwork(size=16, convolutions=((4, 8), (8, 4)), hidden=16, dropout=0.5)
    x = torch.randn(4, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    assert not any(isinstance(each, torch.nn.Dropout) for each in network.features)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"size": 7}, "larger than the image"),
        ({"size": 10}, "larger than the image"),
        ({"size": 16, "pool": 10}, "larger than what it is laid on"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"hidden": 0}, "hidden=0"),
        ({"convolutions": ((0, 3),)}, "convolution 1 has 0 channels"),
    ],
)
def test_what_cannot_be_meant(bad, message):
    with pytest.raises(EmpnetError, match=message), torch.device("meta"):
        ImageNetwork(**bad)
