"""Capacity probe on systems: can the network memorise a single batch, and if not, why?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Unpack

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.files.source import Data, as_source
from empnet.kernels.pairs import pair_distances
from empnet.model.property_model import PropertyModel
from empnet.runtime.forking import use_threads
from empnet.runtime.pipes import keeping_pipes
from empnet.training.cloud_settings import refuse_pooled
from empnet.training.job import make_card, open_data, split_data
from empnet.training.optimiser.capacity import ITERATIONS, NIL, STEPS, Attempt, Capacity
from empnet.training.optimiser.objective import Objective
from empnet.training.optimiser.statistics import fit_statistics
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import ModelCard
from empnet.training.run.settings import Settings
from empnet.training.targets import configured, name_targets

__all__ = ["NIL", "Attempt", "Probe", "overfit"]

UNUSED = ("epochs", "time", "patience", "batch", "loss")
"""Training settings that the probe replaces by its own: it trains until the squared loss of one batch is zero."""

DIGITS = 5
"""Decimal digits to which distances in angstrom are compared."""

Verdict = Literal["reached", "network too small", "data contradict themselves", "not reached"]


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of the capacity probe.

    Arguments:
        systems: Number of systems in the batch.
        attempts: All attempts, in order.
        floor: Lower bound of the loss for any network of this kind: systems that it cannot distinguish have
            different targets; zero if there are no such systems.
        verdict: The conclusion.
        conclusion: The conclusion in a sentence.
    """

    systems: int
    attempts: tuple[Attempt, ...]
    floor: float
    verdict: Verdict
    conclusion: str

    @property
    def reached(self) -> bool:
        """True if the loss became zero with the requested network."""
        return self.verdict == "reached"


@keeping_pipes
def overfit(
    data: Data,
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    systems: int,
    quiet: bool = False,
    **settings: Unpack[Settings],
) -> Probe:
    """Train on one batch until its loss is zero; if that fails, find the reason.

    Other starts and another optimiser (L-BFGS) are tried first, so that the optimiser is not the cause; then wider
    networks. Beforehand, the probe looks for systems that look the same to the network but have different targets.
    It writes nothing to disk.

    Arguments:
        data: Path of a file, the name of bundled data, or systems or ase.Atoms, one or any iterable.
        property: The scalar to be learned, or several.
        systems: Number of systems in the batch, drawn by seed from the training set.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.training.run.config.TrainConfig` that shapes data and network.

    Raises:
        EmpnetError: If the data or a setting is invalid, or the training set has fewer systems.

    Example:
        >>> from empnet import System
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> overfit(pairs, "energy", systems=4, width=16, layers=1, quiet=True).verdict
        'reached'
    """
    journal, source = Journal(quiet, logged=False), as_source(data)
    config = configured(source, property, settings)
    if config.fine_tune is not None:
        remedy = "leave --from away, and name the sizes that the run has"
        raise EmpnetError("the capacity probe starts from fresh weights, not from a run's", remedy=remedy)
    if unused := _unused(settings):
        journal.say(f"the capacity probe does not use: {', '.join(unused)}")
    refuse_pooled(config, source, "the capacity probe")
    config = name_targets(config, journal, source).model_copy(update={"points": 0})
    if config.threads is not None:
        use_threads(config.threads)
    dataset = open_data(source, config, quiet)
    split = split_data(dataset, config)
    if not 1 <= systems <= len(split.train):
        raise EmpnetError(
            f"--overfit {systems}", where=config.data, wanted=f"between 1 and {len(split.train)}, the training set"
        )
    indices = np.sort(np.random.default_rng(config.seed).permutation(split.train)[:systems])
    card = make_card(dataset, split, config, journal)
    return _Prober(dataset, split.train, indices, card, config, journal).run()


def _unused(settings: Mapping[str, Any]) -> list[str]:
    """Return the options among these settings that the probe ignores; it computes on the CPU."""
    unused = [name for name in UNUSED if settings.get(name) is not None]
    if str(settings.get("device") or "auto") not in ("auto", "cpu"):
        unused.append("device")
    return [f"--{name}" for name in unused]


