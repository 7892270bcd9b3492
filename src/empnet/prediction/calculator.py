"""A trained model as an ASE calculator: energies, forces and stress for optimisers and dynamics."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.model.evaluator import Engine
from empnet.prediction.load import load
from empnet.prediction.prediction import Outputs
from empnet.prediction.predictor import Predictor
from empnet.system.atoms import from_atoms
from empnet.system.checks import check_geometry
from empnet.system.one_hot import symbol
from empnet.system.spatial_order import in_given_order
from empnet.system.units import convert, parse_unit

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EMPNetCalculator"]


class EMPNetCalculator(Calculator):
    """Energies and their exact derivatives for ASE, in its units: eV, eV/angstrom, eV/angstrom^3.

    ``energies`` are the particles' contributions, composition baseline included. Once forces or stress have been
    requested, each later call computes them with the energy. Neighbours are found at each call.
    ``results["energy_std"]`` is the energy's standard deviation in eV, if the run predicts one. Threads that share a
    calculator take turns; for parallel work, give each thread a calculator of the same predictor.

    Arguments:
        run: The run folder, or a predictor that was loaded from one.
        close: Reaction to two particles that are nearer to each other than any two of their species in training:
            ``"warn"`` once, or ``"error"``.
        engine: ``"auto"``, ``"native"`` (libempnet) or ``"torch"``: see :class:`~empnet.model.evaluator.Evaluator`;
            a predictor has its own.

    Raises:
        EmpnetError: If the run's first property is not an energy, or is a mean over particles. In calculations, if a
            species was not in the training data, or stress is requested for a system that does not repeat along all
            axes.

    Example:
        >>> from ase.build import molecule
        >>> from empnet.training.run.model_file import ModelCard
        >>> card = ModelCard(empnet.model.Architecture(n_species=2, pooling=("sum",)), (1, 8), ("energy",), ("eV",))
        >>> water = molecule("H2O")
        >>> water.calc = EMPNetCalculator(Predictor(card.build(), card))
        >>> water.get_forces().shape
        (3, 3)
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(
        self,
        run: str | os.PathLike[str] | Predictor,
        *,
        close: Literal["warn", "error"] = "warn",
        engine: Engine = "auto",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if close not in ("warn", "error"):
            raise EmpnetError(f"close '{close}' is not known", wanted="warn or error")
        self.predictor = run if isinstance(run, Predictor) else load(run, engine)
        self.close = close
        self._one_at_a_time = threading.RLock()
        self._warned = False
        self._wanted = Outputs(energies=True)
        self._wanted.refuse_impossible(self.predictor.card, self.predictor.run)
        self._factor = self._to_electronvolt()

    def _to_electronvolt(self) -> float:
        card, run = self.predictor.card, self.predictor.run
        name, unit = card.properties[0], card.units[0]
        try:
            kind = parse_unit(unit).kind
        except EmpnetError:
            kind = "none that is known"
        if kind != "an energy":
            remedy = "name its unit in training, with --unit" if kind.startswith("none") else ""
            raise EmpnetError(f"the unit of '{name}' is {kind} ({unit})", where=run, wanted="an energy", remedy=remedy)
        return convert(1.0, unit, "eV")

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the lock, for pickles and copies."""
        return {name: value for name, value in self.__dict__.items() if name != "_one_at_a_time"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _one_at_a_time=threading.RLock())

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        """Return a result, one thread at a time, because the calculator keeps its results.

        Arguments:
            name: One of :attr:`implemented_properties`.
            atoms: The system.
            allow_calculation: Whether to compute a missing result; if not, None is returned.
        """
        with self._one_at_a_time:
            return super().get_property(name, atoms, allow_calculation)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute outdated results, for ASE.

        Arguments:
            atoms: The system.
            properties: Requested results, of :attr:`implemented_properties`.
            system_changes: Changes since the last call.
        """
        super().calculate(atoms, properties, system_changes)
        system = check_geometry(from_atoms(self.atoms))
        Outputs(stress="stress" in properties).refuse_without_volume(system)
        asked = self._wanted
        self._wanted = Outputs(asked.forces or "forces" in properties, asked.stress or "stress" in properties, True)
        dataset, (order,) = self.predictor.sorted_dataset([system])
        self._look_at_distances(dataset)
        wanted = Outputs(self._wanted.forces, self._wanted.stress and all(system.pbc), True)
        found, std = self.predictor.predict_one(dataset, wanted)
        energy = float(found.values[0, 0]) * self._factor
        self.results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        energies = None if found.contributions is None else found.contributions[:, 0]
        for name, rows in (("energies", energies), ("forces", found.forces)):
            if rows is not None:
                self.results[name] = in_given_order(rows.numpy(), order) * self._factor
        if std is not None:
            self.results["energy_std"] = std * self._factor
        if found.stress is not None:
            self.results["stress"] = found.stress[0].numpy() * self._factor

    def _look_at_distances(self, dataset: Dataset) -> None:
        """Warn or raise if two particles are nearer to each other than any in training."""
        seen = self.predictor.card.seen
        if seen is None or self._warned:
            return
        near = seen.too_near(dataset)
        if not near:
            return
        (a, b), d = near[0]
        shortest = min((low for low, _ in seen.ranges.get((a, b), ())), default=np.inf)
        known = f"nearer than {shortest:g}" if np.isfinite(shortest) else "within the cutoff"
        text = f"{symbol(a)} and {symbol(b)} are {d:.3f} angstrom apart; in the training data they were never {known}"
        if self.close == "error":
            raise EmpnetError(text, where=self.predictor.run, remedy="predictions there are guesses")
        self._warned = True
        warnings.warn(f"{text}: predictions there are guesses (said once)", stacklevel=2)
