"""Layers and predictors that break a symmetry on purpose, for comparison with the invariant ones.

Each has the signature of its invariant counterpart and can be trained in the same way.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.kernels.pairs import distances
from empnet.model.message_passing import MessagePassingLayer
from empnet.model.perceptron import perceptron
from empnet.model.pointwise import HIDDEN, PointwiseConvolutionLayer, check_mask, check_values
from empnet.model.property_predictor import PropertyPredictor
from empnet.studies.networks.handedness import signed_volumes

__all__ = ["READOUTS", "FilterPerPairLayer", "MarkedPredictor", "MixingLayer", "marked", "n_marks"]

READOUTS = ("sum", "flatten")


def n_marks(*, coordinates: bool, labels: bool, handedness: bool) -> int:
    """Return the number of columns that :func:`marked` adds.

    Example:
        >>> n_marks(coordinates=True, labels=False, handedness=True)
        4
    """
    return 3 * coordinates + labels + handedness


def marked(
    r_batch: Float[Tensor, "B N 3"],
    f_batch: Float[Tensor, "B N F"],
    *,
    coordinates: bool = False,
    labels: bool = False,
    handedness: bool = False,
    mask: Tensor | None = None,
) -> Float[Tensor, "B N F_marks"]:
    """Return features with additional columns that break a symmetry.

    Arguments:
        r_batch: Positions in angstrom, shape (B, N, 3).
        f_batch: Features of the particles, shape (B, N, F).
        coordinates: Add the position, which breaks rotation and translation.
        labels: Add the slot's number, j / N, which breaks permutation.
        handedness: Add :func:`~empnet.studies.networks.handedness.signed_volumes`, which breaks reflection.
        mask: True where a slot holds a particle, shape (B, N), bool; None: all of them.

    Returns:
        Features, then the marks in this order, in the features' dtype.

    Example:
        >>> marked(torch.ones(1, 2, 3), torch.zeros(1, 2, 1), labels=True).tolist()
        [[[0.0, 0.0], [0.0, 0.5]]]
    """
    B, N = r_batch.shape[:2]
    columns = [f_batch]
    if coordinates:
        columns.append(r_batch)
    if labels:
        columns.append((torch.arange(N, device=r_batch.device) / N)[None, :, None].expand(B, N, 1))
    if handedness:
        columns.append(signed_volumes(r_batch, mask=mask))
    return torch.cat([column.to(f_batch.dtype) for column in columns], dim=-1)


class MarkedPredictor(torch.nn.Module):
    r"""A :class:`~empnet.model.property_predictor.PropertyPredictor` with symmetry-breaking features or readout.

    Without marks and with ``readout="sum"`` it is the predictor itself. With ``readout="flatten"``

    .. math:: y = \mathrm{mlp}([f'_1, f'_2, \dots, f'_N]),

    which depends on each particle's place in the list.

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of features of a particle, marks not counted.
        F_prime: Number of properties F'.
        readout: ``"sum"`` or ``"flatten"``.
        coordinates: See :func:`marked`.
        labels: See :func:`marked`.
        handedness: See :func:`marked`.

    Raises:
        ValueError: If ``readout`` is neither.

    Example:
        >>> predictor = MarkedPredictor(N=5, F=4, readout="flatten", labels=True)
        >>> predictor(torch.rand(3, 5, 3), torch.rand(3, 5, 4)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        N: int,
        F: int,
        F_prime: int = 1,
        *,
        readout: str = "sum",
        coordinates: bool = False,
        labels: bool = False,
        handedness: bool = False,
    ) -> None:
        super().__init__()
        if readout not in READOUTS:
            raise ValueError(f"readout: wanted {' or '.join(map(repr, READOUTS))}, given {readout!r}")
        self.readout = readout
        self.marks = {"coordinates": coordinates, "labels": labels, "handedness": handedness}
        F = F + n_marks(**self.marks)
        if readout == "sum":
            self.predictor = PropertyPredictor(N, F, F_prime)
        else:
            self.message_passing = MessagePassingLayer(N, F)
            self.pointwise_convolution = PointwiseConvolutionLayer(N, F, F)
            self.mlp = perceptron(N * F, HIDDEN, F_prime)

    def forward(self, r_batch: Tensor, f_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B F_prime"]:
        """Return y, the properties of each system; arguments as of the predictor."""
        f = marked(r_batch, f_batch, mask=mask, **self.marks)
        if self.readout == "sum":
            y: Tensor = self.predictor(r_batch, f, mask=mask)
            return y
        f_bar = self.message_passing(r_batch, f, mask=mask)
        flat: Tensor = self.mlp(self.pointwise_convolution(f_bar, mask=mask).flatten(1))
        return flat


class MixingLayer(torch.nn.Module):
    r"""A perceptron on the features of all particles at once, in place of one that all particles share.

    .. math:: [f'_1, \dots, f'_N] = \psi([\bar f_1, \dots, \bar f_N]), \quad \psi: \mathbb R^{NF} \to \mathbb R^{NF'}

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of input features.
        F_prime: Number of output features F'.

    Example:
        >>> MixingLayer(N=5, F=4, F_prime=2)(torch.zeros(3, 5, 4)).shape
        torch.Size([3, 5, 2])
    """

    def __init__(self, N: int, F: int, F_prime: int) -> None:
        super().__init__()
        self.N, self.F, self.F_prime = N, F, F_prime
        self.psi = perceptron(N * F, HIDDEN, N * F_prime)

    def forward(self, f_bar_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B N F_prime"]:
        """Return f', the new features, shape (B, N, F'); arguments as of the point-wise layer."""
        check_values("f_bar_batch", f_bar_batch, ("B", self.N, self.F))
        check_mask(mask, len(f_bar_batch), self.N)
        f_bar = f_bar_batch if mask is None else torch.where(mask[:, :, None], f_bar_batch, 0)
        f_prime = self.psi(f_bar.flatten(1)).unflatten(1, (self.N, self.F_prime))
        return f_prime if mask is None else torch.where(mask[:, :, None], f_prime, 0)


class FilterPerPairLayer(torch.nn.Module):
    r"""Message passing with a separate filter for each ordered pair of slots.

    .. math:: \bar f_{j,k} = \rho \Big( \sum_i \phi_{ji}(d_{ji})_k \, f_{i,k} \Big)

    Its parameters grow with the square of N, it works for this N only, and reordering changes the filter of a pair.

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of features.

    Example:
        >>> FilterPerPairLayer(N=5, F=4)(torch.rand(3, 5, 3), torch.rand(3, 5, 4)).shape
        torch.Size([3, 5, 4])
    """

    def __init__(self, N: int, F: int) -> None:
        super().__init__()
        self.N, self.F = N, F
        self.W_1 = torch.nn.Parameter(torch.randn(N, N, HIDDEN))
        self.b_1 = torch.nn.Parameter(torch.randn(N, N, HIDDEN))
        self.W_2 = torch.nn.Parameter(torch.randn(N, N, F, HIDDEN) / HIDDEN**0.5)
        self.b_2 = torch.nn.Parameter(torch.zeros(N, N, F))

    def forward(self, r_batch: Tensor, f_batch: Tensor) -> Float[Tensor, "B N F"]:
        """Return f_bar, the features that the particles receive, shape (B, N, F)."""
        check_values("r_batch", r_batch, ("B", self.N, 3))
        check_values("f_batch", f_batch, (len(r_batch), self.N, self.F))
        vectors = r_batch[:, :, None] - r_batch[:, None]
        d = distances(vectors.flatten(0, 2)).view(vectors.shape[:3]).to(f_batch.dtype)
        hidden = torch.nn.functional.softplus(d[..., None] * self.W_1 + self.b_1)
        phi = torch.einsum("bjih,jikh->bjik", hidden, self.W_2) + self.b_2
        return torch.nn.functional.softplus(torch.einsum("bjik,bik->bjk", phi, f_batch))
