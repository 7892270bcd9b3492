"""Capacity of a network: can it bring a loss to zero? Many starts and two optimisers, lest the optimiser fail."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from empnet.training.optimiser.descent import descend
from empnet.training.optimiser.schedule import Schedule

__all__ = ["ITERATIONS", "NIL", "STEPS", "Attempt", "Capacity"]

NIL = 1e-6
"""A mean squared error below this counts as zero: a thousandth of the data's spread, as a root mean square."""

STEPS = 2000
"""Steps of AdamW in one attempt."""

ITERATIONS = 500
"""Iterations of L-BFGS in one attempt."""

CALL = 20
"""Iterations of L-BFGS between two looks at the loss."""

Show = Callable[[str, int, int, float], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to minimise the loss.

    Arguments:
        what: Description of the optimiser and the network.
        loss: The final loss.
        steps: Steps, or iterations of L-BFGS.
        widening: Factor on the requested width.
        network: The trained network.
    """

    what: str
    loss: float
    steps: int
    widening: int
    network: torch.nn.Module = field(repr=False, compare=False)


@dataclass(frozen=True)
class Capacity:
    r"""Minimiser of the loss of a kind of network, as close to zero as two optimisers can.

    AdamW with a falling learning rate runs from several starts, then L-BFGS in float64 from the best of them: near a
    minimum it converges faster than linearly, and its line search depends on small differences. The objective is

    .. math:: L(\theta) + \frac{\lambda}{2} \lVert \theta \rVert^2

    with :math:`\lambda` the weight decay; attempts report L alone.

    References:
        Understanding deep learning requires rethinking generalization, Zhang et al., 2017,
        https://arxiv.org/abs/1611.03530 (a network with enough weights can memorise anything).

    Arguments:
        build: Factor on the width -> a network with fresh random weights from torch's global generator, which
            is seeded before and restored afterwards.
        loss: A network -> its loss, a scalar in the precision of the network's parameters or a higher one.
        floor: Lower bound of the loss for any network.
        weight_decay: :math:`\lambda`.
        lr: Highest learning rate of AdamW.
        steps: Steps of AdamW in one attempt.
        iterations: Iterations of L-BFGS in one attempt, a multiple of :data:`CALL`.
        named: Factor on the width -> description of the network.
        show: Called during the work with a description, steps done, total steps, and the objective.

    Example:
        >>> x = torch.linspace(-1, 1, 5)[:, None]
        >>> def loss(network):
        ...     points = x.to(next(network.parameters()).dtype)
        ...     return (network(points) - (2 * points + 1)).square().mean()
        >>> line = Capacity(lambda widening: torch.nn.Linear(1, 1), loss)
        >>> [(attempt.what, line.is_nil(attempt.loss)) for attempt in line.attempts(seeds=range(3))]
        [('AdamW, 1 times the width, seed 0', True)]
    """

    build: Callable[[int], torch.nn.Module]
    loss: Callable[[Any], Tensor]
    floor: float = 0.0
    weight_decay: float = 0.0
    lr: float = 1e-2
    steps: int = STEPS
    iterations: int = ITERATIONS
    named: Callable[[int], str] = "{} times the width".format
    show: Show | None = None

    def is_nil(self, loss: float) -> bool:
        """Return True if a loss has reached the floor."""
        return loss <= self.floor + NIL

    def attempts(self, seeds: Iterable[int], widening: int = 1) -> Iterator[Attempt]:
        """Yield attempts: AdamW from each start, then L-BFGS from the best; stop at the first that reaches the floor.

        Arguments:
            seeds: Seeds of the fresh weights.
            widening: Factor on the requested width.
        """
        best: Attempt | None = None
        for seed in seeds:
            attempt = self._adamw(widening, seed)
            yield attempt
            if self.is_nil(attempt.loss):
                return
            if best is None or attempt.loss < best.loss:
                best = attempt
        if best is not None:
            yield self._lbfgs(best)

    def _objective(self, network: torch.nn.Module) -> Tensor:
        """Return the objective: the loss plus the penalty on the weights."""
        loss = self.loss(network)
        if self.weight_decay == 0.0:
            return loss
        squares = torch.stack([parameter.square().sum() for parameter in network.parameters()])
        return loss + 0.5 * self.weight_decay * squares.sum()

    def _adamw(self, widening: int, seed: int) -> Attempt:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.build(widening)
        what = f"AdamW, {self.named(widening)}, seed {seed}"
        # The penalty is part of the objective: AdamW's decoupled decay differs from it, and L-BFGS has none.
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.0, foreach=True)
        schedule = Schedule(self.lr, anneal_from=self.steps // 4, total=self.steps)
        descent = descend(self._objective, repeat(network, self.steps), optimizer, rate=schedule, clip=_clip)
        value, step = math.inf, 0
        for step, value in enumerate(descent, start=1):
            self._report(what, step, self.steps, value)
            if self.is_nil(value) or not math.isfinite(value):
                break  # at the yield, before the step: the weights still belong to this loss
        return Attempt(what, self._measured(network), step, widening, network)

    def _lbfgs(self, start: Attempt) -> Attempt:
        network = copy.deepcopy(start.network).double()
        settings: dict[str, Any] = {"tolerance_grad": 0.0, "tolerance_change": 0.0, "line_search_fn": "strong_wolfe"}
        optimizer = torch.optim.LBFGS(network.parameters(), max_iter=CALL, history_size=CALL, **settings)
        what = f"L-BFGS in float64, {self.named(start.widening)}, from the best of these"
        loss, done = self._measured(network), 0
        calls = repeat(network, self.iterations // CALL)
        for done, _ in enumerate(descend(self._objective, calls, optimizer), start=1):
            loss = self._measured(network)
            self._report(what, CALL * done, self.iterations, loss)
            if self.is_nil(loss) or not math.isfinite(loss):
                break
        return Attempt(what, loss, CALL * done, start.widening, network)

    def _measured(self, network: torch.nn.Module) -> float:
        with torch.no_grad():
            return self.loss(network).item()

    def _report(self, what: str, done: int, total: int, loss: float) -> None:
        if self.show is not None:
            self.show(what, done, total, loss)


def _clip(parameters: Iterable[Tensor]) -> float:
    """Clip the gradient to length one: a wide network's first gradients can be longer."""
    return float(torch.nn.utils.clip_grad_norm_(parameters, 1.0))