class _Prober:
    """State common to all attempts: the batch, the loss's units, the floor."""

    def __init__(
        self,
        dataset: Dataset,
        train: Int64[np.ndarray, " n"],
        indices: Int64[np.ndarray, " K"],
        card: ModelCard,
        config: TrainConfig,
        journal: Journal,
    ) -> None:
        self.dataset, self.train, self.indices, self.card = dataset, train, indices, card
        self.config, self.journal = config, journal
        scales = fit_statistics(card.build(), dataset, train, card.encoder)
        squares = config.model_copy(update={"loss": "mse"})  # for any training loss: a loss of zero then means the same
        self.objective = Objective(squares, card, dataset, scales, torch.device("cpu"))
        self.floor, self.twins = _floor(dataset, indices, card, self.objective)
        self.attempts: list[Attempt] = []
        self.capacity = Capacity(
            self._build,
            self._loss,
            floor=self.floor,
            lr=config.lr,
            steps=STEPS,
            iterations=ITERATIONS,
            named=self._named,
            show=self._show,
        )

    def run(self) -> Probe:
        """Run attempts until one reaches a loss of zero, and return the conclusion."""
        for attempt in self._attempts():
            self.attempts.append(attempt)
            self.journal.say(f"{attempt.what}: loss {attempt.loss:.2e} after {attempt.steps} steps")
            if self.capacity.is_nil(attempt.loss):
                return self._conclude(reached_by=attempt)
        return self._conclude(reached_by=None)

    def _attempts(self) -> Iterator[Attempt]:
        """Yield attempts: two starts of the requested network, then one start of each wider network."""
        first = self.config.seed
        for widening, starts in ((1, 2), (2, 1), (4, 1)):
            attempts = self.capacity.attempts(range(first, first + starts), widening)
            while True:
                with self.journal:  # the live line is gone when the attempt's own line is printed
                    attempt = next(attempts, None)
                if attempt is None:
                    break
                yield attempt

    def _build(self, widening: int) -> PropertyModel:
        model = _widened(self.card, widening).build()
        assert isinstance(model, PropertyModel)  # own invariant: other models are refused
        fit_statistics(model, self.dataset, self.train, self.card.encoder)
        return model

    def _named(self, widening: int) -> str:
        return f"width {_widened(self.card, widening).architecture.width}"

    def _loss(self, model: PropertyModel) -> Tensor:
        return self.objective.loss(model, self.indices)

    def _show(self, what: str, done: int, total: int, loss: float) -> None:
        self.journal.show(done=done, total=total, epoch=done, text=f"{what}: loss {loss:.2e}")

    def _conclude(self, reached_by: Attempt | None) -> Probe:
        n, lowest = len(self.indices), min(attempt.loss for attempt in self.attempts)
        verdict: Verdict
        if self.floor > NIL:
            verdict = "data contradict themselves"
            text = (
                f"{self.twins}; no network of this kind gets below a loss of {self.floor:.2e}, "
                f"and {lowest:.2e} was reached"
            )
        elif reached_by is None:
            verdict = "not reached"
            text = f"the loss stays at {lowest:.2e}: neither another start, nor L-BFGS, nor four times the width helps"
        elif reached_by.widening > 1:
            verdict = "network too small"
            text = f"a wider network gets there ({reached_by.what}); raise --width or --layers"
        else:
            verdict = "reached"
            text = f"the network can memorise these {n} systems ({reached_by.what}, {reached_by.steps} steps)"
        self.journal.say(f"{verdict}: {text}")
        return Probe(n, tuple(self.attempts), self.floor, verdict, text)


def _widened(card: ModelCard, factor: int) -> ModelCard:
    """Return the card of a network whose layers are `widening` times as wide."""
    old = card.architecture
    return replace(card, architecture=replace(old, width=factor * old.width, hidden=factor * old.hidden))


def _floor(
    dataset: Dataset, indices: Int64[np.ndarray, " K"], card: ModelCard, objective: Objective
) -> tuple[float, str]:
    """Return the loss if systems that look alike are predicted alike, and the worst two of them in words.

    The best prediction for systems that look the same is the mean of their targets; the remaining loss is their
    variance. Forces and stress, if they are learned, would add to it; this bound leaves them out.
    """
    units, share = objective.scales.of_energies(dataset.sizes), objective.weights.energy
    alike: dict[bytes, list[int]] = {}
    for index in indices:
        alike.setdefault(_appearance(dataset, int(index), card), []).append(int(index))
    squares, worst, text = 0.0, 0.0, ""
    for twins in alike.values():
        targets = dataset.targets[twins] / units[twins]
        squares += float(np.square(targets - targets.mean(axis=0)).sum())
        reach = np.ptp(targets, axis=0)
        if len(twins) > 1 and reach.max() > worst:
            k = int(np.argmax(reach))
            worst = float(reach[k])
            low, high = twins[int(np.argmin(targets[:, k]))], twins[int(np.argmax(targets[:, k]))]
            text = (
                f"{_name(dataset, low)} and {_name(dataset, high)} look the same to the network (same species, same "
                f"distances below the cutoff), but their {card.properties[k]} differs by "
                f"{worst * units[low, k]:.4g} {card.units[k]}"
            )
    return share * squares / (len(indices) * units.shape[1]), text


def _appearance(dataset: Dataset, index: int, card: ModelCard) -> bytes:
    """Return a hash of the network's input for a system: features of particles, and of pairs with their distances."""
    batch = dataset.batch(np.array([index]), card.encoder, torch.float64)
    d = pair_distances(batch)
    j, i = (batch.features[end].numpy() for end in (batch.pairs.first, batch.pairs.second))
    both = [np.concatenate([*ends, d[:, None].numpy()], axis=1) for ends in ((j, i), (i, j))]
    pairs = np.concatenate(both).round(DIGITS) + 0.0  # no negative zeros
    digest = hashlib.blake2b(digest_size=16)
    for rows in (batch.features.numpy(), pairs):
        digest.update(np.ascontiguousarray(rows[np.lexsort(rows.T)]).tobytes())
    return digest.digest()


def _name(dataset: Dataset, index: int) -> str:
    return str(dataset.origin(index)) or f"system {index}"
