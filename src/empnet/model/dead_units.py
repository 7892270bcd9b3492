"""Dead units: hidden units whose output does not depend on the input, in any torch module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

__all__ = ["Activity", "dead_units", "is_activation"]

TOLERANCE = 1e-6
"""About 8 roundings of float32: a variation that much smaller than that of other units is lost in their sum."""

MIXING = (
    torch.nn.MultiheadAttention,
    torch.nn.Softmax,
    torch.nn.Softmin,
    torch.nn.LogSoftmax,
    torch.nn.Softmax2d,
)
"""Modules in torch's file of activations that mix units; their outputs are not hidden units."""

Rows = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Activity:
    """The activity of one layer's units on some data.

    Arguments:
        name: Name of the activation in the model, such as ``"psi.1"``.
        units: Number of units.
        dead: Number of dead units: their output varied by less than the tolerance, relative to the most active unit.
        reached: Whether the layer's input varied; if not, the fault lies before the layer.
        spread: Largest minus smallest output of the most active unit.
        largest: Largest absolute value of any output.
    """

    name: str
    units: int
    dead: int
    reached: bool
    spread: float
    largest: float

    @property
    def alive(self) -> int:
        """Number of units whose output varies; zero in a layer whose input does not."""
        return self.units - self.dead if self.reached else 0


@dataclass(slots=True)
class _Range:
    """The smallest and largest values of each column so far."""

    low: Tensor = field(default_factory=lambda: torch.tensor(torch.inf))
    high: Tensor = field(default_factory=lambda: torch.tensor(-torch.inf))

    def add(self, rows: Tensor) -> None:
        """Include further rows."""
        rows = rows.reshape(-1, rows.shape[-1])
        if len(rows):
            self.low = torch.minimum(self.low, rows.amin(dim=0))
            self.high = torch.maximum(self.high, rows.amax(dim=0))

    @property
    def empty(self) -> bool:
        """True if there were no rows."""
        return self.low.ndim == 0

    @property
    def width(self) -> Tensor:
        """Largest minus smallest value of each column."""
        return self.high - self.low

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        return float(torch.maximum(self.low.abs(), self.high.abs()).max())


def is_activation(module: torch.nn.Module) -> bool:
    """Return whether a module is one of torch's activations that act on each unit separately.

    Arguments:
        module: Any module.

    Example:
        >>> [is_activation(module) for module in (torch.nn.SiLU(), torch.nn.Softmax(-1), torch.nn.Linear(1, 1))]
        [True, False, False]
    """
    return type(module).__module__ == torch.nn.SiLU.__module__ and not isinstance(module, MIXING)


def as_they_are(_: str, values: Tensor) -> Tensor:
    """Return the values unchanged, for layers with the units on the last axis."""
    return values


@torch.no_grad()
def dead_units(
    model: torch.nn.Module, batches: Iterable[Any], *, tolerance: float = TOLERANCE, rows: Rows = as_they_are
) -> tuple[Activity, ...]:
    r"""Count the dead units behind each activation of a network, on data.

    Unit k of a layer is dead if its output h varies over the data by less than t times that of the most active unit,

    .. math:: \max_x h_k(x) - \min_x h_k(x) \le t \max_j (\max_x h_j(x) - \min_x h_j(x)).

    A unit of a ReLU layer with negative input on all data is an example (Lu et al., Dying ReLU and Initialization,
    2019). Only activations that are modules are examined. The model is called in its current mode: put it in evaluation
    mode first, because with dropout every unit looks active.

    Arguments:
        model: Any torch module.
        batches: Arguments for the model, one for each call.
        tolerance: t.
        rows: Maps the name of an activation and its input or output to the values to examine, with the units on the
            last axis; for channels first, ``lambda name, x: x.movedim(1, -1)``.

    Returns:
        One record for each activation that was called, in the model's order.

    Example:
        >>> layer = torch.nn.Linear(2, 3)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))
        >>> _ = layer.bias.data.zero_()
        >>> x = torch.rand(100, 2)
        >>> (found,) = dead_units(torch.nn.Sequential(layer, torch.nn.ReLU()), [x])
        >>> found.name, found.units, found.dead
        ('1', 3, 1)
    """
    ranges: dict[str, tuple[_Range, _Range]] = {}
    handles = []
    for name, module in model.named_modules():
        if is_activation(module):
            ranges[name] = given, out = _Range(), _Range()
            # before the call, because an activation that works in place overwrites its input
            handles.append(module.register_forward_pre_hook(partial(_note_input, name, rows, given)))
            handles.append(module.register_forward_hook(partial(_note_output, name, rows, out)))
    try:
        for batch in batches:
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(_activity(name, *both, tolerance) for name, both in ranges.items() if not both[1].empty)


def _note_input(name: str, rows: Rows, given: _Range, _: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
    given.add(rows(name, inputs[0]))


def _note_output(name: str, rows: Rows, out: _Range, _: torch.nn.Module, __: object, output: Tensor) -> None:
    out.add(rows(name, output))


def _activity(name: str, given: _Range, out: _Range, tolerance: float) -> Activity:
    return Activity(
        name,
        units=out.width.numel(),
        dead=int((out.width <= tolerance * out.width.max()).sum()),
        reached=bool(given.width.max() > tolerance * given.largest),
        spread=float(out.width.max()),
        largest=out.largest,
    )
