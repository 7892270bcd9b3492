"""Structure of an LSTM: cells and gates, counted, and the LSTM unfolded step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from empnet.studies.claim import Evidence
from empnet.studies.networks.sequence_network import SequenceNetwork, UnfoldedLSTM
from empnet.studies.question_1e_lstm.order import alphabet, marked_strings
from empnet.studies.question_1e_lstm.premises import Recurrence
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.descent import descend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Unfolding", "cells_counted", "draw_gradients", "unfold", "weights_compared"]

STRINGS, STEPS, RATE = 32, 5, 1e-2
"""Strings of the batch for gradients, and the steps of Adam before weights are compared, with their rate."""


@dataclass(frozen=True)
class Unfolding:
    """An LSTM, unfolded for strings of one length and for strings twice as long.

    Arguments:
        lengths: Both lengths.
        cells: Distinct cells, for each length.
        applied: Number of applications of a cell to a string, for each length.
        parameters: Numbers in the weights and biases of all distinct cells, for each length.
        gates: Gates: sigmoids that torch's LSTM evaluates each time that a cell is applied.
        blocks: Blocks of rows of the recurrent weights: the gates, and the candidate for the cell's state.
        deviation: Largest difference between outputs of the unfolded LSTM and torch's.
        gradient_gap: Gradient of the first step's cell minus the sum of the gradients of separate copies, one for
            each step, relative to the sum.
        spread: Largest difference of a weight between the first step and any other after some steps of Adam.
        contributions: Norm of each step's contribution to the gradient, layers together.
    """

    lengths: tuple[int, int]
    cells: tuple[int, int]
    applied: tuple[int, int]
    parameters: tuple[int, int]
    gates: float
    blocks: float
    deviation: float
    gradient_gap: float
    spread: float
    contributions: np.ndarray


def unfold(p: Recurrence) -> Unfolding:
    """Count, differentiate and train the LSTM of the premises in float64.

    Arguments:
        p: The LSTM, and whether its steps share their weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SequenceNetwork(p.letters, 2, p.width, p.layers).double()
    lstm = network.recurrent
    assert isinstance(lstm, torch.nn.LSTM)  # own invariant: that is the default cell
    x, classes = _batch(p, p.length)
    written = [UnfoldedLSTM(lstm, length, shared=p.shared) for length in (p.length, 2 * p.length)]
    applied = [_applied(written[0], x), _applied(written[1], _batch(p, 2 * p.length)[0])]
    copies = UnfoldedLSTM(lstm, p.length, shared=False)
    by_step = _gradients(copies, _loss(copies, network.readout, x, classes))
    first = _gradients(written[0], _loss(written[0], network.readout, x, classes))[0]
    with torch.no_grad():
        deviation = float((written[0](x) - lstm(x)[0]).abs().max())
    return Unfolding(
        lengths=(p.length, 2 * p.length),
        cells=(_cells(written[0]), _cells(written[1])),
        applied=(applied[0], applied[1]),
        parameters=(_parameters(written[0]), _parameters(written[1])),
        gates=_sigmoids(lstm, x) / applied[0],
        blocks=len(lstm.state_dict()["weight_hh_l0"]) / p.width,
        deviation=deviation,
        gradient_gap=float((first - by_step.sum(0)).norm() / by_step.sum(0).norm()),
        spread=_spread_after_steps(written[0], network.readout, x, classes),
        contributions=by_step.norm(dim=1).numpy(),
    )


def _batch(p: Recurrence, length: int) -> tuple[Tensor, Tensor]:
    strings, classes = marked_strings(STRINGS, length, p.letters, shuffled=False, seed=0)
    return torch.from_numpy(OneHot(alphabet(p.letters)).encode_batch(strings)), torch.from_numpy(classes)


def _cells(written: UnfoldedLSTM) -> int:
    return sum(isinstance(module, torch.nn.LSTMCell) for module in written.modules())  # each object once


