"""Load a run and predict: the door for people who have systems or ase.Atoms at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64

from empnet.data.atoms import from_atoms
from empnet.data.batch import Batch
from empnet.data.checks import check_geometry, target_of
from empnet.data.dataset import MAX_PAIRS, Dataset, species_of
from empnet.data.errors import EmpnetError, nearest
from empnet.data.one_hot import symbol
from empnet.data.spatial_order import sorted_in_space
from empnet.data.system import Origin, System
from empnet.learn.model_file import ModelCard, load_model
from empnet.nn.model import PropertyModel

if TYPE_CHECKING:
    import ase

__all__ = ["Prediction", "Predictor", "load", "pieces"]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Predicted properties of systems, in the order in which the systems were given.

    Arguments:
        values: Shape (B, F'), float64, in the properties' units.
        baseline: What the composition alone predicts (with delta learning: added to the baseline key), same shape.
        properties: Names of the properties.
        units: Their units.

    Example:
        >>> prediction = Prediction(np.array([[1.5]]), np.array([[1.0]]), ("energy",), ("eV",))
        >>> prediction["energy"], float(prediction)
        (array([1.5]), 1.5)
    """

    values: Float64[np.ndarray, "B F_prime"]
    baseline: Float64[np.ndarray, "B F_prime"]
    properties: tuple[str, ...]
    units: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> Float64[np.ndarray, " B"]:
        if name not in self.properties:
            raise KeyError(f"'{name}' is not predicted; there are: {', '.join(self.properties)}")
        return self.values[:, self.properties.index(name)]

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        values = self.values[:, 0] if len(self.properties) == 1 else self.values
        return np.array(values, dtype=dtype) if copy is not False else values

    def __float__(self) -> float:
        if self.values.size != 1:
            raise TypeError(f"a prediction of shape {self.values.shape} is not one number")
        return float(self.values.item())


