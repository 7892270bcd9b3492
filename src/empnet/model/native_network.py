"""A trained network in libempnet: energies, forces and virial without a graph."""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.kernels.autograd_pair_weights import SplineGrid
from empnet.model.interaction import Interaction
from empnet.model.moment_interaction import MomentInteraction
from empnet.model.property_model import PropertyModel
from empnet.native.library import SUFFIX, address_of, is_built, native_of, threads
from empnet.native.structures import InteractionRecord, NeighbourRecord, NetworkRecord, Space
from empnet.system.batch import Batch

__all__ = ["Evaluated", "NativeNetwork"]

WIDEST = 1024
"""Largest width in libempnet, in which the filters of a pair lie beside each other (``WIDEST`` in pair_sums.hpp)."""


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
            record, kept = _network_record(model)
            self._number = native_of("make_network", self.dtype)(record)
        del kept  # the library has its own copies
        weakref.finalize(self, native_of("free_network", self.dtype), self._number)

    @staticmethod
    def serves(model: object) -> bool:
        """Return whether libempnet is there and knows the network.

        Arguments:
            model: Any model; of a subclass nothing is known.
        """
        fits = type(model) is PropertyModel and model.dtype in SUFFIX and model.architecture.width <= WIDEST
        return fits and model.baseline.device.type == "cpu" and is_built()  # type: ignore[attr-defined]

    def evaluate(self, batch: Batch, *, forces: bool = False, virial: bool = False) -> Evaluated:
        """Return contributions of particles, and the derivatives of the sum of the first property.

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
        native_of("evaluate", self.dtype)(self._number, *given, hidden, contributions, F, W, threads())
        return Evaluated(hidden, contributions, F if forces else None, W)


def _network_record(model: PropertyModel) -> tuple[NetworkRecord, list[object]]:
    """Return the record of a network, and what its addresses point to."""
    a, dtype = model.architecture, model.dtype
    kept: list[object] = []

    def at(x: Tensor | None, dtype: torch.dtype = dtype) -> int | None:
        if x is None:
            return None
        kept.append(x.detach().contiguous())
        return address_of(kept[-1], dtype)  # type: ignore[arg-type]

    basis = model.basis_at_knots()
    interactions = [_interaction_weights(each, basis) for each in model.interactions]  # type: ignore[arg-type]
    records = (InteractionRecord * len(interactions))(
        *(InteractionRecord(**{name: at(weight) for name, weight in each.items()}) for each in interactions)
    )
    kept.append(records)
    first, last = model.readout[0], model.readout[-1]
    record = NetworkRecord(
        a.moments,
        a.layers,
        a.width,
        model.embedding.in_features,
        a.n_species,
        len(a.pooling),
        len(model.spline.knots) + 2,
        SplineGrid.of(model.spline).record,
        ctypes.addressof(records),
        *(at(x) for x in (model.embedding.weight, first.weight, first.bias, last.weight, last.bias)),  # type: ignore[arg-type]
        at(model.baseline, torch.float64),
        at(model.scale, torch.float64),
    )
    return record, kept


def _interaction_weights(each: Interaction | MomentInteraction, basis: Tensor) -> dict[str, Tensor | None]:
    """Return the weights of an interaction by their names in ``empnet_interaction``."""
    psi_1, psi_2 = each.psi[0], each.psi[-1]
    weights = {"W": each.W.weight, "psi_1": psi_1.weight, "psi_1_bias": psi_1.bias}
    weights |= {"psi_2": psi_2.weight, "psi_2_bias": psi_2.bias}
    if isinstance(each, Interaction):
        own, phi = each.filter_table(basis)
        maps = {"W_1": each.W_1.weight, "W_2": each.W_2.weight} if each.products else {}
        return {**weights, **maps, "own": own, "phi": phi}  # type: ignore[dict-item]
    filters, gate = each.filter_table(basis), each.gate
    gates = {} if gate is None else {"gate": gate.weight, "gate_bias": gate.bias}
    return {**weights, **gates, "own": each.own, "W_l": each.W_l, "phi": filters.phi, "chi": filters.chi}  # type: ignore[dict-item]
