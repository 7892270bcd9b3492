"""The sizes and options of a network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from empnet.basis.harmonics import MAX_DEGREE
from empnet.system.composition import Pooling

__all__ = ["Architecture", "Readout"]

Readout = Literal["additive", "pooled"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes and options of a model: all it needs but its weights.

    Arguments:
        n_species: Number of species, the first features of a particle, one-hot.
        n_features: Number of further features of a particle.
        pooling: ``"sum"`` (extensive) or ``"mean"`` (intensive) for each property; its length is F'.
        cutoff: Interaction cutoff in angstrom.
        layers: Number of interactions L.
        width: Number of features F inside the network.
        knots: Number of points in [0, cutoff] at which phi is evaluated.
        n_basis: Number of radial basis functions, the input of phi.
        hidden: Width of phi's hidden layer.
        products: Whether psi takes products of sums; without them an interaction is three matrix products, as SchNet's.
        moments: Highest degree L of angular moments, at most 3; 0: distances only.
        readout: ``"additive"``: contributions of particles, pooled
            (:class:`~empnet.model.property_model.PropertyModel`); ``"pooled"``: a network on pooled features of the
            whole system (:class:`~empnet.model.pooled_model.PooledModel`).
        n_cloud: Number of features of the whole system that join the pooled ones.
        classes: Number of classes, whose logits are predicted in place of properties; 0: none.
        scale_power: p, if the property grows with size to the p: the network then learns log(y / R^p).
        dropout: Share of the pooled features that are left out in training.
        coarser: Number of points of each cloud on the coarser level (:mod:`~empnet.model.coarser_level`); 0: none.

    Raises:
        ValueError: If the degree of moments is not supported.

    Example:
        >>> Architecture(n_species=5, pooling=("sum",)).width
        64
    """

    n_species: int
    pooling: tuple[Pooling, ...]
    n_features: int = 0
    cutoff: float = 5.0
    layers: int = 3
    width: int = 64
    knots: int = 128
    n_basis: int = 16
    hidden: int = 64
    products: bool = True
    moments: int = 0
    readout: Readout = "additive"
    n_cloud: int = 0
    classes: int = 0
    scale_power: float | None = None
    dropout: float = 0.0
    coarser: int = 0

    @property
    def n_outputs(self) -> int:
        """Number of outputs F': of classes, or of properties."""
        return self.classes or len(self.pooling)

    def __post_init__(self) -> None:
        if not 0 <= self.moments <= MAX_DEGREE:
            raise ValueError(f"moments: wanted 0 to {MAX_DEGREE}, given {self.moments}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for ``model.json``."""
        return {**asdict(self), "pooling": list(self.pooling)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Architecture:
        """Return the architecture that :meth:`to_json` wrote."""
        return cls(**{**record, "pooling": tuple(record["pooling"])})
