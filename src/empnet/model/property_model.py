"""The network for systems of varying size and species: embedding, interactions, readout.

Symbols of the formulas in the code:

==================  ============================================================================
``d``               distance of a pair, |r_i - r_j|, in angstrom
``q``, ``w``        first knot of a pair and its four spline weights, times the cutoff's envelope
``T``               spline coefficients of the filter phi
``f``               features of the particles
``f_bar``           the sum that a particle receives: sum_i phi(d_ji) f_i
``Y``, ``A``, ``V`` spherical harmonics of a pair's direction, moments that a particle receives, its tensors
``phi``, ``psi``    filter network and point-wise network
==================  ============================================================================
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.kernels.pairs import POOLINGS
from empnet.model.architecture import Architecture
from empnet.model.feature_network import FeatureNetwork
from empnet.model.perceptron import perceptron
from empnet.model.system_model import BatchPrediction
from empnet.system.batch import Batch
from empnet.system.composition import Pooling

__all__ = ["PropertyModel"]


class PropertyModel(FeatureNetwork):
    r"""Predicts scalar properties of whole systems, unchanged by rotating, translating or reordering them.

    .. math::
        f^0 = W_e f, \quad f^{t+1}, V^{t+1} = \mathrm{interaction}_t(f^t, V^t), \quad
        c_j = b_{z_j} + s \, \mathrm{out}(f^L_j), \quad
        y = \sum_j c_j \;\text{ or }\; \frac{1}{N} \sum_j c_j

    b is the composition baseline (one number a species, fitted before training) and s a fixed scale; both are part
    of the model. Sums over particles are in float64.

    Arguments:
        architecture: Sizes, cutoff and pooling.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.system.one_hot import OneHot
        >>> from empnet.system.system import System
        >>> model = PropertyModel(Architecture(n_species=2, pooling=("sum",)))
        >>> batch = collate([System([[0, 0, 0], [0, 0, 1.0]], species=[1, 8])], 5.0, OneHot([1, 8]))
        >>> model(batch).shape
        torch.Size([1, 1])
    """

    baseline: Tensor
    scale: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        F, F_prime = architecture.width, len(architecture.pooling)
        self.readout = perceptron(F, F, F_prime, torch.nn.SiLU)
        self.register_buffer("baseline", torch.zeros(architecture.n_species, F_prime, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(F_prime, dtype=torch.float64))
        self._initialise()

    def _initialise(self) -> None:
        """Initialise what differs from torch's defaults: features of unit size, and a readout near zero."""
        torch.nn.init.normal_(self.embedding.weight)
        with torch.no_grad():
            self.readout[-1].weight.mul_(0.1)  # type: ignore[operator]

    def hidden(self, batch: Batch) -> Float[Tensor, "N F"]:
        """Return the input of the readout's last, linear layer, from which the standard deviation is computed."""
        return self.readout[:-1](self.features(batch))  # type: ignore[no-any-return]

    def contributions(self, batch: Batch, hidden: Float[Tensor, "N F"] | None = None) -> Float64[Tensor, "N F_prime"]:
        """Return c: each particle's part of the property, in the property's unit, its species' baseline included.

        Arguments:
            batch: The systems.
            hidden: Result of :meth:`hidden`, if it is at hand; else it is computed.
        """
        species = batch.features[:, : self.architecture.n_species].double()
        h = self.hidden(batch) if hidden is None else hidden
        return species @ self.baseline + self.scale * self.readout[-1](h).double()

    def representation(self, batch: Batch, pooling: Pooling) -> Float64[Tensor, "B F"]:
        r"""Return H, the representation of each whole system: the pooled input of the readout's last, linear layer.

        .. math::
            h_j = \mathrm{SiLU}(W_1 f^L_j + b_1), \quad
            H = \sum_j h_j \;\text{ or }\; \frac{1}{N} \sum_j h_j

        H is pooled as the property is, because only then is the prediction linear in it: pooling and the last layer,
        out(f) = W_2 h + b_2, can be exchanged. With B the pooled composition baseline,

        .. math::
            y = B + s \, (W_2 H + N b_2) \;\text{ for the sum, }\; y = B + s \, (W_2 H + b_2) \;\text{ for the mean.}

        Arguments:
            batch: The systems.
            pooling: ``"sum"`` or ``"mean"``, as for the property (``architecture.pooling``).

        Returns:
            H, shape (B, F), float64, without a unit; unchanged by rotating, translating or reordering a system.
        """
        return POOLINGS[pooling](self.hidden(batch), batch.system_of, batch.n_systems)

    def predict(self, batch: Batch) -> BatchPrediction:
        """Return values, contributions and hidden features, from one pass."""
        hidden = self.hidden(batch)
        c = self.contributions(batch, hidden)
        return BatchPrediction(self.pooled(c, batch), c, hidden)

    def forward(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the properties of each system in their units."""
        return self.predict(batch).values

    def composition_baseline(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the prediction of the composition alone, without geometry."""
        species = batch.features[:, : self.architecture.n_species].double()
        return self.pooled(species @ self.baseline, batch)

    def pooled(self, c: Float64[Tensor, "N F_prime"], batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Pool the particles' contributions to properties of systems, each property in its own way.

        Arguments:
            c: The contributions, in the properties' units, shape (N, F').
            batch: The systems.
        """
        kinds = self.architecture.pooling
        if len(set(kinds)) == 1:
            return POOLINGS[kinds[0]](c, batch.system_of, batch.n_systems)
        columns = [POOLINGS[kind](c[:, [k]], batch.system_of, batch.n_systems) for k, kind in enumerate(kinds)]
        return torch.cat(columns, dim=1)
