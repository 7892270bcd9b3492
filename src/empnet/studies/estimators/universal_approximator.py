"""An estimator with one hidden layer of sigmoid units: fitted by descent or least squares, or constructed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from scipy.linalg import lstsq
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length, check_is_fitted

from empnet.errors import EmpnetError
from empnet.studies.networks.sigmoid_network import SigmoidNetwork
from empnet.training.optimiser.descent import fit

__all__ = ["UniversalApproximator", "modulus_of_continuity"]

SHARPNESS = {"least_squares": 0.7, "descent": 4.0, "staircase": 40.0}
"""Slope of a unit in spacings of the centres, by method. Least squares needs flat units, which overlap and are smooth;
descent needs steeper ones, whose gradients differ; steps are steepest."""

PLACEMENTS = ("quantiles", "random")

OUTSIDE = 4
"""Centres beyond each end of the data: without them, too few units act at the ends."""

ROUND = 20
"""Iterations of L-BFGS in a round, after which torch returns."""

Array = Float64[np.ndarray, "..."]


def modulus_of_continuity(x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], h: float) -> float:
    r"""Return the largest change of y over a distance h: :math:`\max_{|x_i - x_j| \le h} |y_i - y_j|`.

    Arguments:
        x: Points, in ascending order.
        y: Values at the points.
        h: The distance.

    Example:
        >>> x = np.linspace(0, 1, 101)
        >>> round(modulus_of_continuity(x, x**2, 0.1), 4)
        0.19
    """
    stop = np.searchsorted(x, x + h * (1 + 1e-12), side="right")  # of the points within h to the right
    level = np.frexp(stop - np.arange(len(x)))[1] - 1  # of the largest power of two that fits into them
    low, high, change = y, y, 0.0
    for k in range(int(level.max()) + 1):
        here = np.flatnonzero(level == k)
        last = stop[here] - 2**k  # two windows of 2^k points, from the left and to the right end, cover all
        top, bottom = np.maximum(high[here], high[last]), np.minimum(low[here], low[last])
        change = max(change, float((top - bottom).max(initial=0.0)))
        if len(high) > 2**k:
            high, low = np.maximum(high[: -(2**k)], high[2**k :]), np.minimum(low[: -(2**k)], low[2**k :])
    return change


class UniversalApproximator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""One hidden layer of N sigmoid units as a function of one variable, in float64.

    .. math:: f(x) = c + \sum_{j=1}^N a_j \, \sigma\big(\tfrac{s_j}{h_j} (x - t_j)\big)

    ``method="least_squares"`` places the centres t_j at quantiles of the data (and a few beyond the ends), with slopes
    that fit the spacing h_j, and solves for a and c; ``"descent"`` continues from there with L-BFGS on all weights;
    ``"staircase"`` constructs
    :meth:`SigmoidNetwork.staircase <empnet.studies.networks.sigmoid_network.SigmoidNetwork.staircase>` from the data's
    values at the middles of equal cells, and needs no fit: its error is bounded by the data's modulus of continuity.

    References:
        Approximation by superpositions of a sigmoidal function, Cybenko, 1989, https://doi.org/10.1007/BF02551274

    Arguments:
        n_units: N, the number of hidden units.
        method: ``"least_squares"``, ``"descent"`` or ``"staircase"``.
        placement: Initial hidden units: ``"quantiles"``, or ``"random"`` centres, slopes and signs.
        sharpness: s, slope of the units in spacings of their centres; None: 0.7, for descent 4, for the staircase 40.
        max_iter: Iterations of L-BFGS, at most.
        random_state: Seed of the random placement, or None.

    Attributes:
        network_: The network, a :class:`~empnet.studies.networks.sigmoid_network.SigmoidNetwork`.
        n_iter_: Allowed iterations of L-BFGS; 1 without L-BFGS.
        bound_: Bound on the staircase's error on the data.

    Raises:
        EmpnetError: In ``fit``, if an argument is not valid.

    Example:
        >>> x = np.linspace(0, 1, 501)
        >>> model = UniversalApproximator(n_units=50).fit(x, np.exp(x))
        >>> bool(abs(model.predict(x) - np.exp(x)).max() < 1e-9)
        True
    """

    network_: SigmoidNetwork

    def __init__(
        self,
        n_units: int = 50,
        *,
        method: str = "least_squares",
        placement: str = "quantiles",
        sharpness: float | None = None,
        max_iter: int = 200,
        random_state: Any = None,
    ) -> None:
        self.n_units = n_units
        self.method = method
        self.placement = placement
        self.sharpness = sharpness
        self.max_iter = max_iter
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, False
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> UniversalApproximator:
        """Fit to values at points.

        Arguments:
            X: Points, shape (n,) or (n, 1).
            y: Values, shape (n,).
            sample_weight: Weight of each squared error, shape (n,); the staircase only drops zeros.
        """
        self._check()
        x = self._points(X)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim != 1:
            raise EmpnetError(f"y has shape {y.shape}", wanted="one value for each point")
        check_consistent_length(x, y)
        weight = _check_sample_weight(sample_weight, x, dtype=np.float64)
        order = np.argsort(x, kind="stable")
        order = order[weight[order] > 0]
        if not len(order):
            raise EmpnetError("no point has a weight above zero")
        x, y, weight = x[order], y[order], weight[order]
        self.n_features_in_, self.n_iter_ = 1, 1
        if self.method == "staircase":
            self._construct(x, y)
        else:
            self._solve(x, y, weight)
        return self

    def predict(self, X: Any) -> Float64[np.ndarray, " n"]:
        """Return f at points.

        Arguments:
            X: Points, shape (n,) or (n, 1).

        Returns:
            f, shape (n,), float64.
        """
        check_is_fitted(self)
        return self.network_.at(self._points(X))

    def _check(self) -> None:
        for name, known in (("method", tuple(SHARPNESS)), ("placement", PLACEMENTS)):
            if getattr(self, name) not in known:
                raise EmpnetError(f"{name} {getattr(self, name)!r}", wanted=" or ".join(known))
        if self.n_units < 1:
            raise EmpnetError(f"n_units {self.n_units}", wanted="at least 1")
        if self.sharpness is not None and not self.sharpness > 0:
            raise EmpnetError(f"sharpness {self.sharpness}", wanted="a positive slope")

    @property
    def _sharpness(self) -> float:
        return SHARPNESS[self.method] if self.sharpness is None else float(self.sharpness)

    def _points(self, X: Any) -> Float64[np.ndarray, " n"]:
        X = check_array(X, ensure_2d=False, dtype=np.float64, input_name="X", estimator=self)
        if X.ndim != 1 and X.shape[1:] != (1,):
            raise EmpnetError(f"X has shape {X.shape}", wanted="points on a line, shape (n,) or (n, 1)")
        return X.ravel()

    def _construct(self, x: Array, y: Array) -> None:
        """Construct the staircase through the data, and the bound on its error."""
        s = self._sharpness
        knots, where = np.unique(x, return_inverse=True)
        values = np.bincount(where, weights=y) / np.bincount(where)
        low, high = float(knots[0]), float(knots[-1])
        high = high if high > low else low + 1.0
        cells = self.n_units + 1
        h = (high - low) / cells
        middles = low + (np.arange(cells) + 0.5) * h
        self.network_ = SigmoidNetwork.staircase(np.interp(middles, knots, values), low, high, s)
        gap = float(np.diff(knots).max(initial=0.0))  # a middle lies between two points of the data
        near = modulus_of_continuity(knots, values, h + 2 * gap)
        scatter = float(abs(y - values[where]).max())
        self.bound_ = near * (1 + 2 * np.exp(-s / 2) / -np.expm1(-s)) + scatter

    def _solve(self, x: Array, y: Array, weight: Array) -> None:
        """Fit by least squares, or descent and least squares, with x scaled to [-1, 1] and y standardised."""
        middle, half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2 or 1.0
        offset, scale = y.mean(), y.std() or 1.0
        u, v = (x - middle) / half, (y - offset) / scale
        w, t = self._place(np.unique(u))
        network = SigmoidNetwork.from_weights(w, -w * t, np.zeros(len(w)), 0.0)
        if self.method == "descent":
            solve_outer(network, u, v, weight, smallest=1e-6)  # small outer weights are a better start
            self.n_iter_ = self._descend(network, u, v, weight)
        solve_outer(network, u, v, weight)
        w, b, a, c = network.weights
        self.network_ = SigmoidNetwork.from_weights(w / half, b - w * middle / half, a * scale, c * scale + offset)

    def _place(self, u: Array) -> tuple[Array, Array]:
        """Return slopes and centres of the hidden units."""
        N, s = self.n_units, self._sharpness
        if self.placement == "random":
            random = check_random_state(self.random_state)
            t = np.quantile(u, random.uniform(size=N))
            w = s * N / 2 * np.exp(random.normal(size=N)) * random.choice([-1.0, 1.0], size=N)
            return w, t
        outside = min(OUTSIDE, (N - 1) // 4)
        t = np.quantile(u, np.linspace(0, 1, N - 2 * outside) if N > 1 else [0.5])
        if N == 1 or not t[-1] > t[0]:
            return np.full(N, s), t
        steps = np.arange(1, outside + 1)
        t = np.concatenate([t[0] - steps[::-1] * (t[1] - t[0]), t, t[-1] + steps * (t[-1] - t[-2])])
        return s / np.gradient(t), t

    def _descend(self, network: SigmoidNetwork, u: Array, v: Array, weight: Array) -> int:
        """Train all weights with L-BFGS and return the number of iterations."""
        points, values, share = (torch.as_tensor(array) for array in (u, v, weight / weight.sum()))
        lbfgs = torch.optim.LBFGS(
            network.parameters(),
            max_iter=ROUND,
            history_size=50,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-14,
            tolerance_change=1e-16,
        )
        rounds = max(1, self.max_iter // ROUND)
        course = fit(
            network, lambda _: [0], lambda _: share @ (network(points) - values).square(), lbfgs, epochs=rounds
        )
        return course.epochs * ROUND


def solve_outer(network: SigmoidNetwork, x: Array, y: Array, weight: Array, *, smallest: float = 1e-14) -> None:
    """Set a network's outer weights by least squares, in place.

    Arguments:
        network: The network; its hidden layer stays the same.
        x: Points, shape (n,).
        y: Values, shape (n,).
        weight: Weight of each squared error, shape (n,).
        smallest: Singular values below this share of the largest count as zero.
    """
    with torch.no_grad():
        H = network.hidden(torch.as_tensor(x)).numpy()
    root = np.sqrt(weight)
    solution = lstsq(np.column_stack([H, np.ones(len(x))]) * root[:, None], y * root, cond=smallest)[0]
    w, b, _, _ = network.weights
    network.set_weights(w, b, solution[:-1], float(solution[-1]))
