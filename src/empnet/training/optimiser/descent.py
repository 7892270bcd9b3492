"""Gradient descent: one step, many steps, and whole fits with early stopping."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.runtime.interrupt import Interrupt

__all__ = ["Course", "descend", "epoch_batches", "fit", "take_step"]

B = TypeVar("B")
Clip = Callable[[Iterable[Tensor]], float]


def epoch_batches(
    indices: Int64[np.ndarray, " n"], size: int, *, seed: int, epoch: int
) -> list[Int64[np.ndarray, " m"]]:
    """Return the batches of one pass over the data: random order, equal parts of at most ``size``.

    The order depends on (seed, epoch) alone, so a resumed run continues as if it had never stopped.

    Arguments:
        indices: Indices of the data.
        size: Largest number of indices in a batch.
        seed: Seed of the run.
        epoch: Number of the pass.

    Example:
        >>> [len(batch) for batch in epoch_batches(np.arange(10), 4, seed=0, epoch=0)]
        [4, 3, 3]
    """
    order = np.random.default_rng([seed, epoch]).permutation(indices)
    return np.array_split(order, max(1, math.ceil(len(indices) / size)))


def take_step(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    *,
    backward: Callable[..., Any] = torch.Tensor.backward,
    clip: Clip | None = None,
) -> float:
    """Take one step of an optimiser along the gradient of a loss.

    Arguments:
        loss: A scalar with its graph.
        optimizer: Optimiser whose parameters move.
        backward: Computes the gradient, with the signature of :meth:`torch.Tensor.backward`. It differentiates
            with respect to the optimiser's parameters only, not, say, the positions behind the forces.
        clip: Shortens the gradient of the given parameters, and returns its length before; if that is not finite,
            no step is taken.

    Returns:
        The length that ``clip`` returned; nan without it.

    Example:
        >>> x = torch.ones(1, requires_grad=True)
        >>> _ = take_step(x.square().sum(), torch.optim.SGD([x], lr=0.25))
        >>> x.item()
        0.5
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    optimizer.zero_grad()
    backward(loss, inputs=parameters)
    length = math.nan
    if clip is not None:
        length = clip(parameters)
        if not math.isfinite(length):  # a step would spoil the weights
            return length
    optimizer.step()
    return length


def descend(
    loss: Callable[[B], Tensor],
    batches: Iterable[B],
    optimizer: torch.optim.Optimizer,
    *,
    rate: Callable[[int], float] | None = None,
    clip: Clip | None = None,
) -> Iterator[float]:
    """Yield each batch's loss, then take the step on it; the caller may stop iterating.

    L-BFGS evaluates the loss as often as its line search asks.

    Arguments:
        loss: The loss of a batch.
        batches: One batch for each step.
        optimizer: Any optimiser of torch.
        rate: The learning rate of each step, counted from 0.
        clip: As in :func:`take_step`; not with L-BFGS.

    Example:
        >>> x = torch.ones(1, requires_grad=True)
        >>> list(descend(lambda _: x.square().sum(), range(3), torch.optim.SGD([x], lr=0.25)))
        [1.0, 0.25, 0.0625]
    """
    for number, batch in enumerate(batches):
        if rate is not None:
            for group in optimizer.param_groups:
                group["lr"] = rate(number)
        if isinstance(optimizer, torch.optim.LBFGS):
            yield _line_search(loss, batch, optimizer)
            continue
        value = loss(batch)
        yield value.item()
        take_step(value, optimizer, clip=clip)


def _line_search(loss: Callable[[B], Tensor], batch: B, optimizer: torch.optim.LBFGS) -> float:
    """Call L-BFGS once, and return the loss at its start."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    return float(optimizer.step(closure).detach())  # type: ignore[arg-type, attr-defined, no-untyped-call]


@dataclass(slots=True)
class Course:
    """History of a fit.

    Arguments:
        train: Mean loss over the batches of each epoch.
        validation: Validation loss after each epoch; empty without validation.
        best: Epoch whose weights were kept, counted from 0; the last one without validation.
    """

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: int = -1

    @property
    def epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.train)


def fit(
    model: torch.nn.Module,
    batches: Callable[[int], Iterable[B]],
    loss: Callable[[B], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    validate: Callable[[], float] | None = None,
    patience: int | None = None,
    show: Callable[[Course], None] | None = None,
    clip: Clip | None = None,
) -> Course:
    """Train for some epochs; with validation, stop early and keep the best weights.

    The model is in training mode during an epoch, in evaluation mode during validation and afterwards. The first
    Ctrl-C ends the fit after the epoch under way: the model has its best weights so far, then KeyboardInterrupt is
    raised, so that the caller's work ends, too.

    Arguments:
        model: Trained in place.
        batches: The batches of an epoch, given its number.
        loss: The loss of a batch.
        optimizer: Over the model's parameters.
        epochs: Largest number of passes over the data.
        validate: The validation loss, called without gradients.
        patience: Number of epochs without a lower validation loss after which the fit stops.
        show: Called after each epoch.
        clip: As in :func:`take_step`.

    Raises:
        EmpnetError: If the loss is not finite; the model then has its best weights so far, if any.

    Example:
        >>> line, x = torch.nn.Linear(1, 1), torch.linspace(0, 1, 8)[:, None]
        >>> sgd = torch.optim.SGD(line.parameters(), lr=0.5)
        >>> course = fit(line, lambda epoch: [x], lambda x: (line(x) - 2 * x).square().mean(), sgd, epochs=300)
        >>> course.epochs, round(line.weight.item(), 3)
        (300, 2.0)
    """
    course, best = Course(), None
    with Interrupt() as interrupt:
        for epoch in range(epochs):
            model.train()
            losses: Sequence[float] = list(descend(loss, batches(epoch), optimizer, clip=clip))
            course.train.append(float(np.mean(losses)))
            model.eval()
            score = course.train[-1]
            if validate is not None:
                with torch.no_grad():
                    course.validation.append(validate())
                score = course.validation[-1]
            if not (math.isfinite(score) and math.isfinite(course.train[-1])):
                break
            if validate is None or score < min(course.validation[:-1], default=math.inf):
                course.best = epoch
                best = copy.deepcopy(model.state_dict()) if validate is not None else None
            if show is not None:
                show(course)
            if interrupt.asked or (patience is not None and epoch - course.best >= patience):
                break
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    if interrupt.asked:
        raise KeyboardInterrupt
    if course.train and not math.isfinite(course.train[-1] + sum(course.validation[-1:])):
        raise EmpnetError(f"the loss is no longer a number in epoch {course.epochs}", remedy="lower the learning rate")
    return course
