"""Premises of the study of regularisation: the network, its reduction, and the strength of each remedy."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from empnet.errors import EmpnetError
from empnet.studies.claim import Effort, Premises, premise

__all__ = ["REMEDIES", "Remedies", "Setting", "plan", "setting_of"]

REMEDIES = ("geometry", "noise", "dropout", "rate", "reruns", "pooling", "removal", "batch")
"""All remedies, in the order of the question."""

REMOVALS = {"without the first": (1,), "without the second": (0,), "without both": ()}
"""Numbers of the remaining convolutions, by removal."""


@dataclass(frozen=True)
class Remedies(Premises):
    """The question's network and training, their reduction for many trainings, and the remedies."""

    image: int = premise(64, "Height and width of the pictures in pixels.", at_least=1)
    channels: int = premise(64, "Output channels of the first convolution.", at_least=1)
    kernel: int = premise(8, "Kernel size of the first convolution.", at_least=1)
    second_channels: int = premise(8, "Output channels of the second convolution.", at_least=1)
    second_kernel: int = premise(4, "Kernel size of the second convolution.", at_least=1)
    linear_units: int = premise(2048, "Units of the first linear layer.", at_least=1)
    rate: float = premise(1e-4, "Learning rate of Adam.", at_least=1e-9)
    batch_size: int = premise(128, "Pictures in a batch.", at_least=1)
    dropout: float = premise(0.1, "Dropout rate.", at_least=0.0, at_most=0.99)
    epochs: int = premise(40, "Passes over the training pictures.", at_least=2)
    size: int = premise(32, "Reduced for measuring: height and width in pixels.", at_least=1)
    reduction: int = premise(8, "Reduced: divides --channels and --linear-units, multiplies rates.", at_least=1)
    pictures: int = premise(480, "Reduced: training pictures.", at_least=8, at_most=1300)
    seeds: int = premise(6, "Pairs with and without the remedy, each with its own hands held out.", at_least=2)
    repeats: int = premise(4, "Trainings of each pair, with other initial weights, that are averaged.", at_least=1)
    reruns: int = premise(4, "Trainings of which one is chosen, in place of 100.", at_least=2)
    rotation: float = premise(15.0, "Remedy: largest angle of rotation in degrees.", at_least=0.0, at_most=180.0)
    crop: float = premise(0.7, "Remedy: smallest share of the picture that is cut out.", at_least=0.01, at_most=1.0)
    blur: float = premise(1.0, "Remedy: largest width of the blur in pixels.", at_least=0.0)
    noise: float = premise(0.1, "Remedy: standard deviation of the noise; pixels are 0 to 1.", at_least=0.0)
    more_dropout: float = premise(0.5, "Remedy: dropout rate.", at_least=0.0, at_most=0.99)
    smaller_rate: float = premise(3e-5, "Remedy: learning rate.", at_least=1e-9)
    chosen_by: str = premise("training", "Loss by which a rerun is chosen.", one_of=("training", "validation"))
    pool: int = premise(2, "Remedy: window of the max pooling after each convolution.", at_least=1)
    removal_pool: int = premise(1, "Pooling where a convolution was removed; 1 for none.", at_least=1)
    smaller_batch: int = premise(32, "Remedy: pictures in a batch.", at_least=1)
    held_noise: float = premise(0.0, "Standard deviation of the noise of pictures held out.", at_least=0.0)
    remedies: str = premise("all", "Which are measured: all, none, or names with commas between.")

    def check(self) -> None:
        """Refuse unknown remedies."""
        for name in self.chosen:
            if name not in REMEDIES:
                found = f"--remedies {self.remedies}: there is no remedy '{name}'"
                raise EmpnetError(found, wanted=f"all, none, or some of {', '.join(REMEDIES)}")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The remedies that are measured."""
        if self.remedies in ("all", "none"):
            return REMEDIES * (self.remedies == "all")
        return tuple(name.strip() for name in self.remedies.split(","))

    def scaled(self, effort: Effort) -> Remedies:
        """Return a tiny version for a quick run: it tests all parts, but has too few seeds to decide."""
        if not effort.quick:
            return self
        return dataclasses.replace(
            self, reduction=4 * self.reduction, pictures=48, epochs=2, seeds=2, repeats=1, reruns=2
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """Settings of one training, which determine its losses.

    Arguments:
        convolutions: Channels and kernel size of each.
        pool: Window of the max pooling.
        hidden: Units of the first linear layer.
        dropout: Dropout rate.
        rate: Learning rate of Adam.
        batch_size: Pictures in a batch.
        epochs: Passes over the pictures.
        size: Height and width of the pictures in pixels.
        pictures: Number of training pictures.
        augment: Strengths for :func:`~empnet.studies.estimators.augmentation.augmentation`, by name.
        held_noise: Standard deviation of the noise added to held-out pictures.
        fold: Number of the held-out block of hands.
        seed: Seed of weights, order, dropout and augmentation.
    """

    convolutions: tuple[tuple[int, int], ...]
    pool: int
    hidden: int
    dropout: float
    rate: float
    batch_size: int
    epochs: int
    size: int
    pictures: int
    augment: tuple[tuple[str, float], ...]
    held_noise: float
    fold: int
    seed: int

    @property
    def key(self) -> str:
        """Return the setting as one line of text."""
        return json.dumps(dataclasses.asdict(self))


FOLDS = 6
"""Number of blocks of hands, one of which is held out."""


def setting_of(p: Remedies, variant: str, seed: int, rerun: int = 0) -> Setting:
    """Return the setting of a variant, or of no remedy ("baseline").

    Arguments:
        p: The premises.
        variant: One of :data:`REMEDIES` but "reruns" and "removal", or one of :data:`REMOVALS`.
        seed: Number of the pair.
        rerun: Number of the rerun, which has other initial weights.
    """
    convolutions = ((max(1, p.channels // p.reduction), p.kernel), (p.second_channels, p.second_kernel))
    plain = Setting(
        convolutions,
        pool=1,
        hidden=max(1, p.linear_units // p.reduction),
        dropout=p.dropout,
        rate=_reduced(p.rate, p),
        batch_size=p.batch_size,
        epochs=p.epochs,
        size=p.size,
        pictures=p.pictures,
        augment=(),
        held_noise=p.held_noise,
        fold=seed % FOLDS,
        seed=seed + 1000 * rerun,
    )
    longer = round(p.epochs * min(2.0, max(1.0, p.rate / p.smaller_rate)))
    if variant in REMOVALS:
        left = tuple(convolutions[k] for k in REMOVALS[variant])
        return dataclasses.replace(plain, convolutions=left, pool=p.removal_pool if left else 1)
    changes: dict[str, dict[str, object]] = {
        "baseline": {},
        "geometry": {"augment": (("rotation", p.rotation), ("crop", p.crop), ("flip", 0.5))},
        "noise": {"augment": (("blur", p.blur), ("noise", p.noise))},
        "dropout": {"dropout": p.more_dropout},
        "rate": {"rate": _reduced(p.smaller_rate, p), "epochs": longer},
        "pooling": {"pool": p.pool},
        "batch": {"batch_size": p.smaller_batch},
    }
    return dataclasses.replace(plain, **changes[variant])  # type: ignore[arg-type]


def _reduced(rate: float, p: Remedies) -> float:
    """Return Adam's rate for the narrower network, inverse to the width (Yang and Hu, Tensor Programs V, 2022)."""
    return float(f"{rate * p.reduction:.6g}")


def plan(p: Remedies) -> list[tuple[str, int, int, Setting]]:
    """Return variant, seed, rerun and setting of each training; all variants of one seed before the next seed."""
    if not p.chosen:
        return []
    variants = ["baseline", *(name for name in p.chosen if name not in ("reruns", "removal"))]
    variants += [*REMOVALS] * ("removal" in p.chosen)
    runs = [(variant, seed, again) for again in range(p.repeats) for seed in range(p.seeds) for variant in variants]
    if "reruns" in p.chosen:
        runs += [("baseline", seed, again) for again in range(p.repeats, p.reruns) for seed in range(p.seeds)]
    return [(*run, setting_of(p, *run)) for run in runs]
