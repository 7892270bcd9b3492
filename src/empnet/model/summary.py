"""A summary of a network: its layers, their output shapes and numbers of parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Layer", "Summary", "summary"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of a :class:`Summary`.

    Arguments:
        name: The layer's path in the model, such as ``"psi.0"``.
        kind: Its class.
        output_shape: Shape of the output of its last call; None if it was not called or returned no tensor.
        parameters: Number of its own trainable parameters, without those of its sublayers.
        parameters_without_biases: Number of these parameters that are not biases.
    """

    name: str
    kind: str
    output_shape: Shape | None
    parameters: int
    parameters_without_biases: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The layers of a network, in the order of its modules; ``str`` makes a table of it.

    Arguments:
        layers: One row for each layer that was called or has parameters; the network itself comes first.
    """

    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Number of trainable parameters, shared ones known once."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def parameters_without_biases(self) -> int:
        """Number of trainable parameters without biases, shared ones known once."""
        return sum(layer.parameters_without_biases for layer in self.layers)

    def __str__(self) -> str:
        rows = [["layer", "", "output shape", "parameters", "without biases"]]
        for layer in self.layers:
            depth = layer.name.count(".") + 1 if layer.name else 0
            shape = "" if layer.output_shape is None else str(layer.output_shape)
            counts = [f"{layer.parameters:,}", f"{layer.parameters_without_biases:,}"] if layer.parameters else ["", ""]
            rows.append(["  " * depth + layer.name.rpartition(".")[2], layer.kind, shape, *counts])
        rows.append(["total", "", "", f"{self.parameters:,}", f"{self.parameters_without_biases:,}"])
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        aligned = [
            [cell.rjust(width) if column > 2 else cell.ljust(width) for column, (cell, width) in enumerate(cells)]
            for cells in (zip(row, widths, strict=True) for row in rows)
        ]
        lines = ["  ".join(row).rstrip() for row in aligned]
        rule = "-" * max(len(line) for line in lines)
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summary(
    model: torch.nn.Module,
    input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None,
    *,
    inputs: tuple[Any, ...] | None = None,
) -> Summary:
    """Run a network once and list its layers, output shapes and numbers of trainable parameters.

    A copy in evaluation mode is run, so that neither the network's mode, its buffers nor the state of the random
    numbers changes.

    Arguments:
        model: Any torch module.
        input_shape: Shape of the input, including the batch axis, or one shape for each of several inputs; they are
            filled with random numbers.
        inputs: The network's arguments instead, such as ``(batch,)``.

    Returns:
        One row for each layer, and the totals.

    Raises:
        ValueError: If not exactly one of ``input_shape`` and ``inputs`` is given.

    Example:
        >>> print(summary(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU()), (1, 3, 32, 32)))
        layer              output shape    parameters  without biases
        -------------------------------------------------------------
               Sequential  (1, 8, 28, 28)
          0    Conv2d      (1, 8, 28, 28)         608             600
          1    ReLU        (1, 8, 28, 28)
        -------------------------------------------------------------
        total                                     608             600
    """
    if (input_shape is None) == (inputs is None):
        raise ValueError(f"input_shape and inputs: wanted one of them, given {input_shape} and {inputs}")
    model = copy.deepcopy(model).eval()
    gpus = {parameter.device for parameter in model.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices=gpus):
        shapes = _output_shapes(model, _random_inputs(model, input_shape) if inputs is None else inputs)
    known: set[int] = set()
    layers = []
    for name, module in model.named_modules():
        own = [(key, p) for key, p in module.named_parameters(recurse=False) if p.requires_grad and id(p) not in known]
        known.update(id(parameter) for _, parameter in own)
        if own or module in shapes:
            weights = [parameter.numel() for key, parameter in own if "bias" not in key]
            total = sum(parameter.numel() for _, parameter in own)
            layers.append(Layer(name, type(module).__name__, shapes.get(module), total, sum(weights)))
    return Summary(tuple(layers))


def _random_inputs(model: torch.nn.Module, shape: Any) -> tuple[Tensor, ...]:
    """Return random numbers of the given shapes, in the dtype and on the device of the model's parameters."""
    shapes = [shape] if all(isinstance(size, int) for size in shape) else shape
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return tuple(torch.rand(*shape, dtype=like.dtype, device=like.device) for shape in shapes)


def _output_shapes(model: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[torch.nn.Module, Shape | None]:
    """Return the output shape of each module's last call."""
    shapes: dict[torch.nn.Module, Shape | None] = {}

    def note(module: torch.nn.Module, _: object, output: object) -> None:
        shapes[module] = _shape(output)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    model(*inputs)
    for handle in handles:
        handle.remove()
    return shapes


def _shape(output: object) -> Shape | None:
    """Return the shape of a tensor, or of the first one in a list, a tuple or a dictionary."""
    if isinstance(output, Tensor):
        return tuple(output.shape)
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, list | tuple) else ()
    return next((shape for shape in map(_shape, parts) if shape is not None), None)
