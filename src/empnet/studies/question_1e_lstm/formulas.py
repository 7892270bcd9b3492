"""Energies of molecules: an LSTM on the formula, and message passing on the geometry."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from empnet.dataset.rows import species_of
from empnet.dataset.split import Split
from empnet.files.read import iread
from empnet.prediction.load import load
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.sequence_regressor import SequenceRegressor
from empnet.studies.question_1e_lstm.premises import Recurrence
from empnet.system.one_hot import symbol
from empnet.system.system import System
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Energies", "decide_energies", "draw_energies", "errors", "formula", "learn_energies"]

DATA, PROPERTY, UNIT = "qm7", "energy", "kcal/mol"
"""Bundled molecules with atomisation energies."""

CHEMICAL_ACCURACY = 1.0
"""Errors that differ by less count as equally good, kcal/mol."""

LEARNED = 0.9
"""A message passing network has not learned if its error is a larger share of the composition baseline's."""


@dataclass(frozen=True)
class Energies:
    """Energies of the test molecules minus the composition baseline, in kcal/mol.

    Arguments:
        true: True energies minus the baseline, shape (n,).
        formula: Predictions of the LSTM, from the formula alone, shape (n,).
        geometry: Predictions of the message passing network, shape (n,).
        isomers: Mean distance of an energy from the median of all molecules of its formula: over the same molecules,
            no function of the formula has a smaller mean absolute error.
        trained_on: Number of molecules for training.
        epochs: Passes over them.
        parameters: Parameters of the LSTM and of the message passing network.
    """

    true: np.ndarray
    formula: np.ndarray
    geometry: np.ndarray
    isomers: float
    trained_on: int
    epochs: int
    parameters: tuple[int, int]

    @property
    def difference(self) -> tuple[float, float, float]:
        """Mean absolute error from the formula minus that from the geometry, and its 95 % interval, kcal/mol."""
        pairs = np.abs(self.formula - self.true) - np.abs(self.geometry - self.true)
        mean, half = float(pairs.mean()), 1.96 * float(pairs.std(ddof=1)) / len(pairs) ** 0.5
        return mean, mean - half, mean + half


def formula(system: System) -> str:
    """Return the formula of a molecule, a letter per atom, in Hill's order: carbon, hydrogen, then by alphabet.

    Arguments:
        system: A molecule of elements with symbols of one letter.

    Example:
        >>> formula(System(np.eye(3), [8, 1, 6]))
        'CHO'
    """
    symbols = [symbol(number) for number in species_of(system).tolist()]
    return "".join(sorted(symbols, key=lambda letter: (letter != "C", letter != "H", letter)))


@dataclass(frozen=True)
class _Molecules:
    """Molecules, and predictions of the message passing network from their geometry."""

    formulas: list[str]
    isomers: float
    left: np.ndarray
    geometry: np.ndarray
    split: Split
    parameters: int


def learn_energies(p: Recurrence, effort: Effort) -> Energies:
    """Train both networks on the same molecules, with the same number of passes and the same baseline.

    Arguments:
        p: The LSTM, and whether isomers differ in energy.
        effort: Quick: some hundred molecules; otherwise some thousand.
    """
    return _learn_energies(p.width, p.layers, p.isomers_differ, effort.quick)


@lru_cache(maxsize=8)  # other premises leave this as it is
def _learn_energies(width: int, layers: int, isomers_differ: bool, quick: bool) -> Energies:
    """Train the LSTM on the energies minus the baseline."""
    molecules, epochs = _learn_from_geometry(isomers_differ, quick), _epochs(quick)
    split = molecules.split
    known = np.concatenate([split.train, split.validation])
    reader = SequenceRegressor(
        width=width, layers=layers, epochs=epochs, patience=None, validation=len(split.validation), random_state=0
    )
    reader.fit([molecules.formulas[k] for k in known], molecules.left[known])
    return Energies(
        true=molecules.left[split.test],
        formula=reader.predict([molecules.formulas[k] for k in split.test]),
        geometry=molecules.geometry[split.test],
        isomers=molecules.isomers,
        trained_on=len(split.train),
        epochs=epochs,
        parameters=(sum(weight.numel() for weight in reader.network_.parameters()), molecules.parameters),
    )


