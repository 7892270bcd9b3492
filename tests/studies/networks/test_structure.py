"""What the inspector sees in networks whose kind is known by construction."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from empnet.errors import EmpnetError
from empnet.model.perceptron import perceptron
from empnet.studies.networks.residual import Residual
from empnet.studies.networks.structure import structure

X = torch.rand(3, 6)


class Network(nn.Module):
    """A forward pass written as a function of the module and the input."""

    def __init__(self, forward, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


def steps(self, x):
    h = torch.zeros(len(x), 4)
    for k in range(x.shape[1]):
        h = torch.tanh(self.W(x[:, k : k + 1]) + self.U(h))
    return self.out(h)


def cells(self, x):
    h = torch.zeros(len(x), 4)
    for k in range(x.shape[1]):
        h = self.cell(x[:, k : k + 1], h)
    return self.out(h)


def test_a_perceptron():
    found = structure(perceptron(6, (8, 2, 5), 6, nn.ReLU), X)
    assert (found.n_in, found.n_out, found.widths) == (6, 6, (6, 8, 2, 5, 6))
    assert found.is_feedforward_dense
    assert (found.skips, found.reused, found.bottleneck) == ((), (), 2)
    names = [operation.name for operation in found.operations.values()]
    assert names == ["linear", "relu", "linear", "relu", "linear", "relu", "linear"]
    assert found.operations[0].parameters == ("0.weight", "0.bias")


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5), nn.Tanh(), nn.Flatten(), nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(6, 4), nn.ReLU(inplace=True), nn.Linear(4, 1)),
        Network(
            lambda self, x: functional.gelu(x @ self.A + self.b) @ self.B,
            A=nn.Parameter(torch.rand(6, 4)),
            b=nn.Parameter(torch.rand(4)),
            B=nn.Parameter(torch.rand(4, 1)),
        ),
    ],
    ids=["dropout", "in place", "matrices"],
)
def test_a_perceptron_in_other_words(network):
    assert structure(network, X).is_feedforward_dense


@pytest.mark.parametrize(
    "network",
    [
        nn.Linear(6, 6),
        nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 6)),
        nn.Sequential(nn.Linear(6, 4), nn.Softmax(dim=-1), nn.Linear(4, 6)),
        nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 6)),
        nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 6)),
    ],
    ids=["no hidden layer", "no nonlinearity", "not elementwise", "convolution", "normalisation"],
)
def test_not_a_perceptron(network):
    found = structure(network, X)
    assert not found.is_feedforward_dense
    assert (found.skips, found.reused) == ((), ())


@pytest.mark.parametrize(
    "network",
    [
        Residual(perceptron(6, 4, 6)),
        nn.Sequential(nn.Linear(6, 4), Residual(perceptron(4, 4, 4)), nn.Linear(4, 6)),
        Network(lambda self, x: self.W(x) + self.f(x), W=nn.Linear(6, 3), f=perceptron(6, 4, 3)),
        Network(lambda self, x: torch.cat([x, self.f(x)], dim=1), f=perceptron(6, 4, 3)),
        Network(lambda self, x: x.clone().add_(self.f(x)), f=perceptron(6, 4, 6)),
        Network(lambda self, x: x - self.f(x), f=perceptron(6, 4, 6)),
    ],
    ids=["identity", "inside", "projected", "concatenated", "in place", "subtracted"],
)
def test_skips(network):
    found = structure(network, X)
    assert len(found.skips) == 1
    assert not found.is_feedforward_dense
    assert found.reused == ()


@pytest.mark.parametrize(
    "network",
    [
        Network(lambda self, x: self.f(x) + self.g(x), f=perceptron(6, 4, 6), g=perceptron(6, 4, 6)),
        Network(lambda self, x: self.V(x) + self.W(x), V=nn.Linear(6, 3), W=nn.Linear(6, 3)),
        Network(lambda self, x: self.f(x - x.mean(dim=1, keepdim=True)), f=perceptron(6, 4, 6)),
    ],
    ids=["two branches", "sum of maps", "mean taken off"],
)
def test_sums_that_skip_nothing(network):
    assert structure(network, X).skips == ()


def test_a_skip_of_a_layer_is_told_by_its_name():
    network = nn.Sequential(nn.Linear(6, 4), Residual(perceptron(4, 4, 4)), nn.Linear(4, 6))
    assert structure(network, X).skips == ("1",)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_layers_of_torch_that_recur(kind):
    network = Network(
        lambda self, x: self.out(self.cells(x[:, :, None])[0][:, -1]),
        cells=kind(1, 4, batch_first=True),
        out=nn.Linear(4, 6),
    )
    found = structure(network, X)
    assert found.reused == tuple(f"cells.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    assert not found.is_feedforward_dense
    assert found.skips == ()


@pytest.mark.parametrize(
    ("network", "reused"),
    [
        (
            Network(steps, W=nn.Linear(1, 4), U=nn.Linear(4, 4), out=nn.Linear(4, 6)),
            {"U.weight", "U.bias"},
        ),
        (
            Network(cells, cell=nn.GRUCell(1, 4), out=nn.Linear(4, 6)),
            {"cell.weight_ih", "cell.weight_hh", "cell.bias_ih", "cell.bias_hh"},
        ),
    ],
    ids=["by hand", "cells"],
)
def test_loops_that_recur(network, reused):
    """By hand, only the map of the state is applied to what came from it; a cell is given the state with the input."""
    found = structure(network, X)
    assert set(found.reused) == reused
    assert found.skips == ()


def test_weights_shared_by_two_branches_do_not_recur():
    f = perceptron(3, 4, 2)
    assert structure(Network(lambda self, x: self.f(x[:, :3]) * self.f(x[:, 3:]), f=f), X).reused == ()


def test_a_bottleneck_is_one_only_if_nothing_leads_around_it():
    assert structure(perceptron(6, 2, 6), X).bottleneck == 2
    assert structure(perceptron(6, 8, 6), X).bottleneck is None
    assert structure(perceptron(6, 2, 2), X).bottleneck is None  # not narrower than the output
    assert structure(Residual(perceptron(6, 2, 6)), X).bottleneck is None


def test_the_network_stays_as_it_was():
    network = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 6)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    structure(network, X)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_dead_ends_are_left_out():
    network = Network(lambda self, x: (self.g(x), self.f(x))[1], f=perceptron(6, 4, 6), g=nn.Linear(6, 6))
    assert structure(network, X).is_feedforward_dense


def test_an_output_that_does_not_come_from_the_input():
    with pytest.raises(EmpnetError, match="the output was not computed from the input"):
        structure(Network(lambda self, x: torch.zeros(3, 6)), X)
