"""Losses with and without each remedy, and confidence intervals of their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from empnet.model.summary import summary
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.networks.image_network import ImageNetwork
from empnet.studies.question_2b_regularisation.premises import REMEDIES, REMOVALS, Remedies, plan
from empnet.studies.question_2b_regularisation.training import EVERY, Losses, train_all

__all__ = ["Change", "Measured", "change", "measure", "promising"]

WORTH = 0.05
"""A smaller gain, as a share of the best validation loss, does not count."""

FEWEST_PAIRS = 4
"""Fewer pairs leave a claim undecided."""


@dataclass(frozen=True, slots=True)
class Change:
    """Mean of paired differences, with its 95 % confidence interval (Student's t).

    Arguments:
        mean: Mean of the differences.
        low: Lower end of the interval.
        high: Upper end.
        pairs: Number of differences.
    """

    mean: float
    low: float
    high: float
    pairs: int


def change(differences: Sequence[float] | np.ndarray) -> Change:
    r"""Return mean and 95 % confidence interval.

    .. math:: \bar d \pm t_{0.975, n - 1} \, s / \sqrt n

    Arguments:
        differences: Loss with the remedy minus loss without, one for each pair.

    Example:
        >>> c = change([-1.0, -2.0, -3.0])
        >>> round(c.low, 2), c.mean, round(c.high, 2)
        (-4.48, -2.0, 0.48)
    """
    d = np.asarray(differences, float)
    if len(d) < 2:
        mean = float(d.mean()) if len(d) else math.nan
        return Change(mean, -math.inf, math.inf, len(d))
    half = float(stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d)))
    return Change(float(d.mean()), float(d.mean()) - half, float(d.mean()) + half, len(d))


@dataclass(frozen=True, slots=True)
class Measured:
    """All losses, and the numbers of parameters.

    Arguments:
        premises: Premises of the measurement.
        losses: Losses by variant, then by seed and rerun.
        parameters: Trainable parameters of the question's network, by removal ("nothing" for the whole network).
        measured_parameters: Trainable parameters of the reduced network, by removal.
    """

    premises: Remedies
    losses: Mapping[str, Mapping[tuple[int, int], Losses]]
    parameters: Mapping[str, int]
    measured_parameters: Mapping[str, int]

    def of(self, variant: str) -> list[list[Losses]]:
        """Return the trainings of each seed: its repeats."""
        runs, p = self.losses.get(variant, {}), self.premises
        return [[runs[seed, k] for k in range(p.repeats)] for seed in range(p.seeds) if (seed, 0) in runs]

    def means(self, variant: str, what: str = "best") -> np.ndarray:
        """Return each seed's mean over its repeats.

        Arguments:
            variant: Name of a remedy, of a removal, or "baseline".
            what: "best" validation loss, or "gap".
        """
        return np.array([np.mean([getattr(run, what) for run in runs]) for runs in self.of(variant)])

    def change(self, variant: str, what: str = "best") -> Change:
        """Return the change against the same seeds without a remedy.

        Arguments:
            variant: Name of a remedy, or of a removal.
            what: "best" validation loss, or "gap".
        """
        found = self.means(variant, what)
        return change(found - self.means("baseline", what)[: len(found)])

    def relative(self, variant: str) -> Change:
        """Return the relative change in best validation loss, since that loss differs twofold between held-out hands.

        Arguments:
            variant: Name of a remedy, or of a removal.
        """
        found = self.means(variant)
        return change(found / self.means("baseline")[: len(found)] - 1)

    @property
    def best(self) -> float:
        """Mean of the best validation losses without any remedy."""
        return float(np.mean(self.means("baseline"))) if self.of("baseline") else math.nan

    def chosen_rerun(self, by: str = "") -> Change:
        """Return the loss of the rerun chosen among all, relative to the best validation loss of a single one.

        One half of the held-out hands chooses the epoch (and the rerun, if it is chosen by validation loss), the other
        half judges; then the halves are exchanged, and the mean is taken.

        Arguments:
            by: Loss of the choice, "training" or "validation"; default: the premises'.
        """
        by = by or self.premises.chosen_by
        if "reruns" not in self.premises.chosen:
            return change([])
        halves = (("selecting", "judging"), ("judging", "selecting"))
        seeds = range(self.premises.seeds)
        return change([float(np.mean([self._chosen(seed, by, *each) for each in halves])) for seed in seeds])

    def _chosen(self, seed: int, by: str, choosing: str, judging: str) -> float:
        runs = [self.losses["baseline"][seed, k] for k in range(self.premises.reruns)]
        loss = choosing if by == "validation" else "training"
        losses, judged = ([np.array(getattr(run, name)) for run in runs] for name in (loss, judging))
        chosen = int(np.argmin([each.min() for each in losses]))
        single = [each[np.argmin(getattr(run, choosing))] for each, run in zip(judged, runs, strict=True)]
        return float(judged[chosen][np.argmin(losses[chosen])] / np.mean(single)) - 1

    def course(self, variant: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return epochs, and training and validation loss as means over the seeds."""
        runs = [run for repeats in self.of(variant) for run in repeats]
        training = np.mean([run.training for run in runs], axis=0)
        epochs = EVERY * np.arange(1, len(training) + 1)
        return epochs, training, np.mean([run.validation for run in runs], axis=0)


def measure(premises: Remedies, effort: Effort) -> Measured:
    """Count parameters, and train with and without the remedies unless the file has the result already.

    Arguments:
        premises: Network, reduction and remedies.
        effort: Quick: a tiny version. Otherwise its folder keeps finished trainings.
    """
    scaled = premises.scaled(effort)
    todo = plan(scaled) if scaled.chosen else []
    done = train_all([setting for *_, setting in todo], effort)
    losses: dict[str, dict[tuple[int, int], Losses]] = {}
    for variant, seed, rerun, setting in todo:
        losses.setdefault(variant, {})[seed, rerun] = done[setting]
    return Measured(scaled, losses, count(premises), count(scaled, reduced=True))


def count(p: Remedies, *, reduced: bool = False) -> dict[str, int]:
    """Count the trainable parameters of the network without each of its convolutions, without allocating them.

    Arguments:
        p: The premises.
        reduced: Count the network that is trained for the measurement.
    """
    by = p.reduction if reduced else 1
    size = p.size if reduced else p.image
    both = ((max(1, p.channels // by), p.kernel), (p.second_channels, p.second_kernel))
    left = {"nothing": both, **{name: tuple(both[k] for k in kept) for name, kept in REMOVALS.items()}}
    with torch.device("meta"):
        networks = {
            name: ImageNetwork(
                size=size,
                convolutions=convolutions,
                pool=p.removal_pool if len(convolutions) == 1 else 1,
                hidden=max(1, p.linear_units // by),
            )
            for name, convolutions in left.items()
        }
    return {name: summary(network, (1, 3, size, size)).parameters for name, network in networks.items()}


def promising(c: Change) -> bool | None:
    """Decide whether a remedy is promising.

    True if the interval of the relative change in best validation loss lies below zero and its mean is a gain of at
    least 5 %; False if the interval excludes such a gain; None in between, or with fewer than four pairs.

    Arguments:
        c: Relative change in best validation loss.

    Example:
        >>> promising(Change(-0.3, -0.4, -0.2, 6)), promising(Change(0.0, -0.04, 0.04, 6))
        (True, False)
        >>> promising(Change(-0.1, -0.3, 0.1, 6)) is None
        True
    """
    if c.pairs < FEWEST_PAIRS:
        return None
    if c.low > -WORTH:
        return False
    return True if c.high < 0 and c.mean <= -WORTH else None


def removal_promising(e: Measured) -> bool | None:
    """Decide whether a removal leaves fewer parameters and is promising; None: undecided."""
    verdicts = []
    for name in REMOVALS:
        fewer = e.measured_parameters[name] < e.measured_parameters["nothing"]
        verdicts.append(promising(e.relative(name)) if fewer else False)
    return True if True in verdicts else None if None in verdicts else False


def symptom(e: Measured) -> tuple[float, float, float]:
    """Return the symptom of overfitting, from means over the seeds.

    Returns:
        The share of the epochs after which the validation loss stagnates, that is, is within 5 % of its minimum; the
        factor by which the training loss falls from then on; and the final validation loss over its minimum.
    """
    epochs, training, validation = e.course("baseline")
    k = int(np.argmax(validation <= (1 + WORTH) * validation.min()))
    return float(epochs[k] / epochs[-1]), float(training[k] / training[-1]), float(validation[-1] / validation.min())


def symptom_shown(e: Measured) -> Verdict:
    """Decide whether the network shows the symptom."""
    if len(e.of("baseline")) < FEWEST_PAIRS:
        return "undecided"
    share, factor, _ = symptom(e)
    return "true" if share <= 0.5 and factor >= 2 else "false"


def numbers(e: Measured, variant: str) -> Evidence:
    """Return the effect of a remedy or a removal, as evidence."""
    return {
        **_of(e.relative(variant), "relative change in best validation loss"),
        **_of(e.change(variant), "change in best validation loss, nats"),
        **_of(e.change(variant, "gap"), "change in gap, nats"),
        "best validation loss without it, nats": e.best,
        "pairs of trainings": e.change(variant).pairs,
    }


def _of(c: Change, what: str) -> dict[str, float]:
    return {what: c.mean, f"{what}: from (95 % interval)": c.low, f"{what}: to": c.high}


def table(e: Measured) -> list[tuple[str, Change, Change, bool | None]]:
    """Return a row for each remedy or removal: name, relative change in best loss, change in gap, promising or not."""
    names = [name for name in REMEDIES if name not in ("reruns", "removal")]
    rows: list[tuple[str, Change, Change, bool | None]] = []
    for name in [*names[:4], "reruns", names[4], *REMOVALS, *names[5:]]:
        best = e.chosen_rerun() if name == "reruns" else e.relative(name)
        gap = change([]) if name == "reruns" else e.change(name, "gap")
        if best.pairs:
            rows.append((name, best, gap, promising(best)))
    return rows
