"""The transpose autoencoder: one matrix encodes, its transpose decodes; and constraints that normalise its rows."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.errors import EmpnetError

__all__ = [
    "LastFromOthers",
    "Normalised",
    "Orthonormal",
    "SqrtLogSoftmax",
    "SqrtSoftmax",
    "TransposeMap",
    "reconstruction_loss",
    "reconstruction_loss_of_covariance",
    "variance_loss",
]


class Normalised(torch.nn.Module):
    r"""A vector of free length, divided by its length.

    .. math:: a = \tilde a / |\tilde a|

    Every unit vector is reached, and the gradient with respect to :math:`\tilde a` is tangent to the sphere. Only
    :math:`\tilde a = 0` has no direction: there a is not a number.

    Example:
        >>> Normalised()(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """

    def forward(self, raw: Float[Tensor, "*k n"]) -> Float[Tensor, "*k n"]:
        """Map free vectors to unit vectors, along the last axis."""
        return raw / raw.square().sum(-1, keepdim=True).sqrt()


class LastFromOthers(torch.nn.Module):
    r"""All entries free but the last, which completes the vector to norm one.

    .. math:: a = (\tilde a_1, \dots, \tilde a_{n-1}, \sqrt{1 - \tilde a_1^2 - \dots - \tilde a_{n-1}^2})

    The last entry is never negative, its slope diverges where it goes to zero, and outside the unit ball it is nan.

    Example:
        >>> LastFromOthers()(torch.tensor([0.6]))
        tensor([0.6000, 0.8000])
    """

    def forward(self, raw: Float[Tensor, "*k m"]) -> Float[Tensor, "*k n"]:
        """Map n - 1 entries to n entries, along the last axis."""
        last = (1 - raw.square().sum(-1, keepdim=True)).sqrt()
        return torch.cat([raw, last], dim=-1)


class SqrtSoftmax(torch.nn.Module):
    r"""The root of a softmax: entries whose squares add up to one.

    .. math:: a_i = \sqrt{e^{\tilde a_i} / (e^{\tilde a_1} + \dots + e^{\tilde a_n})}

    All entries are positive: only one of the sphere's 2^n orthants is reached.

    Example:
        >>> SqrtSoftmax()(torch.zeros(4))
        tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """

    def forward(self, raw: Float[Tensor, "*k n"]) -> Float[Tensor, "*k n"]:
        """Map free vectors to unit vectors of positive entries, along the last axis."""
        return torch.softmax(raw, dim=-1).sqrt()


class SqrtLogSoftmax(torch.nn.Module):
    r"""The root of the logarithm of a softmax, which is not a unit vector.

    .. math:: a_i = \sqrt{\log(e^{\tilde a_i} / (e^{\tilde a_1} + \dots + e^{\tilde a_n}))}

    A softmax is below one and its logarithm below zero, so the root is nan for every :math:`\tilde a` and n > 1. It is
    here for comparison.

    Example:
        >>> SqrtLogSoftmax()(torch.zeros(2))
        tensor([nan, nan])
    """

    def forward(self, raw: Float[Tensor, "*k n"]) -> Float[Tensor, "*k n"]:
        """Map free vectors to vectors of nan, along the last axis."""
        return torch.log_softmax(raw, dim=-1).sqrt()


class Orthonormal(torch.nn.Module):
    r"""Orthonormal rows, each orthogonalised against those before it: :class:`Normalised` for several rows.

    .. math:: \tilde A^T = Q R, \qquad A = Q^T, \qquad R_{ii} > 0

    Example:
        >>> Orthonormal()(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[ 0.6000,  0.8000],
                [-0.8000,  0.6000]])
    """

    def forward(self, raw: Float[Tensor, "k n"]) -> Float[Tensor, "k n"]:
        """Map independent rows to orthonormal rows with the same span."""
        q, r = torch.linalg.qr(raw.mT)
        return (q * torch.where(r.diagonal() < 0, -1.0, 1.0)).mT


class TransposeMap(torch.nn.Module):
    r"""A linear encoder whose decoder is its transpose, for a training loop of one's own.

    .. math:: z = A x, \qquad \hat x = A^T z

    Trained to reconstruct data of mean zero, the rows of A become orthonormal and span the same space as the leading
    principal components (P. Baldi and K. Hornik, Neural Networks 2 (1989) 53); data with a mean must be centred first.
    :class:`~empnet.training.transpose_autoencoder.TransposeAutoencoder` centres and trains.

    Arguments:
        n_features: Entries of x.
        n_components: Entries of z, at most ``n_features``.
        constraint: Maps the trained parameter ``raw`` to A, such as :class:`Normalised` or :class:`Orthonormal`;
            None: A is free.
        dtype: The parameter's dtype.

    Raises:
        EmpnetError: If z has no entry, or more than x.

    Example:
        >>> autoencoder = TransposeMap(5, 2, Orthonormal())
        >>> x = torch.randn(7, 5)
        >>> autoencoder.encode(x).shape, autoencoder(x).shape
        (torch.Size([7, 2]), torch.Size([7, 5]))
    """

    def __init__(
        self,
        n_features: int,
        n_components: int = 1,
        constraint: torch.nn.Module | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= n_components <= n_features:
            raise EmpnetError(f"{n_components} components of {n_features} features", wanted=f"1 to {n_features}")
        n_raw = n_features - 1 if isinstance(constraint, LastFromOthers) else n_features
        start = torch.randn(n_components, n_raw, dtype=dtype) / math.sqrt(2 * n_features)
        self.raw = torch.nn.Parameter(start)
        self.constraint = torch.nn.Identity() if constraint is None else constraint

    @property
    def weight(self) -> Float[Tensor, "k n"]:
        """The matrix A, after the constraint."""
        weight: Tensor = self.constraint(self.raw)
        return weight

    def encode(self, x: Float[Tensor, "*b n"]) -> Float[Tensor, "*b k"]:
        """Map data of mean zero to latent variables z."""
        return x @ self.weight.mT

    def decode(self, z: Float[Tensor, "*b k"]) -> Float[Tensor, "*b n"]:
        """Map latent variables to reconstructed data."""
        return z @ self.weight

    def forward(self, x: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
        """Map data to their reconstruction."""
        weight = self.weight
        return x @ weight.mT @ weight


def reconstruction_loss(x: Float[Tensor, "b n"], weight: Float[Tensor, "k n"]) -> Float[Tensor, ""]:
    r"""Return the mean squared distance between data and their reconstruction.

    .. math:: L = \frac{1}{B} \sum_i |A^T A x_i - x_i|^2

    Arguments:
        x: Data of mean zero, in any unit; the loss is in its square.
        weight: A.

    Example:
        >>> reconstruction_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
        tensor(4.)
    """
    return (x @ weight.mT @ weight - x).square().sum(-1).mean()


def variance_loss(x: Float[Tensor, "b n"], weight: Float[Tensor, "k n"]) -> Float[Tensor, ""]:
    r"""Return minus the variance of the latent variables: a loss of the encoder alone.

    .. math:: L_2 = \frac{1}{B - 1} \sum_i g(z_i, \bar z), \qquad g(z, \bar z) = -|z - \bar z|^2

    With orthonormal rows of A, it is the reconstruction loss up to a factor and a constant (Pythagoras: lost and
    explained variance add up to the total). With free rows it has no minimum: twice the weight, four times the
    variance.

    Arguments:
        x: At least two data points, in any unit; the loss is in its square.
        weight: A.

    Example:
        >>> variance_loss(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
        tensor(-2.)
    """
    z = x @ weight.mT
    return -(z - z.mean(0)).square().sum() / (len(x) - 1)


def reconstruction_loss_of_covariance(
    a: Float[Tensor, "*starts n"], covariance: Float[Tensor, "n n"]
) -> Float[Tensor, "*starts"]:
    r"""Return the reconstruction loss of one latent variable from the data's covariance, for many vectors a at once.

    .. math:: L(a) = \mathrm{tr}\, S - 2\, a^T S a + |a|^2\, a^T S a, \qquad S = \frac{1}{N} \sum_i x_i x_i^T

    Arguments:
        a: Weights, one vector for each start.
        covariance: S, second moments about zero.

    Example:
        >>> reconstruction_loss_of_covariance(torch.tensor([1.0, 0.0]), torch.diag(torch.tensor([3.0, 1.0])))
        tensor(1.)
    """
    explained = ((a @ covariance) * a).sum(-1)
    return covariance.trace() + (a.square().sum(-1) - 2) * explained