def _parameters(written: UnfoldedLSTM) -> int:
    return sum(parameter.numel() for parameter in written.parameters())


def _applied(written: UnfoldedLSTM, x: Tensor) -> int:
    """Return the number of calls of a cell while a batch is read."""
    calls: list[None] = []
    cells = [module for module in written.modules() if isinstance(module, torch.nn.LSTMCell)]
    handles = [cell.register_forward_hook(lambda *_: calls.append(None)) for cell in cells]
    with torch.no_grad():
        written(x)
    for handle in handles:
        handle.remove()
    return len(calls)


class _Operations(TorchDispatchMode):
    """Counts torch's operations."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[function.overloadpacket.__name__.rstrip("_")] += 1
        return function(*args, **(kwargs or {}))


def _sigmoids(lstm: torch.nn.LSTM, x: Tensor) -> int:
    """Return the number of sigmoids that torch's LSTM evaluates, in float64, for which no fused kernel hides them."""
    with torch.no_grad(), _Operations() as operations:
        lstm(x)
    return operations.counts["sigmoid"]


def _loss(written: UnfoldedLSTM, readout: torch.nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(readout(written(x)[:, -1]), classes)


def _by_step(written: UnfoldedLSTM, of: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a function of each weight, such as its gradient, joined over weights and layers: one row per step."""
    columns = [list(column) for column in written.cells]  # type: ignore[call-overload]
    steps = zip(*columns, strict=True)
    return torch.stack([torch.cat([of(w).flatten() for cell in step for w in cell.parameters()]) for step in steps])


def _gradients(written: UnfoldedLSTM, loss: Tensor) -> Tensor:
    """Return the gradient of each step's cell."""
    written.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = _by_step(written, lambda weight: weight.grad if weight.grad is not None else torch.zeros_like(weight))
    written.zero_grad()
    return gradients


def _spread_after_steps(written: UnfoldedLSTM, readout: torch.nn.Module, x: Tensor, classes: Tensor) -> float:
    optimizer = torch.optim.Adam(written.parameters(), lr=RATE)
    for _ in descend(lambda _: _loss(written, readout, x, classes), range(STEPS), optimizer):
        pass
    weights = _by_step(written, torch.Tensor.detach)
    return float((weights - weights[0]).abs().max())


def cells_counted(e: Unfolding) -> Evidence:
    """Return the numbers of cells and of their applications, as evidence."""
    evidence: dict[str, float | int] = {}
    for length, cells, applied in zip(e.lengths, e.cells, e.applied, strict=True):
        evidence[f"distinct cells, {length} letters"] = cells
        evidence[f"applications of a cell, {length} letters"] = applied
    return {**evidence, "sigmoid gates of a cell": e.gates, "blocks of weights of a cell": e.blocks}


def weights_compared(e: Unfolding) -> Evidence:
    """Return the comparison of weights over steps, as evidence."""
    counts = {f"parameters, {n} letters": count for n, count in zip(e.lengths, e.parameters, strict=True)}
    return {
        **counts,
        "gradient of the first step's cell less the sum over the steps, relative": e.gradient_gap,
        f"largest difference of the weights of two steps after {STEPS} steps of Adam": e.spread,
        "largest difference from the outputs of torch.nn.LSTM": e.deviation,
    }


def draw_gradients(figure: Figure, e: Unfolding) -> str:
    """Draw each step's contribution to the gradient."""
    axes = figure.subplots()
    axes.semilogy(np.arange(1, len(e.contributions) + 1), e.contributions, marker="o")
    axes.set(xlabel="step (letter of the string)", ylabel="length of its contribution to the gradient")
    return (
        "An untrained LSTM with a copy of the weights for each step: how long the gradient of each copy is, for the "
        "loss at the last letter. The one gradient of shared weights is the sum of these vectors, to which what "
        "happened many letters ago contributes less and less."
    )
