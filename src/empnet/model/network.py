"""The two networks that are trained."""

from __future__ import annotations

from typing import TypeAlias

from empnet.model.architecture import Architecture
from empnet.model.pooled_model import PooledModel
from empnet.model.property_model import PropertyModel

__all__ = ["Network", "network_of"]

Network: TypeAlias = PropertyModel | PooledModel
"""A network that adds up contributions of particles, or one that reads whole clouds."""


def network_of(architecture: Architecture) -> Network:
    """Return the network of an architecture, with fresh weights.

    Arguments:
        architecture: Sizes, cutoff and readout.

    Example:
        >>> type(network_of(Architecture(n_species=1, pooling=("mean",), readout="pooled"))).__name__
        'PooledModel'
    """
    return PooledModel(architecture) if architecture.readout == "pooled" else PropertyModel(architecture)
