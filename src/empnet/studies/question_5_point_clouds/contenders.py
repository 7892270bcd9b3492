"""Classifiers of the study: message passing with its forest, and networks on coordinates or pictures.

Those on coordinates and pictures see the same copies of the training clouds, turned about z or in all orientations, and
take as many steps with each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from empnet.prediction.load import load
from empnet.studies.data.rendered_views import rendered_views
from empnet.studies.estimators.image_classifier import ImageClassifier
from empnet.studies.networks.coordinate_networks import DenseCoordinateNetwork
from empnet.studies.networks.point_network import PointNetwork
from empnet.studies.question_5_point_clouds.cases import Clouds, listed_points, rotations, spread_points
from empnet.system.system import System
from empnet.training.optimiser.descent import epoch_batches, fit
from empnet.training.start_run import run_training

__all__ = ["KINDS", "Contender", "OnCoordinates", "OnDistances", "OnPictures", "Plan", "contender", "plan_for"]

KINDS = (
    *("message passing, full", "message passing, vertical"),
    *("PointNet", "PointNet, all orientations", "pictures", "pictures, all orientations", "dense"),
)

BATCH = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """Cost of the trainings.

    Arguments:
        seeds: Trainings of each network, with seeds from 0.
        copies: Rotated copies of each training cloud.
        epochs: Passes over the copies.
        epochs_passing: Passes of message passing over the clouds.
        batch_passing: Clouds in a step of message passing.
        most_points: Largest number of points of a cloud that networks see.
    """

    seeds: int
    copies: int
    epochs: int
    epochs_passing: int
    batch_passing: int
    most_points: int


QUICK = Plan(seeds=1, copies=4, epochs=8, epochs_passing=5, batch_passing=8, most_points=64)
WHOLE = Plan(seeds=2, copies=5, epochs=8, epochs_passing=20, batch_passing=16, most_points=2048)


def plan_for(quick: bool) -> Plan:
    """Return the plan.

    Arguments:
        quick: Seconds in place of minutes.
    """
    return QUICK if quick else WHOLE


class Contender(Protocol):
    """A trained classifier."""

    seconds: float
    """Processor time of its training."""

    def logits(self, systems: Sequence[System]) -> Float64[np.ndarray, "B K"]:
        """Return the logits of clouds.

        Arguments:
            systems: The clouds.
        """


class OnDistances:
    """Message passing between points as ``empnet train`` has it, and the forest beside it.

    Arguments:
        clouds: The clouds.
        symmetry: ``"full"`` or ``"vertical"``.
        points: Points that are kept of each cloud.
        plan: Cost of the training.
        seed: Seed of the training.
    """

    def __init__(self, clouds: Clouds, symmetry: str, points: int, plan: Plan, seed: int) -> None:
        settings = {"points": points, "symmetry": symmetry, "epochs": plan.epochs_passing, "batch": plan.batch_passing}
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            # validation chooses the weights; the test clouds are the study's own
            run_training(list(clouds.train), "label", out=run, quiet=True, val=0.15, test=0, seed=seed, **settings)
            self.seconds = time.process_time() - began
            self._predictor = load(run)

    def logits(self, systems: Sequence[System]) -> Float64[np.ndarray, "B K"]:
        """Return the logits of clouds.

        Arguments:
            systems: The clouds.
        """
        return self.both(systems)[0]

    def both(self, systems: Sequence[System]) -> tuple[Float64[np.ndarray, "B K"], Float64[np.ndarray, "B K"]]:
        """Return the logits of the network, and the logarithms of the forest's probabilities.

        Arguments:
            systems: The clouds.
        """
        found = self._predictor.predict(list(systems))
        return found.values, found.baseline


class OnCoordinates:
    """A network on the coordinates of points.

    Arguments:
        clouds: The clouds.
        network: Coordinates (B, N, 3) -> logits.
        points_of: Takes the points of clouds: :func:`~.cases.spread_points` or :func:`~.cases.listed_points`.
        points: Number of points.
        axis: Axis of the copies' rotations: ``"vertical"`` or ``"any"``.
        plan: Cost of the training.
        seed: Seed of the order and of the copies.
    """

    def __init__(
        self,
        clouds: Clouds,
        network: torch.nn.Module,
        points_of: Callable[[Sequence[System], int], Float64[np.ndarray, "B N 3"]],
        points: int,
        axis: str,
        plan: Plan,
        seed: int,
    ) -> None:
        self.network, self._points_of, self._points = network, points_of, points
        began = time.process_time()
        r, labels = _copies(points_of(clouds.train, points), clouds.numbers(clouds.train), axis, plan.copies, seed)
        _fit(network, torch.from_numpy(r).float(), labels, plan.epochs, seed)
        self.seconds = time.process_time() - began
        network.double()  # so that a change of the order is told from rounding

    def logits(self, systems: Sequence[System]) -> Float64[np.ndarray, "B K"]:
        """Return the logits of clouds.

        Arguments:
            systems: The clouds.
        """
        with torch.inference_mode():
            found: np.ndarray = self.network(torch.from_numpy(self._points_of(systems, self._points))).numpy()
        return found


class OnPictures:
    """The convolutional network of the studies on three pictures of each cloud.

    Arguments:
        clouds: The clouds.
        points: Points of each cloud that are drawn.
        axis: Axis of the copies' rotations: ``"vertical"`` or ``"any"``.
        plan: Cost of the training.
        seed: Seed of the training and of the copies.
    """

    def __init__(self, clouds: Clouds, points: int, axis: str, plan: Plan, seed: int) -> None:
        self._points = points
        began = time.process_time()
        r, labels = _copies(spread_points(clouds.train, points), clouds.numbers(clouds.train), axis, plan.copies, seed)
        self._classifier = ImageClassifier(
            ((16, 3), (32, 3), (64, 3)),
            pool=2,
            hidden=128,
            dropout=0.3,
            learning_rate=1e-3,
            batch_size=BATCH,
            epochs=plan.epochs,
            validation_fraction=0.0,
            random_state=seed,
            quiet=True,
        ).fit(rendered_views(r), labels)
        self.seconds = time.process_time() - began

    def logits(self, systems: Sequence[System]) -> Float64[np.ndarray, "B K"]:
        """Return the logits of clouds.

        Arguments:
            systems: The clouds.
        """
        pictures = rendered_views(spread_points(systems, self._points))
        return self._classifier.decision_function(pictures).astype(np.float64)


class _Listed(torch.nn.Module):
    """The dense network of the studies on the list of coordinates, without features."""

    def __init__(self, N: int, n_classes: int) -> None:
        super().__init__()
        self.dense = DenseCoordinateNetwork(N, 1, n_classes)

    def forward(self, r_batch: Tensor) -> Tensor:
        logits: Tensor = self.dense(r_batch, torch.ones_like(r_batch[..., :1]))
        return logits


def _copies(
    r: Float64[np.ndarray, "B N 3"], labels: Int64[np.ndarray, " B"], axis: str, copies: int, seed: int
) -> tuple[Float64[np.ndarray, "BC N 3"], Int64[np.ndarray, " BC"]]:
    """Return rotated copies of clouds and their classes; of rare classes more, so that all are equally frequent."""
    kinds = np.unique(labels)
    each = -(-copies * len(labels) // len(kinds))
    rows = np.concatenate([np.resize(np.flatnonzero(labels == kind), each) for kind in kinds])
    matrices = rotations(len(rows), axis, np.random.default_rng([11, seed]))
    return r[rows] @ matrices.transpose(0, 2, 1), labels[rows]


def _fit(network: torch.nn.Module, r: Tensor, labels: Int64[np.ndarray, " B"], epochs: int, seed: int) -> None:
    """Train by AdamW with one cycle of the learning rate."""
    rate, targets = 2e-3, torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    steps = len(epoch_batches(np.arange(len(r)), BATCH, seed=seed, epoch=0))
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * steps + 1, cycle_momentum=False)

    def batches(epoch: int) -> Iterator[Int64[np.ndarray, " b"]]:
        for indices in epoch_batches(np.arange(len(r)), BATCH, seed=seed, epoch=epoch):
            yield indices
            cycle.step()

    def loss(indices: Int64[np.ndarray, " b"]) -> Tensor:
        return cross_entropy(network(r[indices]), targets[indices], label_smoothing=0.1)

    fit(network, batches, loss, optimizer, epochs=epochs)


def contender(kind: str, clouds: Clouds, points: int, plan: Plan, seed: int) -> Contender:
    """Return a trained classifier.

    Arguments:
        kind: One of :data:`KINDS`.
        clouds: The clouds.
        points: Points of each cloud.
        plan: Cost of the training.
        seed: Seed of the training.

    Example:
        >>> from empnet.studies.question_5_point_clouds.cases import clouds_for
        >>> clouds = clouds_for("generated", "label", True)
        >>> contender("dense", clouds, 32, plan_for(True), seed=0).logits(clouds.test[:2]).shape
        (2, 6)
    """
    name, _, more = kind.partition(", ")
    axis = "any" if more == "all orientations" else "vertical"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == "message passing":
            return OnDistances(clouds, more, points, plan, seed)
        if name == "pictures":
            return OnPictures(clouds, points, axis, plan, seed)
        if name == "dense":
            dense = _Listed(points, len(clouds.classes))
            return OnCoordinates(clouds, dense, listed_points, points, axis, plan, seed)
        return OnCoordinates(clouds, PointNetwork(len(clouds.classes)), spread_points, points, axis, plan, seed)
