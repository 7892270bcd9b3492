"""Four parametrisations of a vector of norm one, each trained with stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empnet.model.transpose_autoencoder import LastFromOthers, Normalised, SqrtLogSoftmax, SqrtSoftmax
from empnet.studies.question_3_transpose_autoencoder.premises import Cloud
from empnet.training.optimiser.descent import descend, epoch_batches

__all__ = ["RATES", "Training", "sphere"]

RATES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Initial learning rates, per share of the variance; they fall in training."""

NAMES = ("last from the others", "normalised", "root of softmax", "root of log softmax")


@dataclass(frozen=True)
class Training:
    """Training of one parametrisation, over all starts.

    Arguments:
        name: Name of the parametrisation.
        rate: Best of several learning rates, per share of the variance.
        failed_rates: Learning rates at which a became not a number in some step from some start.
        n_starts: Number of starts.
        finite: Starts from which a was finite in each step.
        norm_error: Largest distance of the norm from one, over the finite steps; nan without any.
        arrived: Starts that ended within 0.1 rad of the first principal component or its negative.
        angles: After each step, median angle of the starts, rad; nan where a is not a number; shape (steps,).
        last: Median final angle of the starts that stayed finite, rad; nan without any.
    """

    name: str
    rate: float
    failed_rates: tuple[float, ...]
    n_starts: int
    finite: int
    norm_error: float
    arrived: int
    angles: np.ndarray
    last: float

    @property
    def keeps_norm(self) -> bool:
        """True if the norm is one in every step from every start; rounding in float64 is below 1e-9."""
        return self.finite == self.n_starts and self.norm_error < 1e-9

    @property
    def succeeds(self) -> bool:
        """True if the norm stays one and every start arrives."""
        return self.keeps_norm and self.arrived == self.n_starts


class NegativeLog(torch.nn.Module):
    """The root of minus the logarithm of a softmax, divided by its norm: a repair of :class:`SqrtLogSoftmax`."""

    def forward(self, raw: Tensor) -> Tensor:
        """Return unit vectors of positive entries, along the last axis."""
        root = (-torch.log_softmax(raw, dim=-1)).sqrt()
        return root / root.norm(dim=-1, keepdim=True)


@lru_cache(maxsize=16)
def sphere(cloud: Cloud, start: str, repair: bool, quick: bool) -> dict[int, Training]:
    """Train all four at each of several learning rates, and return the best training of each, by number.

    Arguments:
        cloud: The data.
        start: Initial free vector: ``"random"`` or ``"zero"``.
        repair: Repair the fourth.
        quick: Fewer starts.
    """
    fourth = NegativeLog() if repair else SqrtLogSoftmax()
    ways = (LastFromOthers(), Normalised(), SqrtSoftmax(), fourth)
    return {number: _train(way, number, cloud, start, quick) for number, way in enumerate(ways, 1)}


def _train(way: torch.nn.Module, number: int, cloud: Cloud, start: str, quick: bool) -> Training:
    """Train from all starts and at all rates at once; they are independent of each other."""
    x = cloud.training()
    data = torch.from_numpy(x / math.sqrt((x**2).sum() / len(x)))
    first = torch.linalg.eigh(data.mT @ data)[1][:, -1]
    n_starts, passes = (10, 24) if quick else (50, 100)
    random = np.random.default_rng(cloud.seed)
    raw = random.normal(size=(n_starts, x.shape[1] - (number == 1))) * 0.1 * (start == "random")
    parameter = torch.from_numpy(np.repeat(raw[None], len(RATES), 0)).requires_grad_()
    scale = torch.tensor(RATES, dtype=torch.float64)[:, None]

    def loss(batch: Tensor) -> Tensor:
        a = way(parameter)
        kept = (a @ batch.mT).square().mean(-1)  # |x - a z|^2 = |x|^2 - 2 z^2 + |a|^2 z^2
        return (scale * (batch.square().sum(-1).mean() + (a.square().sum(-1) - 2) * kept)).sum()

    norms, angles = [], []
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    steps = descend(loss, _batches(data, passes, cloud.seed), optimizer, rate=lambda n: (1 + n / 100) ** -0.75)
    for _ in steps:
        with torch.no_grad():
            a = way(parameter)
            along = a @ first
            norms.append(a.norm(dim=-1))
            angles.append(torch.atan2((a - along[..., None] * first).norm(dim=-1), along.abs()))
    all_norms, all_angles = torch.stack(norms).numpy(), torch.stack(angles).numpy()
    failed = tuple(rate for k, rate in enumerate(RATES) if not np.isfinite(all_norms[:, k]).all())
    trainings = [
        _summary(NAMES[number - 1], rate, failed, all_norms[:, k], all_angles[:, k]) for k, rate in enumerate(RATES)
    ]
    return max(
        trainings, key=lambda training: (training.arrived, training.finite, -np.nan_to_num(training.last, nan=9))
    )


def _summary(name: str, rate: float, failed: tuple[float, ...], norms: np.ndarray, angles: np.ndarray) -> Training:
    """Summarise norms and angles, each of shape (steps, starts)."""
    numbers = np.isfinite(norms)
    finite = numbers.all(0)
    arrived = finite & (np.nan_to_num(angles[-1], nan=np.inf) < 0.1)
    return Training(
        name=name,
        rate=rate,
        failed_rates=failed,
        n_starts=norms.shape[1],
        finite=int(finite.sum()),
        norm_error=float(np.abs(norms[numbers] - 1).max()) if numbers.any() else math.nan,
        arrived=int(arrived.sum()),
        angles=np.median(angles, axis=1),
        last=float(np.median(angles[-1, finite])) if finite.any() else math.nan,
    )


def _batches(data: Tensor, passes: int, seed: int) -> Iterator[Tensor]:
    for epoch in range(passes):
        for batch in epoch_batches(np.arange(len(data)), 32, seed=seed, epoch=epoch):
            yield data[torch.from_numpy(batch)]
