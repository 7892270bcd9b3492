"""Dead units: planted ones are found, in networks of any kind."""

import pytest
import torch

from empnet.model.dead_units import dead_units, is_activation
from empnet.model.perceptron import perceptron


def network(activation=torch.nn.ReLU) -> torch.nn.Sequential:
    """Two hidden layers of 16 and 8 units, all of them alive on inputs around zero."""
    model = perceptron(5, (16, 8), 1, activation).double()
    with torch.no_grad():
        for layer, bias in ((model[0], 5.0), (model[2], 50.0)):  # so high that none is off; tanh would be saturated
            layer.bias.fill_(0.0 if activation is torch.nn.Tanh else bias)
    return model


INPUTS = torch.linspace(-1, 1, 500, dtype=torch.float64).reshape(100, 5)


@pytest.mark.parametrize("activation", [torch.nn.ReLU, torch.nn.SiLU, torch.nn.Tanh, torch.nn.Softplus])
def test_planted_units_are_counted(activation):
    model = network(activation)
    with torch.no_grad():
        model[0].weight[:3] = 0  # says the same of everything
        model[2].bias[0] = -1e4  # off, or saturated
    first, second = dead_units(model, [INPUTS])
    assert (first.name, first.units, first.dead, first.alive) == ("1", 16, 3, 13)
    assert (second.name, second.units, second.dead, second.alive) == ("3", 8, 1, 7)
    assert first.reached
    assert second.reached


def test_batches_add_up():
    """A unit that is constant on each batch, but not on both, is alive."""
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())
    low, high = torch.full((4, 1), 0.0), torch.full((4, 1), 1.0)
    with torch.no_grad():
        model[0].weight.fill_(2.0)
        model[0].bias.fill_(1.0)
    (one,) = dead_units(model, [low])
    (both,) = dead_units(model, [low, high])
    assert not one.reached
    assert one.alive == 0
    assert both.reached
    assert both.alive == 1
    assert (both.spread, both.largest) == (2.0, 3.0)


def test_behind_a_dead_layer_nothing_is_reached():
    model = network()
    with torch.no_grad():
        model[0].bias.fill_(-1e4)
    first, second = dead_units(model, [INPUTS])
    assert first.reached
    assert (first.dead, first.spread) == (16, 0.0)
    assert not second.reached
    assert second.alive == 0


def test_in_place_gives_the_same():
    model = network()
    with torch.no_grad():
        model[0].bias[:4] = -1e4
    wanted = dead_units(model, [INPUTS])
    model[1], model[3] = torch.nn.ReLU(inplace=True), torch.nn.ReLU(inplace=True)
    assert dead_units(model, [INPUTS]) == wanted


def test_units_on_another_axis():
    convolution = torch.nn.Conv2d(3, 6, 3)
    with torch.no_grad():
        convolution.bias[:2] = -1e4
    model = torch.nn.Sequential(convolution, torch.nn.ReLU())
    (found,) = dead_units(model, [torch.rand(4, 3, 8, 8)], rows=lambda name, x: x.movedim(1, -1))
    assert (found.units, found.dead) == (6, 2)


def test_tolerance():
    """A unit that varies a million times less than another is dead or alive, depending on the tolerance."""
    model = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False).double(), torch.nn.Identity(), torch.nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [1e-6]]))
    x = torch.rand(10, 1, dtype=torch.float64)
    assert [dead_units(model, [x], tolerance=t)[0].dead for t in (1e-5, 1e-7)] == [1, 0]


def test_the_model_stays_as_it_was():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    dead_units(model, [INPUTS])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not any(p.grad is not None for p in model.parameters())


def test_hooks_are_removed_when_the_model_fails():
    model = network()
    with pytest.raises(RuntimeError, match="shapes"):
        dead_units(model, [torch.zeros(2, 7, dtype=torch.float64)])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_nothing_to_look_at():
    assert dead_units(torch.nn.Linear(2, 2), [torch.zeros(1, 2)]) == ()
    assert dead_units(network(), []) == ()


def test_attention_is_no_activation():
    assert not is_activation(torch.nn.MultiheadAttention(4, 1))
    assert is_activation(torch.nn.LeakyReLU())
