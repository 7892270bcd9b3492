"""The model under audit, in its own precision and in float64, and the line between rounding and a real deviation."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64

from empnet.audit.record import AuditLine, verdict_of
from empnet.kernels.pairs import sum_per_system
from empnet.prediction.predictor import Predictor
from empnet.system.batch import Batch
from empnet.system.system import System

__all__ = ["EPS", "OPERATIONS", "SHARP", "Base", "Size", "Subject", "batches", "origin_of", "relative_to", "values"]

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}

OPERATIONS = 8
"""So many roundings, all to the same side, a contribution may have suffered: what the package promises."""

SHARP = math.sqrt(EPS["float32"] * EPS["float64"])
"""5e-12, half way between the roundings of float32 and float64. Made anew in float64, a deviation that is rounding
shrinks 5e8 times and is far below this; one that is real stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Size:
    """Sizes of the numbers that a prediction sums, for each system and property.

    Arguments:
        contributions: Sum (or mean, as the property is pooled) over particles of max(|c|, s), with c the particle's
            contribution and s the scale of the network's output: where c is near zero by cancellation, the
            network has still computed in units of s. Shape (B, F'), in the properties' units.
        positions: Sum over particles of |r| |dy / dr|, with r from the middle of the system: eps64 times this is the
            effect of rounding the positions in their last bit. Same shape.
    """

    contributions: Float64[np.ndarray, "B F_prime"]
    positions: Float64[np.ndarray, "B F_prime"]

    def rounding(self, eps: float) -> Float64[np.ndarray, "B F_prime"]:
        """Return a bound on rounding: 8 roundings of each contribution by ``eps``, and 8 of each position."""
        return OPERATIONS * (eps * self.contributions + EPS["float64"] * self.positions)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Systems and what is predicted for them.

    Arguments:
        systems: B systems.
        own: Predictions in the network's own precision, shape (B, F').
        exact: Predictions in float64, shape (B, F').
        size: What they are summed from.
    """

    systems: Sequence[System]
    own: Float64[np.ndarray, "B F_prime"]
    exact: Float64[np.ndarray, "B F_prime"]
    size: Size


class Subject:
    """The model under audit.

    Arguments:
        predictor: The model as it predicts.

    Example:
        >>> from empnet.training.run.model_file import ModelCard
        >>> from empnet.model.architecture import Architecture
        >>> card = ModelCard(Architecture(n_species=1, pooling=("sum",)), (0,), ("energy",), ("eV",))
        >>> subject = Subject(Predictor(card.build(), card))
        >>> atom = System([[0, 0, 0]])
        >>> subject.compare("nothing", "", subject.base([atom]), [atom]).deviation
        0.0
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        model = copy.deepcopy(predictor.model).double()
        self.exact = Predictor(model, replace(predictor.card, dtype="float64"), predictor.run)

    @property
    def cutoff(self) -> float:
        """Range of a message in angstrom."""
        return self.predictor.card.architecture.cutoff

    @property
    def eps(self) -> float:
        """Spacing of numbers near 1 in the network's own precision."""
        return EPS[self.predictor.card.dtype]

    def growth(self, times: int) -> Float64[np.ndarray, " F_prime"]:
        """By what each property is multiplied if everything is there several times: that number, or 1 for a mean.

        Arguments:
            times: How many times.
        """
        return np.array(
            [float(times) if pooling == "sum" else 1.0 for pooling in self.predictor.card.architecture.pooling]
        )

    def base(self, systems: Sequence[System]) -> Base:
        """The systems with their predictions, to compare others with.

        Arguments:
            systems: One system or more.
        """
        sizes = [_size(self.exact, batch) for batch in batches(self.exact, systems)]
        size = Size(*(np.concatenate(column) for column in zip(*sizes, strict=True)))
        return Base(systems, values(self.predictor, systems), values(self.exact, systems), size)

    def compare(
        self,
        name: str,
        done: str,
        base: Base,
        others: Sequence[System],
        growth: Float64[np.ndarray, " F_prime"] | float = 1.0,
    ) -> AuditLine:
        """Judge whether predictions of other systems are ``growth`` times those of the base, but for rounding.

        A deviation must be rounding in two ways: it is below the bound on rounding in the network's own precision,
        and it shrinks as rounding does when the network computes in float64 (see :data:`SHARP`).

        Arguments:
            name: What is tested.
            done: What was done, in a sentence.
            base: The systems as they are.
            others: What was made of each of them, in the same order.
            growth: For each property.
        """
        deviation = np.abs(values(self.predictor, others) - growth * base.own)
        exact = np.abs(values(self.exact, others) - growth * base.exact)
        return self.judged(name, done, base, deviation, exact, growth)

    def judged(
        self,
        name: str,
        done: str,
        base: Base,
        deviation: Float64[np.ndarray, "B F_prime"],
        exact: Float64[np.ndarray, "B F_prime"],
        growth: Float64[np.ndarray, " F_prime"] | float = 1.0,
    ) -> AuditLine:
        """The line for deviations that were measured in both precisions: of the system that is nearest to its bound.

        Arguments:
            name: What was tested.
            done: What was done, in a sentence.
            base: The systems as they are.
            deviation: In the network's own precision.
            exact: In float64.
            growth: How many times larger the predictions are than the base's, for each property.
        """
        bound, sharp = growth * base.size.rounding(self.eps), growth * base.size.rounding(SHARP)
        own, other = relative_to(deviation, bound), relative_to(exact, sharp)
        s, k = np.unravel_index(np.argmax(own), own.shape)
        s_exact, k_exact = np.unravel_index(np.argmax(other), own.shape)
        card = self.predictor.card
        nearest = int(s if own.max() >= other.max() else s_exact)
        return AuditLine(
            name,
            done,
            float(deviation[s, k]),
            float(bound[s, k]),
            card.units[k],
            verdict_of(max(own.max(), other.max()) <= 1),
            remark=card.properties[k] if len(card.properties) > 1 else "",
            where=origin_of(base.systems, nearest),
            exact=float(exact[s_exact, k_exact]),
            exact_threshold=float(sharp[s_exact, k_exact]),
        )


def relative_to(deviation: Float64[np.ndarray, "*shape"], bound: Float64[np.ndarray, "*shape"]) -> np.ndarray:
    """Deviations in units of what they may be; infinite where a deviation is not a number.

    Arguments:
        deviation: What was measured, at least 0.
        bound: What it may be, at least 0.

    Example:
        >>> relative_to(np.array([0.0, 1.0, np.nan]), np.array([0.0, 2.0, 1.0]))
        array([0. , 0.5, inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation == 0, 0.0, deviation / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def origin_of(systems: Sequence[System], index: int) -> str:
    """Where a system came from, or its number if nobody knows.

    Arguments:
        systems: The systems.
        index: Which of them.
    """
    return str(systems[index].origin) or f"system {index}"


def _size(predictor: Predictor, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the :class:`Size` of one batch."""
    counts = torch.bincount(batch.system_of, minlength=batch.n_systems)[:, None].double()
    positions = batch.positions.clone().requires_grad_(True)
    c = predictor.model.predict(replace(batch, positions=positions)).contributions
    middle = sum_per_system(batch.positions, batch.system_of, batch.n_systems) / counts
    r = (batch.positions - middle.index_select(0, batch.system_of)).norm(dim=1)
    columns = []
    for y in c.sum(0):
        (slope,) = torch.autograd.grad(y, positions, retain_graph=True)
        columns.append(slope.norm(dim=1) * r)
    numbers = torch.maximum(c.detach().abs(), predictor.model.scale.abs()), torch.stack(columns, dim=1)
    means = torch.tensor([kind == "mean" for kind in predictor.card.architecture.pooling])
    share = torch.where(means, counts, 1)
    contributions, of_positions = (sum_per_system(each, batch.system_of, batch.n_systems) / share for each in numbers)
    return contributions.numpy(), of_positions.numpy()


def batches(predictor: Predictor, systems: Sequence[System]) -> list[Batch]:
    """The systems as prediction takes them, in order.

    Arguments:
        predictor: The model.
        systems: One system or more.
    """
    dataset, card = predictor.dataset(systems), predictor.card
    return [dataset.batch(chunk, card.encoder, card.torch_dtype) for chunk in dataset.chunks(np.arange(len(dataset)))]


@torch.no_grad()
def values(predictor: Predictor, systems: Sequence[System]) -> Float64[np.ndarray, "B F_prime"]:
    """Return the network's predictions (with delta learning: the difference), in the properties' units.

    Arguments:
        predictor: The model.
        systems: One system or more.
    """
    return np.concatenate([predictor.model(batch).numpy() for batch in batches(predictor, systems)])
