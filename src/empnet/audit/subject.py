"""The model under audit, in its own precision and in float64, and bounds on the effect of rounding."""

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
"""Largest accepted number of roundings of a contribution, all in the same direction: the package promises this."""

SHARP = math.sqrt(EPS["float32"] * EPS["float64"])
"""5e-12, the geometric mean of the rounding of float32 and of float64. If a deviation is rounding, it shrinks by a
factor of 5e8 in float64 and is then far below this limit; a real deviation stays the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Size:
    """Sizes of the terms in a prediction, for each system and property.

    Arguments:
        contributions: Sum (or mean, for a mean property) over particles of max(|c|, s), where c is the particle's
            contribution and s is the scale of the network's output. If c is near zero by cancellation, the network
            still rounds numbers of size s. Shape (B, F'), in the properties' units.
        positions: Sum over particles of |r| |dy / dr|, where r is the vector from the middle of the system. This size
            times eps64 is the effect of rounding the last bit of the positions. Shape and units as above.
    """

    contributions: Float64[np.ndarray, "B F_prime"]
    positions: Float64[np.ndarray, "B F_prime"]

    def rounding(self, eps: float) -> Float64[np.ndarray, "B F_prime"]:
        """Return a bound on rounding: 8 roundings of each contribution by ``eps``, and 8 of each position."""
        return OPERATIONS * (eps * self.contributions + EPS["float64"] * self.positions)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Systems with their predictions.

    Arguments:
        systems: B systems.
        own: Predictions in the network's own precision, shape (B, F'), in the properties' units.
        exact: Predictions in float64, shape (B, F'), in the properties' units.
        size: Sizes of the terms in the predictions.
    """

    systems: Sequence[System]
    own: Float64[np.ndarray, "B F_prime"]
    exact: Float64[np.ndarray, "B F_prime"]
    size: Size


class Subject:
    """The model under audit.

    Arguments:
        predictor: The model, in its own precision.

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
        """Interaction cutoff in angstrom."""
        return self.predictor.card.architecture.cutoff

    @property
    def eps(self) -> float:
        """Spacing of numbers near 1 in the network's own precision."""
        return EPS[self.predictor.card.dtype]

    def growth(self, times: int) -> Float64[np.ndarray, " F_prime"]:
        """Return each property's factor if a system is repeated: the number of copies, or 1 for a mean.

        Arguments:
            times: Number of copies.
        """
        return np.array(
            [float(times) if pooling == "sum" else 1.0 for pooling in self.predictor.card.architecture.pooling]
        )

    def base(self, systems: Sequence[System]) -> Base:
        """Return the systems with their predictions, for comparison with changed systems.

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
        """Judge whether the predictions of changed systems are ``growth`` times the base's, except for rounding.

        A deviation is accepted as rounding under two conditions: it is below the bound on rounding in the network's own
        precision, and it shrinks as rounding does if the network computes in float64 (see :data:`SHARP`).

        Arguments:
            name: Name of the test.
            done: Description of the test, in a sentence.
            base: The original systems.
            others: The changed systems, in the same order.
            growth: Expected factor for each property, shape (F',).
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
        """Return the line for deviations in both precisions; it names the system with the largest share of its bound.

        Arguments:
            name: Name of the test.
            done: Description of the test, in a sentence.
            base: The original systems.
            deviation: Deviations in the network's own precision, shape (B, F'), in the properties' units.
            exact: Deviations in float64, shape (B, F'), in the properties' units.
            growth: Factor of the predictions relative to the base's, for each property, shape (F',).
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

    def judged_by_size(
        self,
        name: str,
        done: str,
        base: Base,
        own: Float64[np.ndarray, " B"],
        exact: Float64[np.ndarray, " B"],
        size: Float64[np.ndarray, " B"],
    ) -> AuditLine:
        """Return the line for one deviation of each system, in both precisions, bounded by the rounding of a size.

        Arguments:
            name: Name of the test.
            done: Description of the test, in a sentence.
            base: The systems.
            own: Deviations in the network's own precision, shape (B,), in the unit of the first property.
            exact: Deviations in float64, shape (B,), in the same unit.
            size: Sizes of which a rounding is accepted, shape (B,), in the same unit.
        """
        bounds = [eps * size for eps in (self.eps, SHARP)]
        ratios = [relative_to(found, bound) for found, bound in zip((own, exact), bounds, strict=True)]
        s, s_exact = (int(ratio.argmax()) for ratio in ratios)
        worst = s if ratios[0].max() >= ratios[1].max() else s_exact
        return AuditLine(
            name,
            done,
            float(own[s]),
            float(bounds[0][s]),
            self.predictor.card.units[0],
            verdict_of(max(ratio.max() for ratio in ratios) <= 1),
            where=origin_of(base.systems, worst),
            exact=float(exact[s_exact]),
            exact_threshold=float(bounds[1][s_exact]),
        )


def relative_to(deviation: Float64[np.ndarray, "*shape"], bound: Float64[np.ndarray, "*shape"]) -> np.ndarray:
    """Return deviations as multiples of their bounds; infinite where a deviation is not a number.

    Arguments:
        deviation: Measured deviations, at least 0.
        bound: Largest accepted deviations, at least 0, of the same shape.

    Example:
        >>> relative_to(np.array([0.0, 1.0, np.nan]), np.array([0.0, 2.0, 1.0]))
        array([0. , 0.5, inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation == 0, 0.0, deviation / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def origin_of(systems: Sequence[System], index: int) -> str:
    """Return the origin of a system (its file and frame), or its number if the origin is unknown.

    Arguments:
        systems: The systems.
        index: Index of the system.
    """
    return str(systems[index].origin) or f"system {index}"


def _size(predictor: Predictor, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the :class:`Size` of one batch."""
    counts = torch.bincount(batch.system_of, minlength=batch.n_systems)[:, None].double()
    positions = batch.positions.clone().requires_grad_(True)
    c = predictor.model.predict(replace(batch, positions=positions)).contributions
    assert c is not None  # own invariant: models of whole clouds have tests of their own
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
    """Return the systems in batches for prediction, in order.

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
