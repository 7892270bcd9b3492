"""A uniform cubic spline through values on knots: any smooth function of a distance at the cost of four weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

__all__ = ["CubicSpline"]


def _interpolation_matrix(n_knots: int) -> Float64[Tensor, "K_2 K"]:
    """Return the matrix from values on K knots to the K + 2 coefficients of the spline through them."""
    matrix = torch.zeros(n_knots + 2, n_knots + 2, dtype=torch.float64)
    row = torch.arange(n_knots)
    for b, weight in enumerate((1, 4, 1)):  # the B-spline's values on three knots, times 6
        matrix[row, row + b] = weight / 6
    # the third derivative is continuous at the second knot and the last but one ("not a knot")
    matrix[n_knots, :5] = matrix[n_knots + 1, -5:] = torch.tensor([1.0, -4.0, 6.0, -4.0, 1.0], dtype=torch.float64)
    inverse = torch.linalg.inv(matrix)[:, :n_knots]
    # knots far away have tiny weights; in float32 these would be denormal numbers, which are slow
    return torch.where(inverse.abs() < 1e-20, 0, inverse).contiguous()


class CubicSpline(torch.nn.Module):
    r"""Interpolation between K equidistant knots on [0, r_max] by a cubic B-spline, twice differentiable.

    .. math::
        S(d) = \sum_{b=0}^{3} w_b(u) \, T_{q+b}, \quad q = \lfloor d / h \rfloor, \quad u = d / h - q, \quad
        w = \tfrac16 \, \big( (1-u)^3,\; 3u^3 - 6u^2 + 4,\; 3(1-u)^3 - 6(1-u)^2 + 4,\; u^3 \big)

    The coefficients T are linear in the values on the knots, so gradients flow through them to the function that
    computed the values. Cubic polynomials are reproduced exactly; otherwise the error falls as h^4, up to both ends,
    because the fourth differences of T vanish there. (With third differences the error at the ends would be h^3.)

    The module has no parameters, and its state dict is empty. Its two tables stay in float64 when the module is moved
    to another dtype.

    References:
        A practical guide to splines, de Boor, 1978.

    Arguments:
        n_knots: K, at least 4.
        r_max: The last knot, in angstrom.

    Raises:
        ValueError: If there are too few knots or r_max is not positive.

    Example:
        >>> spline = CubicSpline(n_knots=16, r_max=2.0)
        >>> T = spline.coefficients(spline.knots**3)
        >>> d = torch.tensor([0.3], dtype=torch.float64)
        >>> q = spline.locate(d)
        >>> w = spline.weights(d, q)
        >>> round(sum(w[0, b] * T[q[0] + b] for b in range(4)).item(), 6)  # 0.3 ** 3
        0.027
    """

    knots: Float64[Tensor, " K"]
    inverse: Float64[Tensor, "K_2 K"]

    def __init__(self, n_knots: int, r_max: float) -> None:
        super().__init__()
        if n_knots < 4:
            raise ValueError(f"n_knots: wanted at least 4, given {n_knots}")
        if not r_max > 0:
            raise ValueError(f"r_max: wanted a positive distance, given {r_max}")
        self.n_knots = n_knots
        self.r_max = r_max
        self.spacing = r_max / (n_knots - 1)
        knots = torch.linspace(0, r_max, n_knots, dtype=torch.float64)
        self.register_buffer("knots", knots, persistent=False)
        self.register_buffer("inverse", _interpolation_matrix(n_knots), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> CubicSpline:
        """Move the tables to another device, but keep their dtype; ``to``, ``float`` and the like call this."""
        knots, inverse = self.knots, self.inverse
        super()._apply(fn, recurse)
        self.knots, self.inverse = knots.to(self.knots.device), inverse.to(self.inverse.device)
        return self

    def coefficients(self, values: Float[Tensor, "K *shape"]) -> Float[Tensor, "K_2 *shape"]:
        """Return the coefficients T of the spline through values on the knots.

        Arguments:
            values: Values at :attr:`knots`, shape (K, ...).

        Returns:
            T, shape (K + 2, ...), in the values' dtype.
        """
        return torch.tensordot(self.inverse.to(values.dtype), values, dims=1)

    def locate(self, d: Float[Tensor, " P"]) -> Int64[Tensor, " P"]:
        """Return q, the first of each distance's four coefficients; distances beyond r_max get the last four.

        Arguments:
            d: Distances in angstrom, shape (P,).

        Returns:
            q, shape (P,), int64, between 0 and K - 2, without a gradient.
        """
        return (d.detach() / self.spacing).to(torch.int64).clamp(0, self.n_knots - 2)

    def weights(self, d: Float[Tensor, " P"], q: Int64[Tensor, " P"]) -> Float[Tensor, "P 4"]:
        """Return w, the weights of each distance's four coefficients.

        Arguments:
            d: Distances in angstrom, shape (P,), best in float64.
            q: Their first coefficients, from :meth:`locate`, shape (P,), int64.

        Returns:
            w, shape (P, 4), in d's dtype.
        """
        u = d / self.spacing - q
        v = 1 - u
        u2, v2 = u * u, v * v
        return torch.stack([v2 * v, u2 * (3 * u - 6) + 4, v2 * (3 * v - 6) + 4, u2 * u], dim=1) / 6

    def extra_repr(self) -> str:
        """Return the sizes that ``print`` shows."""
        return f"n_knots={self.n_knots}, r_max={self.r_max}"
