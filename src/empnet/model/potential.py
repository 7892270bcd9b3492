"""Forces and stress of a model: exact derivatives of the energy that it predicts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.kernels.pairs import sum_per_system
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.label_spec import VOIGT

__all__ = ["Potential", "potential", "volumes"]


@dataclass(frozen=True, slots=True, eq=False)
class Potential:
    """Energies and their derivatives; U is the unit of the energy.

    Arguments:
        values: The properties of each system, the energy first, in U, shape (B, F'), float64.
        forces: -dE/dr in U per angstrom, shape (N, 3), float64; None if not asked for.
        stress: (1/V) dE / d strain in U per cubic angstrom, xx yy zz yz xz xy, positive where the system would shrink,
            as ASE has it, shape (B, 6), float64; nan for a system without a volume; None if not asked for.
        contributions: What each particle adds to the properties, in U, shape (N, F'), float64; None if not asked for.
    """

    values: Float64[Tensor, "B F_prime"]
    forces: Float64[Tensor, "N 3"] | None = None
    stress: Float64[Tensor, "B 6"] | None = None
    contributions: Float64[Tensor, "N F_prime"] | None = None


def potential(
    model: PropertyModel,
    batch: Batch,
    *,
    forces: bool = True,
    stress: bool = False,
    contributions: bool = False,
    graph: bool = False,
    kept: list[Tensor] | None = None,
) -> Potential:
    r"""The model's energies with their exact derivatives with respect to positions and strain.

    .. math::
        F_i = -\frac{\partial E}{\partial r_i}, \qquad
        \sigma = \frac{1}{V} \frac{\partial E}{\partial \epsilon} \Big|_{\epsilon = 0}
               = \frac{1}{V} \Big( \sum_i r_i \otimes \frac{\partial E}{\partial r_i}
                 + \sum_k a_k \otimes \frac{\partial E}{\partial a_k} \Big)

    E is the first of the model's properties; the strain takes positions r and lattice vectors a to
    :math:`r (1 + \epsilon)` and :math:`a (1 + \epsilon)`, and sigma is made symmetric. Only what is asked for is
    computed. It works for frozen models and under ``torch.no_grad``, but not in inference mode, which keeps no graph.

    References:
        First-principles calculation of stress, Nielsen and Martin, 1983, https://doi.org/10.1103/PhysRevLett.50.697

    Arguments:
        model: The model.
        batch: The systems; it stays as it is.
        forces: Whether forces are wanted.
        stress: Whether stress is wanted; the cells' derivative costs as much again as the forces.
        contributions: Whether the particles' contributions are wanted.
        graph: Keep the graph, for training on the derivatives, and for derivatives of higher order with respect to the
            batch's own positions and cells, if they want a gradient. In training call
            ``loss.backward(inputs=list(model.parameters()))``: without ``inputs``, a gradient of the positions is
            computed, too, and thrown away. Without a graph, the results are plain numbers.
        kept: A list that takes what the standard deviation is computed from: see
            :meth:`~empnet.model.property_model.PropertyModel.contributions`.

    Raises:
        RuntimeError: If derivatives are wanted in inference mode.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> model = empnet.PropertyModel(empnet.model.Architecture(n_species=1, pooling=("sum",)))
        >>> batch = collate([empnet.System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, empnet.OneHot([1]))
        >>> found = potential(model, batch)
        >>> found.values.shape, found.forces.shape, found.stress
        (torch.Size([1, 1]), torch.Size([2, 3]), None)
    """
    moves = forces or stress
    if moves and torch.is_inference_mode_enabled():
        raise RuntimeError("forces and stress: wanted a graph, which inference mode does not keep; use torch.no_grad")
    with torch.set_grad_enabled(graph or moves):
        positions = _variable(batch.positions, graph) if moves else batch.positions
        cells = _variable(batch.cells, graph) if stress and batch.cells is not None else batch.cells
        at = replace(batch, positions=positions, cells=cells) if moves else batch
        c = model.contributions(at, kept) if contributions else None
        values = model(at, kept) if c is None else model.pooled(c, at)
        found_forces = found_stress = None
        if moves:
            asked = [positions] if cells is None or not stress else [positions, cells]
            pulls = _pulls(values, asked, graph)
            found_forces = pulls[0] if forces else None
            found_stress = _stress(at, pulls) if stress else None
    found = Potential(values, found_forces, found_stress, c)
    return found if graph else _numbers(found)


def _numbers(found: Potential) -> Potential:
    return Potential(
        found.values.detach(),
        *(None if x is None else x.detach() for x in (found.forces, found.stress, found.contributions)),
    )


def _variable(x: Tensor, graph: bool) -> Tensor:
    """The tensor itself, if somebody differentiates with respect to it, else a variable of its own."""
    return x if graph and x.requires_grad else x.detach().requires_grad_()


def _pulls(values: Tensor, asked: list[Tensor], graph: bool) -> tuple[Tensor, ...]:
    """-dE/dx of positions, and of cells, E being the first column, whose systems do not depend on each other."""
    if not values.requires_grad:  # a frozen model that does not see positions at all
        return tuple(torch.zeros_like(x) for x in asked)
    minus = torch.zeros_like(values)
    minus[:, 0] = -1
    # an input may be unused: a model without interactions, cells of which no neighbour list has a shift
    return torch.autograd.grad(values, asked, minus, create_graph=graph, materialize_grads=True)


def _stress(at: Batch, pulls: tuple[Tensor, ...]) -> Float64[Tensor, "B 6"]:
    """From -dE/dr and -dE/da; nan for systems without a volume."""
    if at.cells is None:
        return pulls[0].new_full((at.n_systems, 6), float("nan"))
    virial = sum_per_system(at.positions[:, :, None] * pulls[0][:, None, :], at.system_of, at.n_systems)
    virial = virial + at.cells.mT @ pulls[1]
    V = volumes(at.cells)
    flat = V == 0  # filled before dividing, so that no gradient becomes nan, and after
    full = virial / (-2 * V.masked_fill(flat, 1))[:, None, None]
    rows, columns = VOIGT
    return (full[:, rows, columns] + full[:, columns, rows]).masked_fill(flat[:, None], float("nan"))


def volumes(cells: Float64[Tensor, "B 3 3"]) -> Float64[Tensor, " B"]:
    """Volume of each cell.

    Arguments:
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3).

    Returns:
        Cubic angstrom, shape (B,); zero for open systems.

    Example:
        >>> volumes(torch.tensor([[[2.0, 0, 0], [0, 3, 0], [1, 0, -1]]]).double()).tolist()
        [6.0]
    """
    return (torch.linalg.cross(cells[:, 0], cells[:, 1]) * cells[:, 2]).sum(1).abs()
