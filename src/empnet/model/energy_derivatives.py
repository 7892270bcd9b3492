"""Forces and stress of a model: exact derivatives of the predicted energy."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.kernels.pairs import sum_per_system
from empnet.model.system_model import BatchPrediction, SystemModel
from empnet.system.batch import Batch
from empnet.system.label_spec import VOIGT

__all__ = ["energy_and_derivatives", "stress_of_virial", "volumes"]


def energy_and_derivatives(
    model: SystemModel,
    batch: Batch,
    *,
    forces: bool = True,
    stress: bool = False,
    graph: bool = False,
) -> BatchPrediction:
    r"""Compute a model's energies and their exact derivatives with respect to positions and strain.

    .. math::
        F_i = -\frac{\partial E}{\partial r_i}, \qquad
        \sigma = \frac{1}{V} \frac{\partial E}{\partial \epsilon} \Big|_{\epsilon = 0}
               = \frac{1}{V} \Big( \sum_i r_i \otimes \frac{\partial E}{\partial r_i}
                 + \sum_k a_k \otimes \frac{\partial E}{\partial a_k} \Big)

    E is the first of the model's properties; the strain takes positions r and lattice vectors a to
    :math:`r (1 + \epsilon)` and :math:`a (1 + \epsilon)`, and sigma is made symmetric. Only requested
    derivatives are computed. This works for frozen models and under ``torch.no_grad``, but not in inference mode, which
    keeps no graph.

    References:
        First-principles calculation of stress, Nielsen and Martin, 1983, https://doi.org/10.1103/PhysRevLett.50.697

    Arguments:
        model: The model.
        batch: The systems; it is not changed.
        forces: Whether to compute forces.
        stress: Whether to compute stress; the derivative of the cells costs as much again as the forces.
        graph: Keep the graph, for training on the derivatives, and for derivatives of higher order with respect to the
            batch's own positions and cells if they require a gradient. In training call
            ``loss.backward(inputs=list(model.parameters()))``: without ``inputs``, a gradient of the positions is
            computed, too, and thrown away. Without a graph, the results are detached.

    Raises:
        RuntimeError: If derivatives are requested in inference mode.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> model = empnet.PropertyModel(empnet.model.Architecture(n_species=1, pooling=("sum",)))
        >>> batch = collate([empnet.System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, empnet.OneHot([1]))
        >>> result = energy_and_derivatives(model, batch)
        >>> result.values.shape, result.forces.shape, result.stress
        (torch.Size([1, 1]), torch.Size([2, 3]), None)
    """
    differentiated = forces or stress
    if differentiated and torch.is_inference_mode_enabled():
        raise RuntimeError("forces and stress: wanted a graph, which inference mode does not keep; use torch.no_grad")
    with torch.set_grad_enabled(graph or differentiated):
        positions = _variable(batch.positions, graph) if differentiated else batch.positions
        cells = _variable(batch.cells, graph) if stress and batch.cells is not None else batch.cells
        at = replace(batch, positions=positions, cells=cells) if differentiated else batch
        found = model.predict(at)
        if differentiated:
            variables = [positions] if cells is None or not stress else [positions, cells]
            negative = _negative_gradients(found.values, variables, graph)
            F, sigma = negative[0] if forces else None, _stress(at, negative) if stress else None
            found = replace(found, forces=F, stress=sigma)
    return found if graph else found.detach()


def _variable(x: Tensor, graph: bool) -> Tensor:
    """Return the tensor itself if the caller differentiates with respect to it, else a new variable."""
    return x if graph and x.requires_grad else x.detach().requires_grad_()


def _negative_gradients(values: Tensor, variables: list[Tensor], graph: bool) -> tuple[Tensor, ...]:
    """Return -dE/dx of positions and cells; E is the first column of the values."""
    if not values.requires_grad:  # a frozen model that does not depend on positions
        return tuple(torch.zeros_like(x) for x in variables)
    # systems do not depend on each other, so one backward pass serves all
    minus = torch.zeros_like(values)
    minus[:, 0] = -1
    # an input may be unused: a model without interactions, or cells without a shift in any neighbour list
    return torch.autograd.grad(values, variables, minus, create_graph=graph, materialize_grads=True)


def _stress(at: Batch, negative: tuple[Tensor, ...]) -> Float64[Tensor, "B 6"]:
    """Return the stress from -dE/dr and -dE/da; nan for systems without a volume."""
    if at.cells is None:
        return negative[0].new_full((at.n_systems, 6), float("nan"))
    virial = sum_per_system(at.positions[:, :, None] * negative[0][:, None, :], at.system_of, at.n_systems)
    return stress_of_virial(-(virial + at.cells.mT @ negative[1]), at.cells)


def stress_of_virial(
    virial: Float64[Tensor, "B 3 3"], cells: Float64[Tensor, "B 3 3"] | None
) -> Float64[Tensor, "B 6"]:
    r"""Return the stress, :math:`\sigma = \frac{1}{V} \frac{\partial E}{\partial \epsilon}`, made symmetric.

    Arguments:
        virial: dE / d strain, shape (B, 3, 3), float64.
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3); None if nothing repeats.

    Returns:
        xx yy zz yz xz xy, shape (B, 6); nan for systems without a volume.

    Example:
        >>> stress_of_virial(torch.eye(3).double()[None], 2 * torch.eye(3).double()[None]).tolist()
        [[0.125, 0.125, 0.125, 0.0, 0.0, 0.0]]
    """
    if cells is None:
        return virial.new_full((len(virial), 6), float("nan"))
    V = volumes(cells)
    flat = V == 0  # masked before the division, so that no gradient becomes nan, and after it
    full = virial / (2 * V.masked_fill(flat, 1))[:, None, None]
    rows, columns = VOIGT
    return (full[:, rows, columns] + full[:, columns, rows]).masked_fill(flat[:, None], float("nan"))


def volumes(cells: Float64[Tensor, "B 3 3"]) -> Float64[Tensor, " B"]:
    """Return the volume of each cell.

    Arguments:
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3).

    Returns:
        Volumes in cubic angstrom, shape (B,); zero for open systems.

    Example:
        >>> volumes(torch.tensor([[[2.0, 0, 0], [0, 3, 0], [1, 0, -1]]]).double()).tolist()
        [6.0]
    """
    return (torch.linalg.cross(cells[:, 0], cells[:, 1]) * cells[:, 2]).sum(1).abs()
