"""Loss floors on one batch against the width of the network, and errors after training on all points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.model.perceptron import perceptron
from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Premises, premise
from empnet.training.optimiser.capacity import NIL, Attempt, Capacity

__all__ = ["OneBatch", "Regression", "measure"]

INPUTS = 5
"""Variables of Friedman's function, all of which matter."""


@dataclass(frozen=True)
class Regression(Premises):
    """A regression, one batch of it, and a network that stagnates on it."""

    points: int = premise(1000, "Data points; as many again are drawn for the test.", at_least=2)
    batch: int = premise(32, "Samples in the one batch.", at_least=1)
    width: int = premise(2, "Units of the network's hidden layer.", at_least=1, at_most=1000)
    noise: float = premise(1.0, "Standard deviation of the targets' noise; that of the function is 5.", at_least=0.0)
    weight_scale: float = premise(1.0, "Factor on the hidden layer's initial weights.", at_least=0.0)

    def check(self) -> None:
        """Refuse a batch larger than the data."""
        if self.batch > self.points:
            raise EmpnetError(f"--batch {self.batch}", wanted=f"at most {self.points}, all points")


@dataclass(frozen=True, slots=True)
class Plan:
    """Cost of the measurement: starts and steps on the batch and on all points, penalties, widths."""

    starts: int
    steps: int
    iterations: int
    starts_on_all: int
    iterations_on_all: int
    strengths: tuple[float, ...]
    widths: tuple[int, ...]


QUICK = Plan(2, 150, 240, 1, 700, strengths=(1e-4, 1e-2), widths=())
FULL = Plan(5, 400, 500, 2, 1500, strengths=(1e-4, 1e-3, 1e-2), widths=(1, 2, 4, 8, 16, 32, 64))


@dataclass(frozen=True, slots=True)
class OneBatch:
    """Losses and errors: mean squares in units of the targets' variance.

    Arguments:
        width: Units of the question's network.
        noise: Variance of the noise.
        first: Loss on the batch of the first attempt alone: one start, AdamW.
        floors: For each width the lowest loss on the batch over all starts and both optimisers.
        penalised: Lowest loss with a penalty, for each width and strength.
        errors: For each width the training and the test error, trained on all points.
    """

    width: int
    noise: float
    first: float
    floors: Mapping[int, float]
    penalised: Mapping[tuple[int, float], float]
    errors: Mapping[int, tuple[float, float]]

    @property
    def floor(self) -> float:
        """Lowest loss on the batch of the question's network, without a penalty."""
        return self.floors[self.width]

    @property
    def best_penalised(self) -> tuple[float, float]:
        """Lowest loss of the question's network with a penalty, and the penalty's strength."""
        return min((loss, strength) for (width, strength), loss in self.penalised.items() if width == self.width)

    @property
    def large_enough(self) -> int | None:
        """The smallest width that memorised the batch; None if none did."""
        return min((width for width, floor in self.floors.items() if floor <= NIL), default=None)


def measure(premises: Regression, effort: Effort) -> OneBatch:
    """Measure loss floors on the batch, with and without a penalty, and errors after training on all points."""
    plan = QUICK if effort.quick else FULL
    asked = premises.width
    premises = replace(premises, width=1)  # widths are passed separately, and measured once for all premises
    widths = sorted({asked, *plan.widths}) if plan.widths else [asked, 2 * asked, 4 * asked, 8 * asked]
    floors: dict[int, float] = {}
    penalised: dict[tuple[int, float], float] = {}
    errors: dict[int, tuple[float, float]] = {}
    for width in track(widths, "networks of growing width", quiet=effort.quiet):
        if not plan.widths and min(floors.values(), default=np.inf) <= NIL:
            break  # quick: a wide enough one has been found
        floors[width] = _on_batch(premises, width, 0.0, plan)[1]
        if plan.widths or width == asked:
            penalised |= {(width, s): _on_batch(premises, width, s, plan)[1] for s in plan.strengths}
            errors[width] = _on_all(premises, width, plan)
    first = _on_batch(premises, asked, 0.0, plan)[0]
    return OneBatch(asked, _data(premises)[2], first, floors, penalised, errors)


def _data(premises: Regression) -> tuple[Tensor, Tensor, float]:
    """Return inputs and targets of training and test points, standardised by the former, and the noise's variance."""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(2 * premises.points, n_features=INPUTS, noise=premises.noise, random_state=0)
    mean, spread = y[: premises.points].mean(), y[: premises.points].std()
    x, y = (x - 0.5) * 12**0.5, (y - mean) / spread  # the inputs are uniform on [0, 1]: of variance 1/12
    return torch.from_numpy(x), torch.from_numpy(y)[:, None], float((premises.noise / spread) ** 2)


def _error(network: torch.nn.Module, x: Tensor, y: Tensor) -> Tensor:
    dtype = next(network.parameters()).dtype
    return (network(x.to(dtype)) - y.to(dtype)).square().mean()


def _capacity(premises: Regression, width: int, x: Tensor, y: Tensor, decay: float, plan: Plan, n: int) -> Capacity:
    def build(widening: int) -> torch.nn.Module:
        network = perceptron(INPUTS, widening * width, 1, torch.nn.Tanh)
        with torch.no_grad():
            for parameter in network[0].parameters():
                parameter.mul_(premises.weight_scale)
        return network

    def loss(network: torch.nn.Module) -> Tensor:
        return _error(network, x, y)

    return Capacity(build, loss, weight_decay=decay, lr=0.03, steps=plan.steps, iterations=n)


@lru_cache(maxsize=256)
def _on_batch(premises: Regression, width: int, decay: float, plan: Plan) -> tuple[float, float]:
    """Return the loss of the first attempt on the batch, and the lowest of all attempts."""
    x, y, _ = _data(premises)
    capacity = _capacity(premises, width, x[: premises.batch], y[: premises.batch], decay, plan, plan.iterations)
    losses = [attempt.loss for attempt in capacity.attempts(range(plan.starts))]
    return losses[0], float(np.nanmin(losses))


@lru_cache(maxsize=64)
def _on_all(premises: Regression, width: int, plan: Plan) -> tuple[float, float]:
    """Return training and test error of the best network trained on all points without a penalty."""
    x, y, _ = _data(premises)
    n = premises.points
    capacity = _capacity(premises, width, x[:n], y[:n], 0.0, plan, plan.iterations_on_all)
    best: Attempt = min(capacity.attempts(range(plan.starts_on_all)), key=lambda attempt: attempt.loss)
    with torch.no_grad():
        return best.loss, _error(best.network, x[n:], y[n:]).item()