class Predictor:
    """A trained model with all that prediction needs; at the first prediction it is frozen as it is then.

    Arguments:
        model: The model, in evaluation mode.
        card: Its species, properties and units.
        run: The run folder, for messages.
    """

    def __init__(self, model: PropertyModel, card: ModelCard, run: str = "") -> None:
        self.model, self.card, self.run = model, card, run
        self._encoder = card.encoder

    @cached_property
    def _frozen(self) -> PropertyModel:
        """The model with its filters' tables made once."""
        return self.model.frozen()

    def __repr__(self) -> str:
        told = ", ".join(f"{name} [{unit}]" for name, unit in zip(self.card.properties, self.card.units, strict=True))
        return f"Predictor({told} of systems of species {list(self.card.species)}, from '{self.run}')"

    def predict(self, systems: System | ase.Atoms | Iterable[System | ase.Atoms]) -> Prediction:
        """Predict one system or several; :class:`ase.Atoms` will do.

        Arguments:
            systems: A system or atoms, or any iterable of them.

        Returns:
            The predictions in the same order.

        Raises:
            EmpnetError: If a species was not in the training data, a geometry cannot be meant, or a system lacks the
                scalar that the model adds to (delta learning).

        Example:
            See :func:`load`.
        """
        parts = [(values, baseline) for _, values, baseline in self.stream(_each_system(systems))]
        width = len(self.card.properties)
        values = np.concatenate([part[0] for part in parts]) if parts else np.zeros((0, width))
        baseline = np.concatenate([part[1] for part in parts]) if parts else np.zeros((0, width))
        return Prediction(values, baseline, self.card.properties, self.card.units)

    def stream(self, systems: Iterable[System]) -> Iterator[tuple[list[System], np.ndarray, np.ndarray]]:
        """Predict any number of systems in bounded memory.

        Arguments:
            systems: The systems, lazily; they are taken piece by piece.

        Returns:
            For each piece: its systems, their predictions and their composition baseline, both of shape (B, F').
        """
        return map(self.predict_piece, pieces(systems))

    @torch.no_grad()
    def represent(self, systems: Sequence[System], name: str | None = None) -> Float64[np.ndarray, "B F"]:
        """What the network has learned of whole systems: see :meth:`~empnet.nn.model.PropertyModel.representation`.

        Arguments:
            systems: One or more, as many as fit into memory.
            name: The property whose pooling over particles is taken; default: the first.

        Returns:
            A row for each system, in the same order; without a unit.

        Raises:
            EmpnetError: If the model does not predict the property, or a species was not in the training data.
        """
        pooling = self.card.architecture.pooling[self.number_of(name)]
        return np.concatenate([self._frozen.representation(batch, pooling).numpy() for batch in self._batches(systems)])

    def number_of(self, name: str | None = None) -> int:
        """Which of the properties it is; the first, if none is named.

        Arguments:
            name: Name of a property.

        Raises:
            EmpnetError: If the model does not predict it.
        """
        names = self.card.properties
        if name is not None and name not in names:
            remedy = nearest(name, names) or f"there are: {', '.join(names)}"
            raise EmpnetError(f"'{name}' is not predicted", where=self.run, remedy=remedy)
        return 0 if name is None else names.index(name)

    def _batches(self, systems: Sequence[System]) -> Iterator[Batch]:
        """The systems as the model takes them, in order, some at a time; particles of large ones sorted in space."""
        cutoff = self.card.architecture.cutoff
        try:  # nothing that belongs to a particle leaves this class, so the order need not be undone
            dataset = self.dataset([sorted_in_space(system, cutoff)[0] for system in systems])
        except EmpnetError:  # to be said of the particles as they were given
            dataset = self.dataset(systems)
        for chunk in dataset.chunks(np.arange(len(dataset))):
            yield dataset.batch(chunk, self._encoder, self.card.torch_dtype)

    @torch.no_grad()
    def predict_piece(self, systems: list[System]) -> tuple[list[System], np.ndarray, np.ndarray]:
        """Predict some systems at once.

        Arguments:
            systems: One or more, as many as fit into memory.

        Returns:
            The systems, their predictions and their composition baseline, both of shape (B, F').
        """
        values, baseline = [], []
        for batch in self._batches(systems):
            values.append(self._frozen(batch).numpy())
            baseline.append(self._frozen.composition_baseline(batch).numpy())
        known = self._known_beforehand(systems)
        return systems, np.concatenate(values) + known, np.concatenate(baseline) + known

    def _known_beforehand(self, systems: Sequence[System]) -> Float64[np.ndarray, "B F_prime"]:
        """What the systems themselves say of the properties and the model adds to (delta learning); else zero."""
        keys = self.card.baseline_keys
        if not keys:
            return np.zeros((len(systems), len(self.card.properties)))
        return np.array([[target_of(system, key) for key in keys] for system in systems])

    def dataset(self, systems: Sequence[System]) -> Dataset:
        """The systems as the model wants them: features joined, species checked, neighbours found.

        Arguments:
            systems: One system or more.

        Raises:
            EmpnetError: If a species was not in the training data.
        """
        for system in systems:
            self._refuse_unknown(system)
        joined = [system.join_features(self.card.features) for system in systems]
        return Dataset.from_systems(joined, self.card.architecture.cutoff)

    def _refuse_unknown(self, system: System) -> None:
        species = species_of(system)
        unknown = np.flatnonzero(~np.isin(species, self.card.species))
        if len(unknown):
            known = ", ".join(map(symbol, self.card.species))
            raise EmpnetError(
                f"particle {unknown[0]} is {symbol(species[unknown[0]])}, which the training data never had",
                where=system.origin,
                wanted=f"species among {known}",
                remedy="train with systems that have it (--from starts from this run)",
            )


def pieces(systems: Iterable[System]) -> Iterator[list[System]]:
    """Systems in order, in pieces whose particles are few enough to be predicted at once.

    Arguments:
        systems: The systems, lazily.

    Example:
        >>> [len(piece) for piece in pieces([System(np.random.rand(1000, 3))] * 5)]
        [2, 2, 1]
    """
    waiting: list[System] = []
    particles = 0
    for system in systems:
        if waiting and particles + len(system) > MAX_PAIRS // 20:
            yield waiting
            waiting, particles = [], 0
        waiting.append(system)
        particles += len(system)
    if waiting:
        yield waiting


def _each_system(systems: System | ase.Atoms | Iterable[System | ase.Atoms]) -> Iterator[System]:
    from ase import Atoms

    several = [systems] if isinstance(systems, System | Atoms) else systems
    for index, item in enumerate(several):
        yield check_geometry(item if isinstance(item, System) else from_atoms(item, Origin(frame=index)))


def load(run: str | Path) -> Predictor:
    """The trained model of a run folder.

    Arguments:
        run: The run folder.

    Raises:
        EmpnetError: If it is no run folder, or a file in it is damaged.

    Example:
        >>> import tempfile
        >>> from ase.build import molecule
        >>> from empnet.learn.train import train
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> run = train(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True).run
        >>> load(run).predict(molecule("H2O")).values.shape
        (1, 1)
    """
    model, card = load_model(run)
    return Predictor(model, card, str(run))
