"""Predictions to train on: libempnet's, with gradients by all weights, where it serves the model; else torch's."""

from __future__ import annotations

import threading
import weakref
from collections.abc import MutableMapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from empnet.model.energy_derivatives import energy_and_derivatives, stress_of_virial
from empnet.model.native_network import NativeNetwork, Task, Weights
from empnet.model.network import Network
from empnet.model.property_model import PropertyModel
from empnet.model.system_model import BatchPrediction
from empnet.native.library import native_of
from empnet.system.batch import Batch

__all__ = ["trainable_prediction"]


class _Networks(threading.local):
    """The network in libempnet of each model in training: its memory serves step after step.

    Each thread has its own, since a step begins with new weights, which must not change under another's step.
    """

    def __init__(self) -> None:
        self.of: MutableMapping[PropertyModel, NativeNetwork] = weakref.WeakKeyDictionary()


_NETWORKS = _Networks()


def trainable_prediction(
    model: Network, batch: Batch, *, forces: bool = False, stress: bool = False
) -> BatchPrediction:
    r"""Return a model's predictions with a graph to its weights, to which a loss may be applied.

    .. math::
        \frac{d L}{d \theta} = \frac{\partial}{\partial \theta} \Big[ \sum_j g_{c,j} \, c_j
        + \frac{d}{d \varepsilon} E(r - \varepsilon \, g_F) \Big|_{\varepsilon = 0} \Big],
        \qquad g_c = \frac{\partial L}{\partial c}, \quad g_F = \frac{\partial L}{\partial F}

    with the contributions c and the forces F: libempnet evaluates the network and both derivatives in one pass each
    (``native/source/training.cpp``). The filters' tables stay in torch's graph. Second derivatives by weights are left
    to :func:`~empnet.model.energy_derivatives.energy_and_derivatives`, which is the reference.

    Arguments:
        model: The model in training.
        batch: The systems.
        forces: Whether to compute forces.
        stress: Whether to compute stress.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> model = PropertyModel(empnet.model.Architecture(n_species=1, pooling=("sum",)))
        >>> batch = collate([empnet.System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, empnet.OneHot([1]))
        >>> trainable_prediction(model, batch, forces=True).forces.square().sum().backward()
        >>> bool(model.embedding.weight.grad.any())
        True
    """
    if not _served(model, batch, forces or stress):
        return energy_and_derivatives(model, batch, forces=forces, stress=stress, graph=True)
    assert isinstance(model, PropertyModel)  # own invariant: nothing else is served
    network = _NETWORKS.of.get(model)
    if network is None or network.dtype != model.dtype:
        network = _NETWORKS.of[model] = NativeNetwork(model)
    weights = Weights.of(model)
    c, h, F, virial = _Pass.apply(network, model, weights, batch, forces, stress, *weights.tensors)  # type: ignore[no-untyped-call]
    sigma = None if virial is None else stress_of_virial(virial, batch.cells)
    return BatchPrediction(model.pooled(c, batch), c, h, forces=F, stress=sigma)


def _served(model: Network, batch: Batch, derivatives: bool) -> bool:
    """Return whether libempnet can take the step."""
    if not NativeNetwork.serves(model) or batch.positions.requires_grad:
        return False
    return not derivatives or model.architecture.pooling[0] == "sum"


class _Step:
    """A step of libempnet, which keeps its numbers until the gradients are computed."""

    def __init__(self, network: NativeNetwork, task: Task) -> None:
        self.network = network
        self._number = native_of("begin_step", network.dtype)(network.number, *task.arguments)
        # libempnet reads the given arrays again; to keep the results, whose graph holds this step, would be a cycle
        self.end = weakref.finalize(self, _end_step, network, self._number, task.given)

    def gradients(self, g: list[Tensor | None], into: Any) -> None:
        """Write the gradients by all weights, from those by contributions, forces and virial."""
        if not self.end.alive:
            raise RuntimeError("the gradients of a step can be computed once: its numbers are no longer kept")
        given = [None if x is None else x.contiguous() for x in g]
        native_of("gradients", self.network.dtype)(self.network.number, self._number, *given, into)
        self.end()


def _end_step(network: NativeNetwork, number: int, given: tuple[Any, ...]) -> None:
    native_of("end_step", network.dtype)(network.number, number)


class _Pass(torch.autograd.Function):
    """Contributions, hidden features, forces and virial as a function of all weights."""

    @staticmethod
    def forward(
        ctx: Any,
        network: NativeNetwork,
        model: PropertyModel,
        weights: Weights,
        batch: Batch,
        forces: bool,
        stress: bool,
        *tensors: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Evaluate the network with the present weights."""
        network.take(weights, model)
        task = network.task(batch, forces=forces, virial=stress)
        ctx.step, ctx.weights, ctx.model = _Step(network, task), weights, model
        ctx.save_for_backward(*tensors)  # so that torch notices a change in place before the gradients are computed
        ctx.set_materialize_grads(False)
        found = task.results
        ctx.mark_non_differentiable(found.hidden)
        return found.contributions, found.hidden, found.forces, found.virial

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, g_c: Tensor | None, _: None, g_F: Tensor | None, g_W: Tensor | None) -> Any:
        """Return the gradients by all weights."""
        gradients = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in ctx.saved_tensors]
        ctx.step.gradients([g_c, g_F, g_W], ctx.weights.replaced(gradients).record(ctx.model))
        return (None,) * 6 + tuple(gradients)
