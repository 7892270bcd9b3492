"""A trained network in libempnet: energies, forces and virial without a graph."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.kernels import choose, reference
from empnet.kernels.autograd_pair_weights import SplineGrid
from empnet.model.interaction import Interaction
from empnet.model.property_model import PropertyModel
from empnet.native.library import address_of, is_built, native_of, threads
from empnet.native.structures import InteractionRecord, NeighbourRecord, NetworkRecord, Space
from empnet.system.batch import Batch

__all__ = ["Evaluated", "NativeNetwork", "Weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Results of an evaluation; U is the unit of the first property.

    Arguments:
        hidden: Input of the readout's last, linear layer, shape (N, F).
        contributions: Each particle's part of the properties, shape (N, F'), float64.
        forces: -dE/dr in U per angstrom, shape (N, 3), float64; None if not requested.
        virial: dE / d strain in U, shape (B, 3, 3), float64; None if not requested.
    """

    hidden: Float[Tensor, "N F"]
    contributions: Float64[Tensor, "N F_prime"]
    forces: Float64[Tensor, "N 3"] | None = None
    virial: Float64[Tensor, "B 3 3"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """An evaluation: what libempnet takes after the network's number, and the results, not yet written.

    Arguments:
        given: List, space, systems, and features.
        forces: Where forces are written, which the virial needs, too; None if neither is wanted.
        results: The results.
    """

    given: tuple[Any, ...]
    forces: Tensor | None
    results: Evaluated

    @property
    def arguments(self) -> tuple[Any, ...]:
        """All that libempnet takes after the network's number."""
        found = self.results
        return (*self.given, found.hidden, found.contributions, self.forces, found.virial, threads())


class NativeNetwork:
    """A network whose weights libempnet has copied: it is evaluated in one call, forward and backward by hand.

    The formulas are those of :class:`~empnet.model.property_model.PropertyModel`, which is the reference. Threads may
    share it.

    Arguments:
        model: The network; later changes of its weights have no effect.

    Raises:
        ValueError: If libempnet does not serve it: see :meth:`serves`.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> model = PropertyModel(empnet.model.Architecture(n_species=1, pooling=("sum",), moments=2))
        >>> batch = collate([empnet.System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, empnet.OneHot([1]))
        >>> if NativeNetwork.serves(model):
        ...     found = NativeNetwork(model).evaluate(batch)
        ...     assert torch.allclose(found.contributions, model.contributions(batch))
    """

    def __init__(self, model: PropertyModel) -> None:
        if not self.serves(model):
            raise ValueError("wanted libempnet built, and a network of particles on the CPU in float32 or float64")
        self.dtype, self._architecture = model.dtype, model.architecture
        with torch.no_grad():
            record = Weights.of(model).record(model)
            self.number = native_of("make_network", self.dtype)(record)
        weakref.finalize(self, native_of("free_network", self.dtype), self.number)

    @staticmethod
    def serves(model: object) -> bool:
        """Return whether libempnet is there, knows the network, and is the kernel in use.

        Arguments:
            model: Any model; of a subclass nothing is known.
        """
        if type(model) is not PropertyModel or not is_built():
            return False
        return choose(model.baseline.device, model.dtype) is not reference

    def take(self, weights: Weights, model: PropertyModel) -> None:
        """Take other weights in place of those before.

        Arguments:
            weights: All weights.
            model: Their model, for its sizes, baseline and scale, which must be those of the model before.
        """
        native_of("set_network", self.dtype)(self.number, weights.record(model), threads())

    def evaluate(self, batch: Batch, *, forces: bool = False, virial: bool = False) -> Evaluated:
        """Return contributions of particles, and the derivatives of the sum of the first property.

        Arguments:
            batch: The systems.
            forces: Whether to compute forces.
            virial: Whether to compute the virial, too.
        """
        task = self.task(batch, forces=forces, virial=virial)
        native_of("evaluate", self.dtype)(self.number, *task.arguments)
        return task.results

    def task(self, batch: Batch, *, forces: bool = False, virial: bool = False) -> Task:
        """Return an evaluation to be done: what libempnet takes, and where it writes.

        Arguments:
            batch: The systems.
            forces: Whether to compute forces.
            virial: Whether to compute the virial, too.
        """
        N, a = len(batch.system_of), self._architecture
        new = {"dtype": torch.float64}
        hidden = torch.empty((N, a.width), dtype=self.dtype)
        contributions = torch.empty((N, len(a.pooling)), **new)  # type: ignore[call-overload]
        F = torch.empty((N, 3), **new) if forces or virial else None  # type: ignore[call-overload]
        W = torch.empty((batch.n_systems, 3, 3), **new) if virial else None  # type: ignore[call-overload]
        space = Space.of(batch.pairs, batch.positions, batch.cells, batch.system_of)
        given = NeighbourRecord.of(batch.pairs), space, batch.system_of, batch.n_systems, batch.features.contiguous()
        return Task(given, F, Evaluated(hidden, contributions, F if forces else None, W))


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """All weights of a network, by their names in ``functions.h``; with a graph where torch keeps one.

    Arguments:
        ends: Those of the embedding and of the readout.
        interactions: Those of each interaction; None where it has none.
    """

    ends: dict[str, Tensor | None]
    interactions: list[dict[str, Tensor | None]]

    @classmethod
    def of(cls, model: PropertyModel) -> Weights:
        """Return the weights of a model; filters are tables.

        Arguments:
            model: The network.
        """
        first, last = model.readout[0], model.readout[-1]
        ends: dict[str, Any] = {
            "embedding": model.embedding.weight,
            "readout_1": first.weight,
            "readout_1_bias": first.bias,
        }
        ends |= {"readout_2": last.weight, "readout_2_bias": last.bias}
        return cls(
            ends, [_interaction_weights(*each) for each in zip(model.interactions, model.filter_tables(), strict=True)]
        )

    @property
    def _groups(self) -> list[dict[str, Tensor | None]]:
        return [self.ends, *self.interactions]

    @property
    def tensors(self) -> list[Tensor]:
        """All weights that there are, in a fixed order."""
        return [x for group in self._groups for x in group.values() if x is not None]

    def replaced(self, tensors: Iterable[Tensor]) -> Weights:
        """Return other tensors in the places of these.

        Arguments:
            tensors: As many as :attr:`tensors`, in that order.
        """
        new = iter(tensors)
        groups = [{name: None if x is None else next(new) for name, x in group.items()} for group in self._groups]
        return Weights(groups[0], groups[1:])

    def record(self, model: PropertyModel) -> NetworkRecord:
        """Return the record of a network with these weights, which keeps the tensors that it points to.

        Arguments:
            model: The network, for its sizes, baseline and scale.
        """
        a, kept = model.architecture, []

        def at(x: Tensor | None, dtype: torch.dtype) -> int | None:
            if x is None:
                return None
            kept.append(x.detach().contiguous())
            return address_of(kept[-1], dtype)

        records = (InteractionRecord * len(self.interactions))(
            *(InteractionRecord(**{name: at(x, model.dtype) for name, x in each.items()}) for each in self.interactions)
        )
        numbers = (
            a.layers,
            a.width,
            model.embedding.in_features,
            a.n_species,
            len(a.pooling),
            len(model.spline.knots) + 2,
        )
        record = NetworkRecord(
            a.moments,
            *numbers,
            SplineGrid.of(model.spline).record,
            ctypes.addressof(records),
            **{name: at(x, model.dtype) for name, x in self.ends.items()},
            baseline=at(model.baseline, torch.float64),
            scale=at(model.scale, torch.float64),
        )
        record.kept = records, kept  # type: ignore[attr-defined]
        return record


def _interaction_weights(each: Any, table: Any) -> dict[str, Tensor | None]:
    """Return the weights of an interaction by their names in ``empnet_interaction``."""
    psi_1, psi_2 = each.psi[0], each.psi[-1]
    weights = {"W": each.W.weight, "psi_1": psi_1.weight, "psi_1_bias": psi_1.bias}
    weights |= {"psi_2": psi_2.weight, "psi_2_bias": psi_2.bias}
    if isinstance(each, Interaction):
        own, phi = table
        maps = {"W_1": each.W_1.weight, "W_2": each.W_2.weight} if each.products else {}
        return {**weights, **maps, "own": own, "phi": phi}
    gates = {} if each.gate is None else {"gate": each.gate.weight, "gate_bias": each.gate.bias}
    return {**weights, **gates, "own": each.own, "W_l": each.W_l, "phi": table.phi, "chi": table.chi}
