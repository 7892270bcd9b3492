"""Passes over the data that optimisers and batch sizes need."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empnet.model.transpose_autoencoder import reconstruction_loss, reconstruction_loss_of_covariance
from empnet.studies.question_3_transpose_autoencoder.premises import Cloud, covariance
from empnet.training.optimiser.descent import descend, epoch_batches
from empnet.training.transpose_autoencoder import OPTIMIZERS

__all__ = ["BatchSizes", "Race", "batch_sizes", "race"]

MOST_PASSES = 500
MOST_STEPS = 1200
FACTORS = (1.0, 2.0, 4.0, 8.0, 0.5)
"""Tested learning rates, in units of the usual one; L-BFGS finds its steps by line search."""

SMALL = 32
"""Batch size that is compared with the full batch."""


@dataclass(frozen=True)
class Race:
    """Optimisers from the same starts.

    Arguments:
        passes: Passes over the data until the loss has arrived, median of the starts, by optimiser; infinite if it
            never did.
        rates: Best learning rates.
        seconds: Time until the loss arrived, or until the training was stopped.
        curves: Loss above the optimum's after each step against passes, of the first start, by optimiser.
    """

    passes: dict[str, float]
    rates: dict[str, float]
    seconds: dict[str, float]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class BatchSizes:
    """Gradient descent with batches of several sizes, each with the learning rate that is best for it.

    Arguments:
        sizes: Data points in a batch.
        passes: Passes until the loss has arrived, median of the seeds; infinite if it did not within the limit.
        rates: The best learning rates, per share of the variance.
        limits: Passes after which training was stopped.
        seconds_a_pass: Time for a pass of all rates and seeds together, s.
    """

    sizes: tuple[int, ...]
    passes: tuple[float, ...]
    rates: tuple[float, ...]
    limits: tuple[float, ...]
    seconds_a_pass: tuple[float, ...]

    @property
    def small(self) -> int:
        """Index of the small size; the last index, of the full batch, if there are not more data than that."""
        return self.sizes.index(SMALL) if SMALL in self.sizes else len(self.sizes) - 1


@lru_cache(maxsize=16)
def race(cloud: Cloud, batch_size: int, precision: float, quick: bool) -> Race:
    """Train with each optimiser at its best learning rate until the loss is near the optimum's.

    Arguments:
        cloud: The data.
        batch_size: Data points in a step; 0: all.
        precision: Loss above the optimum's at which training has arrived, as a share of the largest variance.
        quick: Fewer starts.
    """
    x = torch.from_numpy(cloud.training())
    random = np.random.default_rng(cloud.seed)
    starts = random.normal(size=(3 if quick else 11, x.shape[1])) / math.sqrt(x.shape[1])
    best = {}
    for name, (_, usual) in OPTIMIZERS.items():
        found, most = [], float(MOST_PASSES)
        for rate in [usual] if name == "lbfgs" else [usual * factor for factor in FACTORS]:
            runs = [
                _run(name, rate, x, torch.from_numpy(a), batch_size or len(x), precision, most, quick) for a in starts
            ]
            found.append((float(np.median([run[0] for run in runs])), rate, runs))
            most = min(most, 1.5 * found[-1][0])  # a rate that takes longer is not the best
        best[name] = min(found, key=lambda each: each[0])
    return Race(
        passes={name: passes for name, (passes, _, _) in best.items()},
        rates={name: rate for name, (_, rate, _) in best.items()},
        seconds={name: float(np.median([run[1] for run in runs])) for name, (_, _, runs) in best.items()},
        curves={name: runs[0][2] for name, (_, _, runs) in best.items()},
    )


def _run(
    name: str, rate: float, x: Tensor, start: Tensor, size: int, precision: float, most: float, quick: bool
) -> tuple[float, float, tuple[np.ndarray, np.ndarray]]:
    """Return passes, seconds and the course of the loss of one optimiser from one start."""
    moments, variance = covariance(x.numpy()), float(x.square().sum() / len(x))
    largest = float(torch.linalg.eigvalsh(moments)[-1])
    a = start[None].clone().requires_grad_()
    make, _ = OPTIMIZERS[name]
    seen = 0

    def loss(batch: Tensor) -> Tensor:
        nonlocal seen
        seen += len(batch)
        return reconstruction_loss(batch, a) / variance

    def falling(step: int) -> float:
        return rate * (1 + step / 100) ** -0.75 if size < len(x) else rate

    def excess() -> float:
        return float(reconstruction_loss_of_covariance(a.detach()[0], moments)) - (1 - largest)

    began, at, above = time.perf_counter(), [0.0], [excess()]
    steps = descend(loss, _batches(x, size), make([a], rate), rate=None if name == "lbfgs" else falling)
    ahead = 0 if name == "lbfgs" else min(size, len(x))  # the others have looked at a batch they have yet to step along
    for number, _ in enumerate(steps):
        at.append((seen - ahead) / len(x))
        above.append(excess())
        if (
            above[-1] <= precision * largest
            or not math.isfinite(above[-1])
            or seen > most * len(x)
            or number > MOST_STEPS // (6 if quick else 1)
        ):
            break
    arrived = above[-1] <= precision * largest
    course = np.array(at), np.maximum(np.array(above) / largest, 1e-17)
    return (at[-1] if arrived else math.inf), time.perf_counter() - began, course


def _batches(x: Tensor, size: int) -> Iterator[Tensor]:
    """Yield batches in random order, pass after pass, without end."""
    if size >= len(x):
        while True:
            yield x
    epoch = 0
    while True:
        for batch in epoch_batches(np.arange(len(x)), size, seed=0, epoch=epoch):
            yield x[torch.from_numpy(batch)]
        epoch += 1


@lru_cache(maxsize=16)
def batch_sizes(cloud: Cloud, accuracy: float, quick: bool) -> BatchSizes:
    """Train by gradient descent at constant rates with batches of several sizes.

    Arguments:
        cloud: The data.
        accuracy: Loss above the optimum's at which training has arrived, as a share of the largest variance.
        quick: Fewer seeds and sizes.
    """
    x = cloud.training()
    wanted = (1, 8, SMALL, 128) if quick else (1, 2, 4, 8, 16, SMALL, 64, 128, 256)
    sizes = (*(size for size in wanted if size < len(x)), len(x))
    whole = _arrivals(x, len(x), accuracy, cloud.seed, quick, MOST_PASSES)
    most = 2 * whole[0] if math.isfinite(whole[0]) else MOST_PASSES  # twice as many are enough to be worse
    found = [*(_arrivals(x, size, accuracy, cloud.seed, quick, most) for size in sizes[:-1]), whole]
    passes, rates, limits, seconds = zip(*found, strict=True)
    return BatchSizes(sizes, passes, rates, limits, seconds)


def _arrivals(
    x: np.ndarray, size: int, accuracy: float, seed: int, quick: bool, most: float
) -> tuple[float, float, float, float]:
    """Return passes at the best rate, that rate, the limit of passes, and seconds per pass."""
    rates, seeds = 0.8 * 0.5 ** np.arange(8), 3 if quick else 15
    random = np.random.default_rng(seed)
    starts = random.normal(size=(seeds, x.shape[1])) / math.sqrt(x.shape[1])
    a = torch.from_numpy(np.repeat(starts[None], len(rates), 0)).requires_grad_()
    moments, data = covariance(x), torch.from_numpy(x / math.sqrt((x**2).sum() / len(x)))
    largest = float(torch.linalg.eigvalsh(moments)[-1])
    scale = torch.from_numpy(rates / rates[0])[:, None]  # one optimiser for all rates: each has its share of the step

    def loss(batch: Tensor) -> Tensor:
        kept = torch.einsum("rsn,sbn->rsb", a, batch).square().mean(-1)
        # |x - a z|^2 = |x|^2 - 2 z^2 + |a|^2 z^2
        return (scale * (batch.square().sum(-1).mean(-1) + (a.square().sum(-1) - 2) * kept)).sum()

    arrived = np.full((len(rates), seeds), math.inf)
    began, step, per_pass = time.perf_counter(), 0, math.ceil(len(x) / size)
    most_steps = MOST_STEPS * 20 if not quick else MOST_STEPS if size >= SMALL else MOST_STEPS // 4
    batches = _batches_of_seeds(data, size, seeds)
    for step, _ in enumerate(descend(loss, batches, torch.optim.SGD([a], lr=rates[0]))):
        above = reconstruction_loss_of_covariance(a.detach(), moments) - (1 - largest)
        arrived[(above <= accuracy * largest).numpy() & np.isinf(arrived)] = step / per_pass
        median = np.median(arrived, axis=1)
        if np.isfinite(median).all() or step > min(most_steps, most * per_pass):
            break
        if np.isfinite(median).any() and step > 2 * per_pass * median.min():
            break  # slower rates have had their chance
    best = int(np.argmin(np.median(arrived, axis=1)))
    passed = step / per_pass
    return (
        float(np.median(arrived[best])),
        float(rates[best]),
        passed,
        (time.perf_counter() - began) / max(passed, 1e-9),
    )


def _batches_of_seeds(data: Tensor, size: int, seeds: int) -> Iterator[Tensor]:
    """Yield batches without end, each seed in its own order; shape (seeds, batch, n)."""
    epoch = 0
    while True:
        orders = [epoch_batches(np.arange(len(data)), size, seed=seed, epoch=epoch) for seed in range(seeds)]
        for group in zip(*orders, strict=True):
            yield data[torch.from_numpy(np.stack(group))]
        epoch += 1
