"""The table of layers: shapes and parameters counted by hand."""

import pytest
import torch

from empnet.model import PropertyPredictor
from empnet.model.summary import summary


class TwoInputs(torch.nn.Module):
    """Takes two tensors, gives a dictionary; its two layers share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.second = torch.nn.Linear(3, 4)
        self.second.weight = self.first.weight

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": self.first(a) + self.second(b)}


def row(table, name: str):
    return next(layer for layer in table.layers if layer.name == name)


def test_a_stack_of_convolutions() -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, padding=2, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 8, 3, bias=False),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * 14 * 14, 10),
    )
    table = summary(model, (2, 3, 32, 32))
    assert [layer.kind for layer in table.layers] == ["Sequential", "Conv2d", "ReLU", "Conv2d", "Flatten", "Linear"]
    shapes = [(2, 10), (2, 16, 16, 16), (2, 16, 16, 16), (2, 8, 14, 14), (2, 1568), (2, 10)]
    assert [layer.output_shape for layer in table.layers] == shapes
    weights = [0, 16 * 3 * 25, 0, 8 * 16 * 9, 0, 15680]
    assert [layer.parameters_without_biases for layer in table.layers] == weights
    assert [layer.parameters for layer in table.layers] == [0, weights[1] + 16, 0, weights[3], 0, weights[5] + 10]
    assert table.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert table.parameters_without_biases == sum(weights)


def test_property_predictor() -> None:
    N, F, F_prime = 5, 4, 2
    table = summary(PropertyPredictor(N, F, F_prime), [(3, N, 3), (3, N, F)])
    assert row(table, "").output_shape == (3, F_prime)
    assert row(table, "message_passing").output_shape == (3, N, F)
    assert row(table, "pointwise_convolution").output_shape == (3, N, F_prime)
    assert row(table, "pointwise_convolution.psi.2").parameters == 128 * F_prime + F_prime
    assert table.parameters == (2 * 128 + 128 * F + F) + (128 * F + 128 + 128 * F_prime + F_prime)
    assert table.parameters_without_biases == (128 + 128 * F) + (128 * F + 128 * F_prime)


def test_shared_and_frozen_parameters() -> None:
    model = TwoInputs()
    assert summary(model, [(2, 3), (2, 3)]).parameters == 12 + 4 + 4
    assert row(summary(model, [(2, 3), (2, 3)]), "").output_shape == (2, 4)
    model.first.requires_grad_(False)
    assert summary(model, [(2, 3), (2, 3)]).parameters == 4


def test_inputs_instead_of_shapes() -> None:
    lengths = torch.tensor([[1, 2, 3]])
    table = summary(torch.nn.Sequential(torch.nn.Embedding(5, 7)), inputs=(lengths,))
    assert row(table, "0").output_shape == (1, 3, 7)
    for wrong in ({}, {"input_shape": (1, 3), "inputs": (lengths,)}):
        with pytest.raises(ValueError, match="input_shape and inputs: wanted one of them"):
            summary(torch.nn.Linear(3, 3), **wrong)


def test_several_outputs_and_layers_that_are_not_called() -> None:
    model = torch.nn.LSTM(3, 5)
    model.spare = torch.nn.Linear(2, 2)
    table = summary(model, (7, 1, 3))
    assert row(table, "").output_shape == (7, 1, 5)
    assert row(table, "").parameters - row(table, "").parameters_without_biases == 2 * 4 * 5
    assert row(table, "spare").output_shape is None
    assert table.parameters == sum(parameter.numel() for parameter in model.parameters())


def test_the_model_stays_as_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout())
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    summary(model, (6, 3))
    assert [module.training for module in model] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_dtype_of_the_inputs_is_that_of_the_parameters() -> None:
    assert summary(torch.nn.Linear(3, 4).double(), (2, 3)).layers[0].output_shape == (2, 4)
    assert summary(torch.nn.ReLU(), (2, 3)).layers[0].output_shape == (2, 3)


def test_the_table_lines_up() -> None:
    lines = str(summary(PropertyPredictor(5, 4), [(3, 5, 3), (3, 5, 4)])).splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "without", "biases"]
    assert lines[-1].split() == ["total", "1,541", "1,280"]
    assert set(lines[1]) == set(lines[-2]) == {"-"}
    assert max(map(len, lines)) == len(lines[0]) == len(lines[-1])
