"""Predict with a trained model: the door for people who have systems or ase.Atoms at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from empnet.dataset.dataset import Dataset
from empnet.dataset.recipe import Recipe
from empnet.dataset.rows import rows_of, species_of
from empnet.errors import EmpnetError, nearest
from empnet.files.source import Data, iter_systems
from empnet.model.ensemble import Ensemble
from empnet.model.evaluator import Engine, Evaluator
from empnet.model.network import Network
from empnet.model.system_model import BatchPrediction
from empnet.prediction.outside import why_outside
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Outputs, Prediction
from empnet.system.batch import Batch
from empnet.system.checks import target_of
from empnet.system.one_hot import symbol
from empnet.system.spatial_order import in_given_order, sorted_in_space
from empnet.system.system import System
from empnet.training.forest.forest import Forest
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.ensemble_std import EnsembleStd
from empnet.training.uncertainty.rigidity import LastLayer

__all__ = ["Predictor"]


class Predictor:
    """A trained model ready for predictions; the first prediction freezes its current weights.

    Threads may share a predictor. Forked processes may share it, too; each computes on one thread.

    Arguments:
        model: The model, in evaluation mode.
        card: Card of the model: species, properties, units.
        run: The run folder, for messages.
        uncertainty: Predictor of standard deviations; None: there are none.
        forest: The forest beside a model of clouds or classes; None: there is none.
        temperature: Number by which logits of classes are divided.
        engine: What evaluates the network: see :class:`~empnet.model.evaluator.Evaluator`.

    Raises:
        EmpnetError: If the engine is not known.
    """

    def __init__(
        self,
        model: Network | Ensemble,
        card: ModelCard,
        run: str = "",
        uncertainty: LastLayer | EnsembleStd | None = None,
        forest: Forest | None = None,
        temperature: float = 1.0,
        engine: Engine = "auto",
    ) -> None:
        self.model, self.card, self.run, self.uncertainty = model, card, run, uncertainty
        self.forest, self.temperature = forest, temperature
        self._encoder, self._engine = card.encoder, engine

    @property
    def evaluator(self) -> Evaluator:
        """The model as it was at the first prediction; threads that make it at the same time all take the same one."""
        if (made := self.__dict__.get("_made")) is None:
            made = self.__dict__.setdefault("_made", Evaluator(self.model, self._engine))
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        units = ", ".join(f"{name} [{unit}]" for name, unit in zip(self.card.properties, self.card.units, strict=True))
        return f"Predictor({units} of systems of species {list(self.card.species)}, from '{self.run}')"

    def predict(
        self,
        systems: Data,
        *,
        forces: bool = False,
        stress: bool = False,
        energies: bool = False,
    ) -> Prediction:
        """Predict properties of one system or several; :class:`ase.Atoms` or the path of a file work, too.

        Arguments:
            systems: A system or atoms, any iterable of them, or the path of a file.
            forces: Whether to compute forces, the negative gradient of the first property.
            stress: Whether to compute stress.
            energies: Whether to return the particles' contributions to the first property.

        Returns:
            The predictions in the same order.

        Raises:
            EmpnetError: If a species was not in the training data, a geometry is invalid, or a system lacks the scalar
                that the model adds to (delta learning). If the property has no forces, or stress is requested for a
                system that does not repeat along all axes.

        Example:
            See :func:`~empnet.prediction.load.load`.
        """
        wanted = Outputs(forces, stress, energies, outside=True)
        wanted.refuse_impossible(self.card, self.run)
        parts = [self.predict_piece(piece, wanted) for piece in pieces(self._each(systems))]
        return Prediction.joined(parts, self.card, wanted)

    def stream(self, systems: Iterable[System]) -> Iterator[tuple[list[System], np.ndarray, np.ndarray]]:
        """Predict any number of systems in bounded memory.

        Arguments:
            systems: Any iterable of systems; it is read piece by piece.

        Returns:
            For each piece its systems, their predictions and their composition baseline, both of shape (B, F').
        """
        for piece in pieces(systems):
            found = self.predict_piece(piece)
            yield piece, found.values, found.baseline

    @torch.no_grad()
    def represent(self, systems: Data, name: str | None = None) -> Float64[np.ndarray, "B F"]:
        """Return the hidden values of whole systems.

        See :meth:`~empnet.model.property_model.PropertyModel.representation`.

        Arguments:
            systems: As for :meth:`predict`; all must fit into memory.
            name: Property whose pooling is used; default: the first.

        Returns:
            A row for each system, in the same order; without a unit.

        Raises:
            EmpnetError: If the model does not predict the property, or a species was not in the training data.
        """
        pooling = self.card.architecture.pooling[self.number_of(name)]
        listed = list(self._each(systems))
        if not listed:
            raise EmpnetError("no systems to represent", where=self.run, wanted="at least one")
        dataset, _ = self.sorted_dataset(listed)
        rows = [self.evaluator.model.representation(batch, pooling).numpy() for batch in self._batches(dataset)]
        return np.concatenate(rows)

    def _each(self, systems: Data) -> Iterator[System]:
        """Yield systems with valid geometry from any form of data."""
        return iter_systems(systems, warn=bool(self.card.baseline_keys))

    def number_of(self, name: str | None = None) -> int:
        """Return the number of a property; the first, if none is named.

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

    def sorted_dataset(self, systems: Sequence[System]) -> tuple[Dataset, list[np.ndarray]]:
        """Return a data set in which particles of large systems are sorted in space, for speed.

        Arguments:
            systems: One system or more.

        Returns:
            The systems, and the permutation that sorted each: see
            :func:`~empnet.system.spatial_order.in_given_order`.

        Raises:
            EmpnetError: As :meth:`dataset`.
        """
        cutoff = self.card.architecture.cutoff
        if self.card.preparation is not None:  # it keeps few points, in an order of its own
            return self.dataset(systems), [np.arange(len(system)) for system in systems]
        ordered, orders = zip(*(sorted_in_space(system, cutoff) for system in systems), strict=True)
        try:
            return self.dataset(ordered), list(orders)
        except EmpnetError:  # raised again with the particles' numbers in the given order
            return self.dataset(systems), [np.arange(len(system)) for system in systems]

    def _batches(self, dataset: Dataset) -> Iterator[Batch]:
        """Yield batches of the data set in order."""
        for chunk in dataset.chunks(np.arange(len(dataset))):
            yield dataset.batch(chunk, self._encoder, self.card.torch_dtype)

    def predict_piece(self, systems: Sequence[System], wanted: Outputs = Outputs()) -> Prediction:
        """Predict a piece of systems at once.

        Arguments:
            systems: One or more; all must fit into memory.
            wanted: Requested derivatives and parts; the model must have them.

        Raises:
            EmpnetError: If stress is requested for a system that does not repeat along all axes.
        """
        for system in systems:
            wanted.refuse_without_volume(system)
        dataset, orders = self.sorted_dataset(systems)
        found, known = self.predict_dataset(dataset, wanted), self._known_beforehand(systems)

        def given(rows: list[np.ndarray] | None) -> list[np.ndarray] | None:
            return rows and [in_given_order(values, order) for values, order in zip(rows, orders, strict=True)]

        return replace(
            found,
            values=found.values + known,
            baseline=found.baseline + known,
            forces=given(found.forces),
            energies=given(found.energies),
        )

    @torch.no_grad()
    def predict_one(self, dataset: Dataset, wanted: Outputs) -> tuple[BatchPrediction, float | None]:
        """Predict the only system of a data set, as often as molecular dynamics does: no more than what is wanted.

        Arguments:
            dataset: A data set of one system with this model's cutoff: see :meth:`dataset`.
            wanted: Requested derivatives; the model must have them.

        Returns:
            The prediction, particles being in the data set's order, and the first property's standard deviation; None
            if the run predicts none.
        """
        batch = dataset.batch(np.arange(1), self._encoder, self.card.torch_dtype)
        found = self.evaluator(batch, forces=wanted.forces, stress=wanted.stress)
        return found, None if self.uncertainty is None else float(self.uncertainty.std(found, batch)[0, 0])

    @torch.no_grad()
    def predict_dataset(self, dataset: Dataset, wanted: Outputs = Outputs()) -> Prediction:
        """Predict systems of a data set, without the baseline key of delta learning.

        Arguments:
            dataset: A data set with this model's cutoff: see :meth:`dataset`.
            wanted: Requested derivatives and parts; the model must have them.

        Returns:
            The predictions; particles are in the data set's order.
        """
        parts, sure = [], self.uncertainty
        spreads = [] if sure is None else [np.zeros((0, len(sure.limits)))]
        for batch in self._batches(dataset):
            found = self.evaluator(batch, forces=wanted.forces, stress=wanted.stress)
            ends = np.bincount(batch.system_of.numpy(), minlength=batch.n_systems).cumsum()[:-1]
            contributions = None if found.contributions is None else found.contributions[:, 0].numpy()
            spread = None if sure is None else sure.spread(found, batch)
            part = Prediction(
                found.values.numpy() / self.temperature,
                self.evaluator.model.composition_baseline(batch).numpy(),
                self.card.properties,
                self.card.units,
                None if found.forces is None else np.split(found.forces.numpy(), ends),
                None if found.stress is None else found.stress.numpy(),
                np.split(contributions, ends) if wanted.energies and contributions is not None else None,
                None if sure is None or spread is None or self.card.classes else sure.in_units(spread, found),
            )
            parts.append(part)
            spreads += [] if spread is None else [spread]
        joined = Prediction.joined(parts, self.card, replace(wanted, outside=False))
        if self.forest is not None:
            joined = replace(joined, baseline=self.forest.predict(dataset, np.arange(len(dataset))))
        if not wanted.outside:
            return joined
        spread, limits = (None, None) if sure is None else (np.concatenate(spreads), sure.limits)
        return replace(joined, outside=why_outside(self.card, dataset, spread, limits))

    def _known_beforehand(self, systems: Sequence[System]) -> Float64[np.ndarray, "B F_prime"]:
        """Return the baseline keys' values of the systems, which the model adds (delta learning); else zero."""
        keys = self.card.baseline_keys
        if not keys:
            return np.zeros((len(systems), len(self.card.properties)))
        return np.array([[target_of(system, key, "--baseline-key") for key in keys] for system in systems])

    def dataset(self, systems: Sequence[System]) -> Dataset:
        """Return a data set of systems: features joined, species checked, neighbours found.

        Arguments:
            systems: One system or more.

        Raises:
            EmpnetError: If a species was not in the training data.
        """
        for system in systems:
            self._refuse_unknown(system)
        card = self.card
        if card.preparation is None:
            joined = [system.join_features(card.features) for system in systems]
            return Dataset.from_systems(joined, card.architecture.cutoff)
        recipe = Recipe(card.properties, card.architecture.cutoff, card.features, preparation=card.preparation)
        return Dataset.from_rows([rows_of(system, recipe) for system in systems])

    def _refuse_unknown(self, system: System) -> None:
        species = species_of(system)
        unknown = np.flatnonzero(~np.isin(species, self.card.species))
        if len(unknown):
            known = ", ".join(map(symbol, self.card.species))
            raise EmpnetError(
                f"particle {unknown[0]} is {symbol(species[unknown[0]])}, which the training data do not have",
                where=system.origin,
                wanted=f"species among {known}",
                remedy="train on systems that have it (--from starts from this run)",
            )
