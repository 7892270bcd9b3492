"""Predictions of a trained model: by libempnet in one call where it serves the model, else by torch."""

from __future__ import annotations

from typing import Any, Literal, get_args

from empnet.errors import EmpnetError
from empnet.model.energy_derivatives import energy_and_derivatives, stress_of_virial
from empnet.model.ensemble import Ensemble, mean_prediction, members_of
from empnet.model.native_network import NativeNetwork
from empnet.model.network import Network
from empnet.model.property_model import PropertyModel
from empnet.model.system_model import BatchPrediction
from empnet.system.batch import Batch

__all__ = ["Engine", "Evaluator"]

Engine = Literal["auto", "native", "torch"]


class Evaluator:
    """A model with its present weights, ready for predictions.

    Arguments:
        model: The model or ensemble.
        engine: ``"native"``: libempnet evaluates the network, forward and backward in one call; ``"torch"``: torch
            does, with a graph for derivatives; ``"auto"``: libempnet where it serves the model. Both give the same
            numbers but for rounding.

    Raises:
        EmpnetError: If the engine is not known, or libempnet is wanted and does not serve the model.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> model = PropertyModel(empnet.model.Architecture(n_species=1, pooling=("sum",)))
        >>> batch = collate([empnet.System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, empnet.OneHot([1]))
        >>> Evaluator(model, "torch")(batch, forces=True).forces.shape
        torch.Size([2, 3])
    """

    def __init__(self, model: Network | Ensemble, engine: Engine = "auto") -> None:
        if engine not in get_args(Engine):
            raise EmpnetError(f"engine '{engine}' is not known", wanted="auto, native or torch")
        self.model, self._engine = model.frozen(), engine
        self._natives = self._in_libempnet()

    def _in_libempnet(self) -> list[NativeNetwork] | None:
        """Return the members in libempnet; None if torch evaluates them."""
        members = members_of(self.model)
        served = all(map(NativeNetwork.serves, members))
        if self._engine == "native" and not served:
            raise EmpnetError(
                "engine 'native' does not serve this model",
                wanted="a network of particles in float32 or float64 on a CPU, with libempnet built",
                remedy="engine 'auto' uses torch for it; empnet --version shows whether libempnet is built",
            )
        if self._engine == "torch" or not served:
            return None
        return [NativeNetwork(each) for each in members if isinstance(each, PropertyModel)]

    @property
    def engine(self) -> str:
        """Name of the engine in use: ``"native"`` or ``"torch"``."""
        return "torch" if self._natives is None else "native"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickles and copies: what is in libempnet's memory is made anew."""
        return {"model": self.model, "_engine": self._engine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._natives = self._in_libempnet()

    def __call__(self, batch: Batch, *, forces: bool = False, stress: bool = False) -> BatchPrediction:
        """Return values, contributions, and the derivatives of the first property that are requested.

        Arguments:
            batch: The systems.
            forces: Whether to compute forces.
            stress: Whether to compute stress.
        """
        extensive = self.model.architecture.pooling[0] == "sum"
        if self._natives is None or ((forces or stress) and not extensive):
            return energy_and_derivatives(self.model, batch, forces=forces, stress=stress)
        models = members_of(self.model)
        found = [self._member(*each, batch, forces, stress) for each in zip(models, self._natives, strict=True)]  # type: ignore[arg-type]
        return found[0] if not isinstance(self.model, Ensemble) else mean_prediction(found)

    def _member(
        self, model: PropertyModel, native: NativeNetwork, batch: Batch, forces: bool, stress: bool
    ) -> BatchPrediction:
        found = native.evaluate(batch, forces=forces, virial=stress)
        sigma = None if found.virial is None else stress_of_virial(found.virial, batch.cells)
        values = model.pooled(found.contributions, batch)
        return BatchPrediction(values, found.contributions, found.hidden, forces=found.forces, stress=sigma)