def _epochs(quick: bool) -> int:
    return 20 if quick else 30


@lru_cache(maxsize=4)
def _learn_from_geometry(isomers_differ: bool, quick: bool) -> _Molecules:
    """Train the message passing network."""
    systems = list(islice(iread(DATA), 800 if quick else 3000))
    formulas = [formula(system) for system in systems]
    energies = np.array([system.properties[PROPERTY] for system in systems])
    if not isomers_differ:
        _, which = np.unique(formulas, return_inverse=True)
        energies = (np.bincount(which, energies) / np.bincount(which))[which]
        systems = [
            dataclasses.replace(system, properties={PROPERTY: float(energy)})
            for system, energy in zip(systems, energies, strict=True)
        ]
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        sides: dict[str, Any] = {"val": 0.1, "test": 0.3}
        size: dict[str, Any] = {"width": 32, "moments": 0, "epochs": _epochs(quick)}
        size |= {"layers": 1, "lr": 1e-2} if quick else {"layers": 2}  # at 1e-2 two layers may stay at the baseline
        run = run_training(systems, PROPERTY, out=Path(folder) / "run", quiet=True, unit=UNIT, **sides, **size).run
        split, predictor = RunFolder(run).read_split(), load(run)
        predicted = predictor.predict(systems)
    return _Molecules(
        formulas=formulas,
        isomers=_spread_of_isomers(formulas, energies),
        left=energies - predicted.baseline[:, 0],
        geometry=(predicted.values - predicted.baseline)[:, 0],
        split=split,
        parameters=sum(weight.numel() for weight in predictor.model.parameters()),
    )


def _spread_of_isomers(formulas: Sequence[str], energies: np.ndarray) -> float:
    """Return the mean distance of an energy from the median of its formula."""
    names, which = np.unique(formulas, return_inverse=True)
    medians = np.array([np.median(energies[which == k]) for k in range(len(names))])
    return float(np.abs(energies - medians[which]).mean())


def decide_energies(e: Energies) -> Verdict:
    """Decide by the interval of the difference: below or above chemical accuracy, if the geometry was learned."""
    if np.abs(e.geometry - e.true).mean() > LEARNED * np.abs(e.true).mean():
        return "undecided"
    _, low, high = e.difference
    return "true" if high < CHEMICAL_ACCURACY else "false" if low > CHEMICAL_ACCURACY else "undecided"


def errors(e: Energies) -> Evidence:
    """Return errors on the test molecules, as evidence."""
    mean, low, high = e.difference
    return {
        "mean absolute error from the formula, kcal/mol": float(np.abs(e.formula - e.true).mean()),
        "mean absolute error from the geometry, kcal/mol": float(np.abs(e.geometry - e.true).mean()),
        "mean absolute error of the composition baseline, kcal/mol": float(np.abs(e.true).mean()),
        "formula less geometry, kcal/mol": mean,
        "95 % interval from, kcal/mol": low,
        "95 % interval to, kcal/mol": high,
        "mean distance from the median of the isomers, kcal/mol": e.isomers,
        "molecules for training": e.trained_on,
        "test molecules": len(e.true),
        "passes over the training molecules": e.epochs,
        "parameters of the LSTM": e.parameters[0],
        "parameters of the message passing network": e.parameters[1],
    }


def draw_energies(figure: Figure, e: Energies) -> str:
    """Draw both predictions against the true energies."""
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    ends = [float(e.true.min()), float(e.true.max())]
    for axes, values, name in zip(panels, (e.formula, e.geometry), ("formula", "geometry"), strict=True):
        error = float(np.abs(values - e.true).mean())
        axes.plot(ends, ends, color="grey", linewidth=1)
        axes.plot(e.true, values, linestyle="none", marker=".", markersize=3)
        axes.set_title(f"from the {name}: {error:.2f} kcal/mol", fontsize=10)
        axes.set(xlabel="true, kcal/mol")
    panels[0].set(ylabel="predicted, kcal/mol")
    return (
        f"What the composition baseline leaves of the energies of {len(e.true):,} test molecules, predicted and true, "
        "with mean absolute errors. Isomers have one formula: on the left they lie on a level line."
    )
