"""The capacity probe: can the network learn one single batch by heart, and if not, what keeps it from it?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from empnet.data.batch import Batch
from empnet.data.dataset import Dataset
from empnet.data.errors import EmpnetError
from empnet.data.system import System
from empnet.learn.config import TrainConfig
from empnet.learn.journal import Journal
from empnet.learn.loss import loss_of
from empnet.learn.model_file import ModelCard
from empnet.learn.prepare import configured, make_card, name_targets, open_data, split_data
from empnet.learn.schedule import Schedule
from empnet.learn.statistics import fit_statistics
from empnet.nn.model import PropertyModel
from empnet.nn.pairs import pair_distances

__all__ = ["NIL", "Attempt", "Probe", "overfit"]

NIL = 1e-6
"""A mean squared error below this counts as nil: a thousandth of the data's spread, as a root mean square."""

STEPS = 2000
"""Of AdamW in one attempt."""

ITERATIONS = 500
"""Of L-BFGS."""

DIGITS = 5
"""Distances are compared to so many digits of an angstrom."""

Verdict = Literal["reached", "network too small", "data contradict themselves", "not reached"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way of getting the loss down.

    Arguments:
        what: The optimiser and the network, in words.
        loss: Mean squared error that it reached, in squares of the data's spread.
        steps: Steps, or iterations of L-BFGS.
    """

    what: str
    loss: float
    steps: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What the capacity probe found.

    Arguments:
        systems: Number of systems in the batch.
        attempts: What was tried, in order.
        floor: The loss that no network of this kind can get below, because systems that it cannot tell apart have
            different targets; zero if there are none.
        verdict: The conclusion.
        told: The conclusion in a sentence.
    """

    systems: int
    attempts: tuple[Attempt, ...]
    floor: float
    verdict: Verdict
    told: str

    @property
    def reached(self) -> bool:
        """Whether the loss became nil with the network that was asked for."""
        return self.verdict == "reached"


def overfit(
    data: str | Path | Sequence[System],
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    systems: int,
    quiet: bool = False,
    **settings: Any,
) -> Probe:
    """Train on one batch until its loss is nil; if it does not get there, find out why.

    First other starts and another optimiser (L-BFGS) are tried, so that the optimiser is not to blame; then wider
    networks. Systems that look the same to the network but have different targets are looked for beforehand. Nothing
    is written to disk.

    Arguments:
        data: Path of a file, the name of bundled data, or systems.
        property: The scalar to be learned, or several.
        systems: Number of systems in the batch, drawn by seed from the training side.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.learn.config.TrainConfig` that shapes data and network.

    Raises:
        EmpnetError: If the data or a setting cannot be meant, or the training side has fewer systems.

    Example:
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> overfit(pairs, "energy", systems=4, width=16, layers=1, quiet=True).verdict
        'reached'
    """
    journal = Journal(quiet)
    config = name_targets(configured(data, property, settings), journal)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dataset = open_data(data, config, quiet)
    split = split_data(dataset, config)
    if not 1 <= systems <= len(split.train):
        raise EmpnetError(
            f"--overfit {systems}", where=config.data, wanted=f"between 1 and {len(split.train)}, the training side"
        )
    indices = np.sort(np.random.default_rng(config.seed).permutation(split.train)[:systems])
    card = make_card(dataset, split, config, journal)
    return _Prober(dataset, split.train, indices, card, config, journal).run()


class _Prober:
    """Holds what all attempts have in common: the batch, its targets' spread, the floor."""

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
        self.spread = fit_statistics(card.build(), dataset, train, card.encoder)
        self.floor, self.twins = _floor(dataset, indices, card, self.spread)
        self.attempts: list[Attempt] = []

    def run(self) -> Probe:
        """All attempts until one gets there, and the conclusion."""
        for attempt, wide in self._attempts():
            self.attempts.append(attempt)
            self.journal.say(f"{attempt.what}: loss {attempt.loss:.2e} after {attempt.steps} steps")
            if attempt.loss <= self.floor + NIL:
                return self._conclude(reached_by=attempt, wide=wide)
        return self._conclude(reached_by=None, wide=False)

    def _attempts(self) -> Iterator[tuple[Attempt, bool]]:
        """Attempts, each with whether its network is wider than what was asked for."""
        for widening in (1, 2, 4):
            card = _widened(self.card, widening)
            best: PropertyModel | None = None
            lowest = np.inf
            for seed in range(self.config.seed, self.config.seed + (2 if widening == 1 else 1)):
                model = self._fresh(card, seed)
                attempt = self._adamw(model, card, seed)
                yield attempt, widening > 1
                if best is None or attempt.loss < lowest:
                    best, lowest = model, attempt.loss
            assert best is not None
            yield self._lbfgs(best, card), widening > 1

    def _fresh(self, card: ModelCard, seed: int) -> PropertyModel:
        torch.manual_seed(seed)
        model = card.build()
        fit_statistics(model, self.dataset, self.train, card.encoder)
        return model

    def _loss(self, model: PropertyModel, batch: Batch) -> Tensor:
        assert batch.targets is not None  # own invariant: a data set for training has targets
        return loss_of(model(batch), batch.targets, torch.from_numpy(self.spread), "mse")

    def _adamw(self, model: PropertyModel, card: ModelCard, seed: int) -> Attempt:
        batch = self.dataset.batch(self.indices, card.encoder, card.torch_dtype)
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0, foreach=True)
        schedule = Schedule(self.config.lr, anneal_from=STEPS // 4, total=STEPS)
        what = f"AdamW, width {card.architecture.width}, seed {seed}"
        loss, step = np.inf, 0
        with self.journal:
            for step in range(STEPS):
                value = self._loss(model, batch)
                loss = value.item()
                self.journal.show(done=step, total=STEPS, epoch=step + 1, told=f"{what}: loss {loss:.2e}")
                if loss <= self.floor + NIL or not np.isfinite(loss):
                    break
                optimizer.zero_grad()
                value.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.param_groups[0]["lr"] = schedule(step)
                optimizer.step()
        return Attempt(what, loss, step + 1)

    def _lbfgs(self, model: PropertyModel, card: ModelCard) -> Attempt:
        """From the best weights so far, in float64: line searches live on small differences."""
        card = replace(card, dtype="float64")
        precise = card.build()
        precise.load_state_dict(model.state_dict())
        batch = self.dataset.batch(self.indices, card.encoder, card.torch_dtype)
        settings: dict[str, Any] = {"tolerance_grad": 0.0, "tolerance_change": 0.0, "line_search_fn": "strong_wolfe"}
        optimizer = torch.optim.LBFGS(precise.parameters(), max_iter=20, history_size=20, **settings)
        what = f"L-BFGS in float64, width {card.architecture.width}, from the best of these"

        def closure() -> Tensor:
            optimizer.zero_grad()
            value = self._loss(precise, batch)
            value.backward()
            return value

        loss, done = np.inf, 0
        with self.journal:
            for done in range(20, ITERATIONS + 1, 20):
                optimizer.step(closure)  # type: ignore[no-untyped-call]
                loss = self._loss(precise, batch).item()
                self.journal.show(done=done, total=ITERATIONS, epoch=done, told=f"{what}: loss {loss:.2e}")
                if loss <= self.floor + NIL or not np.isfinite(loss):
                    break
        return Attempt(what, loss, done)

    def _conclude(self, reached_by: Attempt | None, wide: bool) -> Probe:
        n, lowest = len(self.indices), min(attempt.loss for attempt in self.attempts)
        verdict: Verdict
        if self.floor > NIL:
            verdict = "data contradict themselves"
            told = (
                f"{self.twins}; no network of this kind gets below a loss of {self.floor:.2e}, "
                f"and {lowest:.2e} was reached"
            )
        elif reached_by is None:
            verdict = "not reached"
            told = f"the loss stays at {lowest:.2e}: neither another start, nor L-BFGS, nor four times the width helps"
        elif wide:
            verdict = "network too small"
            told = f"a wider network gets there ({reached_by.what}); raise --width or --layers"
        else:
            verdict = "reached"
            told = f"the network can learn these {n} systems by heart ({reached_by.what}, {reached_by.steps} steps)"
        self.journal.say(f"{verdict}: {told}")
        return Probe(n, tuple(self.attempts), self.floor, verdict, told)


def _widened(card: ModelCard, factor: int) -> ModelCard:
    """The card of a network whose layers are so many times as wide."""
    old = card.architecture
    return replace(card, architecture=replace(old, width=factor * old.width, hidden=factor * old.hidden))


def _floor(
    dataset: Dataset, indices: Int64[np.ndarray, " K"], card: ModelCard, spread: np.ndarray
) -> tuple[float, str]:
    """The loss that is left when systems that look alike are predicted alike, and the worst two of them in words.

    The best prediction for systems that look the same is the mean of their targets; what remains is their variance.
    """
    alike: dict[bytes, list[int]] = {}
    for index in indices:
        alike.setdefault(_appearance(dataset, int(index), card), []).append(int(index))
    squares, worst, told = 0.0, 0.0, ""
    for twins in alike.values():
        targets = dataset.targets[twins] / spread
        squares += float(np.square(targets - targets.mean(axis=0)).sum())
        reach = np.ptp(targets, axis=0)
        if len(twins) > 1 and reach.max() > worst:
            k = int(np.argmax(reach))
            worst = float(reach[k])
            low, high = twins[int(np.argmin(targets[:, k]))], twins[int(np.argmax(targets[:, k]))]
            told = (
                f"{_name(dataset, low)} and {_name(dataset, high)} look the same to the network (same species, same "
                f"distances below the cutoff), but their {card.properties[k]} differs by "
                f"{worst * spread[k]:.4g} {card.units[k]}"
            )
    return squares / (len(indices) * len(spread)), told


def _appearance(dataset: Dataset, index: int, card: ModelCard) -> bytes:
    """A hash of what the network can see of a system: features of particles, and of pairs with their distances."""
    batch = dataset.batch(np.array([index]), card.encoder, torch.float64)
    d = pair_distances(batch)
    ends = [batch.features[side].numpy() for side in (batch.pairs.receivers, batch.pairs.senders)]
    pairs = np.concatenate([*ends, d[:, None].numpy()], axis=1).round(DIGITS) + 0.0  # no negative zeros
    digest = hashlib.blake2b(digest_size=16)
    for rows in (batch.features.numpy(), pairs):
        digest.update(np.ascontiguousarray(rows[np.lexsort(rows.T)]).tobytes())
    return digest.digest()


def _name(dataset: Dataset, index: int) -> str:
    return str(dataset.origin(index)) or f"system {index}"
