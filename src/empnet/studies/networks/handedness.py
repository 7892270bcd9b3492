"""A number that differs between mirror images, as no function of distances does."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.model.pointwise import check_mask, check_values

__all__ = ["signed_volumes"]


def signed_volumes(r_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B N 1"]:
    r"""Return a pseudoscalar of each particle: unchanged by rotation and translation, negated by reflection.

    .. math::
        \chi_j = u_j^1 \cdot (u_j^2 \times u_j^3), \quad u_j^m = \sum_i e^{-d_{ji}^2 / s_m^2} \, (r_i - r_j),
        \quad s = (1, 2, 4) \text{ angstrom}

    It is permuted with the particles, and is zero where the surroundings have a mirror plane. As an additional feature
    it lets a network on distances distinguish mirror images.

    Arguments:
        r_batch: Positions in angstrom, shape (B, N, 3), floating point.
        mask: True where a slot holds a particle, shape (B, N), bool; None: all of them.

    Returns:
        chi in cubic angstrom, shape (B, N, 1), in the positions' dtype; zero in empty slots.

    Raises:
        ValueError: If a shape or dtype is wrong.

    Example:
        >>> corner = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]], dtype=torch.float64)
        >>> chi, mirrored = signed_volumes(corner), signed_volumes(-corner)
        >>> bool((chi[0, 0] != 0).all()), torch.allclose(chi, -mirrored, rtol=1e-12)
        (True, True)
    """
    check_values("r_batch", r_batch, ("B", "N", 3))
    check_mask(mask, *r_batch.shape[:2])
    if mask is None:
        mask = r_batch.new_ones(r_batch.shape[:2], dtype=torch.bool)
    vectors = torch.where((mask[:, :, None] & mask[:, None, :])[..., None], r_batch[:, None] - r_batch[:, :, None], 0)
    d2 = vectors.square().sum(-1, keepdim=True)  # (B, N, N, 1)
    u = [(torch.exp(-d2 / s**2) * vectors).sum(2) for s in (1.0, 2.0, 4.0)]
    return (u[0] * torch.linalg.cross(u[1], u[2])).sum(-1, keepdim=True)
