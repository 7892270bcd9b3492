"""One hidden layer of sigmoid units, R -> R, with bounds that follow from its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.model.perceptron import perceptron
from empnet.studies.extra import library

if TYPE_CHECKING:
    import mpmath

__all__ = ["SigmoidNetwork", "Weights", "most_sign_changes"]

DIGITS = 40
"""Correct decimal digits, at least, of results computed with mpmath."""

CHUNK = 2_000_000
"""Most activations held in memory at a time."""


class Weights(NamedTuple):
    """Weights of a :class:`SigmoidNetwork`: w and b of the hidden layer, a and c of the output."""

    w: Float64[np.ndarray, " N"]
    b: Float64[np.ndarray, " N"]
    a: Float64[np.ndarray, " N"]
    c: float


class SigmoidNetwork(torch.nn.Module):
    r"""A network with one hidden layer of N sigmoid units, in float64.

    .. math:: f(x) = c + \sum_{j=1}^N a_j \, \sigma(w_j x + b_j), \quad \sigma(t) = 1 / (1 + e^{-t})

    Three bounds hold for any weights, and adversaries use them: the slope of f is at most :meth:`slope_bound`; f has a
    limit at infinity (:meth:`limit`) and stays near it beyond :meth:`settled_beyond`; and f crosses a level at most
    :func:`most_sign_changes` times.

    References:
        Approximation by superpositions of a sigmoidal function, Cybenko, 1989, https://doi.org/10.1007/BF02551274

    Arguments:
        n_units: N, at least 1. Initial weights are those of torch's layers.

    Example:
        >>> f = SigmoidNetwork.from_weights(w=[1.0], b=[0.0], a=[2.0], c=-1.0)  # tanh(x / 2)
        >>> f(torch.tensor([0.0, 2.0], dtype=torch.float64)).tolist()
        [0.0, 0.7615941559557646]
    """

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.layers = perceptron(1, n_units, 1, torch.nn.Sigmoid).double()

    @classmethod
    def from_weights(cls, w: Any, b: Any, a: Any, c: float) -> SigmoidNetwork:
        """Return a network with given weights.

        Arguments:
            w: Slopes of the units, N numbers.
            b: Biases of the units, N numbers.
            a: Outer weights, N numbers.
            c: Outer bias.
        """
        with torch.device("meta"):  # no first weights are drawn
            network = cls(len(w))
        network.to_empty(device="cpu")
        network.set_weights(w, b, a, c)
        return network

    @classmethod
    def staircase(cls, values: Any, low: float, high: float, sharpness: float = 40.0) -> SigmoidNetwork:
        r"""Return N steep sigmoids at the edges of N + 1 equal cells of [low, high]: in each cell about a given value.

        .. math::
            f(x) = g_0 + \sum_{j=1}^N (g_j - g_{j-1}) \, \sigma\big(\tfrac{s}{h} (x - t_j)\big), \quad
            t_j = low + j h, \quad h = (high - low) / (N + 1)

        If g_j is g at the middle of its cell, then with the modulus of continuity
        :math:`\omega(h) = \sup_{|x-y| \le h} |g(x) - g(y)|`

        .. math:: |f(x) - g(x)| \le \omega(h) \, \Big( 1 + \frac{2 e^{-s/2}}{1 - e^{-s}} \Big)

        because within h / 2 of an edge t_j, f is a convex combination of g at the two middles beside it, both at most h
        away, but for the other steps: each at most :math:`\omega(h)` high and, k cells away, off by at most
        :math:`e^{-s(k - 1/2)}`.

        Arguments:
            values: g_0 ... g_N, the values in the cells.
            low: Left end.
            high: Right end.
            sharpness: s, the slope of the units in cells.

        Example:
            >>> middles = (np.arange(100) + 0.5) / 100
            >>> f = SigmoidNetwork.staircase(middles**2, 0.0, 1.0)
            >>> bool(abs(f.at(np.linspace(0, 1, 1001)) - np.linspace(0, 1, 1001) ** 2).max() < 0.02)  # omega(1 / 100)
            True
        """
        values = np.asarray(values, dtype=np.float64)
        cells = len(values)
        edges = low + (high - low) * np.arange(1, cells) / cells
        w = np.full(cells - 1, sharpness * cells / (high - low))
        return cls.from_weights(w, -w * edges, np.diff(values), float(values[0]))

    @property
    def n_units(self) -> int:
        """N, the number of hidden units."""
        return len(self.layers[0].weight)  # type: ignore[arg-type]

    @property
    def weights(self) -> Weights:
        """The weights as NumPy arrays (copies)."""
        w, b, a, c = (p.detach().cpu().numpy().copy() for p in self.layers.parameters())
        return Weights(w[:, 0], b, a[0], float(c[0]))

    def set_weights(self, w: Any, b: Any, a: Any, c: float) -> None:
        """Overwrite the weights; arguments as in :meth:`from_weights`."""
        given = (np.reshape(w, (-1, 1)), np.ravel(b), np.reshape(a, (1, -1)), np.ravel(c))
        with torch.no_grad():
            for parameter, value in zip(self.layers.parameters(), given, strict=True):
                parameter.copy_(torch.as_tensor(value, dtype=torch.float64))

    def hidden(self, x: Float64[Tensor, " n"]) -> Float64[Tensor, "n N"]:
        """Return the activations of the hidden units at n points."""
        return self.layers[:2](x[:, None])

    def forward(self, x: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
        """Return f at n points, with gradients."""
        return self.layers(x[:, None])[:, 0]

    def at(self, x: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return f at n points, computed in pieces that fit into memory."""
        with torch.no_grad():
            parts = torch.tensor(x).split(max(1, CHUNK // self.n_units))
            return torch.cat([self(part) for part in parts]).numpy()

    def exactly(self, x: Any) -> mpmath.mpf:
        """Return f at a point, with at least 40 correct digits after the decimal point for any weights.

        Arguments:
            x: The point; a float counts as exact.

        Example:
            >>> f = SigmoidNetwork.from_weights([1.0], [0.0], [1.0], 0.0)
            >>> import mpmath
            >>> mpmath.nstr(f.exactly(mpmath.mpf(-100)), 10)
            '3.720075976e-44'
        """
        mpmath = _mpmath()
        w, b, a, c = self.weights
        with mpmath.workdps(30):
            largest = 1 + max(abs(float(v)) for v in (*b, *a, c)) + abs(x) * max(abs(float(v)) for v in w)
            digits = DIGITS + int(mpmath.log10(largest)) + 10
        with mpmath.workdps(digits):
            x, number = mpmath.mpf(x), mpmath.mpf
            terms = (number(k) / (1 + mpmath.exp(-(number(u) * x + v))) for u, v, k in zip(w, b, a, strict=True))
            return mpmath.fsum(terms) + number(c)

    def slope_bound(self) -> mpmath.mpf:
        r"""Return the bound :math:`\tfrac14 \sum_j |a_j w_j|` on the slope, since a sigmoid's slope is at most 1/4."""
        mpmath = _mpmath()
        w, _, a, _ = self.weights
        return mpmath.fsum(abs(mpmath.mpf(k) * mpmath.mpf(u)) for u, k in zip(w, a, strict=True)) / 4

    def limit(self) -> mpmath.mpf:
        r"""Return f at infinity: :math:`c + \sum_{w_j > 0} a_j + \sum_{w_j = 0} a_j \sigma(b_j)`."""
        mpmath = _mpmath()
        w, b, a, c = self.weights
        with mpmath.workdps(DIGITS + 310):  # float64 has numbers of 308 digits
            terms = [mpmath.mpf(k) for u, k in zip(w, a, strict=True) if u > 0]
            terms += [k / (1 + mpmath.exp(-mpmath.mpf(v))) for u, v, k in zip(w, b, a, strict=True) if u == 0]
            return mpmath.fsum(terms) + mpmath.mpf(c)

    def settled_beyond(self, delta: float) -> mpmath.mpf:
        r"""Return a point beyond which f stays within delta of its limit at infinity.

        .. math:: \max_{w_j \neq 0} \frac{\ln(N |a_j| / \delta) - \mathrm{sgn}(w_j) \, b_j}{|w_j|}

        There each unit is within :math:`\delta / N` of its own limit, as
        :math:`|\sigma(t) - \mathrm{limit}| \le e^{-|t|}`.

        Arguments:
            delta: Largest distance from the limit, above 0.
        """
        mpmath = _mpmath()
        w, b, a, _ = self.weights
        reached = [
            (mpmath.log(len(w) * abs(mpmath.mpf(k)) / delta) - np.sign(u) * mpmath.mpf(v)) / abs(mpmath.mpf(u))
            for u, v, k in zip(w, b, a, strict=True)
            if u and k
        ]
        return max(reached, default=mpmath.mpf(0))


def _mpmath() -> Any:
    return library("mpmath", "a bound in many digits")


def most_sign_changes(n_units: int) -> int:
    r"""Return the largest number of sign changes of a network of N sigmoid units: :math:`2^N - 1`.

    Times :math:`\prod_j (1 + e^{-w_j x - b_j}) > 0`, f becomes a sum of real multiples of the exponentials of the
    :math:`2^N` partial sums of the :math:`-w_j x`. A sum of m exponentials with different real exponents that is not
    zero everywhere has at most m - 1 zeros: divided by one of them, its derivative is such a sum of m - 1, and between
    two zeros the derivative has one (Rolle). The constant c moves the level: it holds for any.

    References:
        Problems and theorems in analysis II, Polya and Szego, part V, chapter 1, 1976.

    Arguments:
        n_units: N.

    Example:
        >>> most_sign_changes(3)
        7
    """
    return int(2**n_units - 1)
