"""The transpose autoencoder as an estimator and transformer with scikit-learn's interface."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from empnet.errors import EmpnetError, nearest
from empnet.model.transpose_autoencoder import Orthonormal, TransposeMap, reconstruction_loss, variance_loss
from empnet.training.optimiser.descent import descend, epoch_batches

__all__ = ["OPTIMIZERS", "TransposeAutoencoder"]

Array = Float64[np.ndarray, "n d"]

OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], float]] = {
    "lbfgs": (
        lambda p, lr: torch.optim.LBFGS(
            p, lr=lr, max_iter=1, max_eval=20, tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe"
        ),
        1.0,
    ),
    "sgd": (lambda p, lr: torch.optim.SGD(p, lr=lr), 0.2),
    "momentum": (lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9), 0.1),
    "adam": (lambda p, lr: torch.optim.Adam(p, lr=lr), 0.02),
}
"""Optimisers by name, with their usual learning rates. The loss is a share of the variance, its curvature is at most
8, so gradient descent is stable below 2/8."""

LOSSES = {"reconstruction": reconstruction_loss, "variance": variance_loss}


class TransposeAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""A linear autoencoder whose decoder is the encoder's transpose, trained by gradient descent.

    .. math:: z = A (x - \bar x), \qquad \hat x = \bar x + A^T z, \qquad
        L(A) = \frac{1}{N} \sum_i |\hat x_i - x_i|^2

    The theory needs data of mean zero, so the mean, ``mean_``, is subtracted. Then the optimum spans the leading
    principal components (P. Baldi and K. Hornik, Neural Networks 2 (1989) 53). Any rotation within their span is as
    good; a final singular value decomposition of the latent variables picks the one of principal component analysis:
    ``components_`` are orthonormal, sorted by variance, and the largest entry of each is positive. ``weight_`` is A
    as trained, before this rotation.

    Training works in float64 on the loss as a share of the total variance, so learning rates do not depend on units.
    :meth:`partial_fit` takes data larger than memory, a chunk at a time.

    Arguments:
        n_components: Latent variables.
        norm: ``"free"``, or ``"unit"`` to keep the rows of A orthonormal throughout.
        loss: ``"reconstruction"``, or ``"variance"``: minus the variance of z, which needs no decoder and has a
            minimum with ``norm="unit"`` only.
        optimizer: ``"lbfgs"``, ``"sgd"``, ``"momentum"`` (0.9) or ``"adam"``.
        learning_rate: None for the usual one of the optimiser. With minibatches it falls with the power 3/4 of the
            number of steps.
        batch_size: Data points in a step; None for all. ``"lbfgs"`` needs all.
        max_iter: Most passes over the data.
        tol: Stop where the gradient of the loss, as a share of the variance, is shorter; None for 1e-8, with
            minibatches for 1e-3.
        random_state: Seed of the start and the order of minibatches.

    Attributes:
        components_: Directions of the latent variables, shape (n_components, n_features).
        mean_: Mean of each feature.
        explained_variance_: Variance of each latent variable, in the data's unit squared (divided by N - 1).
        explained_variance_ratio_: Variance of each latent variable as a share of the total variance.
        weight_: A as trained, shape (n_components, n_features).
        n_iter_: Passes over the data; chunks, with :meth:`partial_fit`.
        loss_curve_: Mean loss of each pass, in the data's unit squared.
        n_features_in_: Number of features.
        n_samples_seen_: Number of data points.

    Raises:
        EmpnetError: In fitting, if a parameter is invalid, or there are fewer than two data points.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 3)) * [3.0, 1.0, 0.3] + 5
        >>> autoencoder = TransposeAutoencoder(random_state=0).fit(x)
        >>> abs(autoencoder.components_).round(1)
        array([[1., 0., 0.]])
        >>> autoencoder.inverse_transform(autoencoder.transform(x)).shape
        (200, 3)
    """

    loss_curve_: list[float]

    def __init__(
        self,
        n_components: Any = 1,
        *,
        norm: Any = "free",
        loss: Any = "reconstruction",
        optimizer: Any = "lbfgs",
        learning_rate: Any = None,
        batch_size: Any = None,
        max_iter: Any = 1000,
        tol: Any = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.norm = norm
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TransposeAutoencoder:
        """Train on data that fit in memory, from a new start.

        Arguments:
            X: Shape (n, n_features), in any unit, with any mean.
            y: Ignored.
        """
        self._check_parameters()
        if self.optimizer == "lbfgs" and self.batch_size is not None:
            raise EmpnetError(
                f"optimizer='lbfgs' with batch_size={self.batch_size}", wanted="batch_size=None", remedy="or 'adam'"
            )
        x = np.asarray(validate_data(self, X, dtype=np.float64, ensure_min_samples=2))
        self._start(x.shape[1])
        self.mean_, self.n_samples_seen_ = x.mean(0), len(x)
        x = x - self.mean_
        self._total = float((x**2).sum()) / (len(x) - 1)
        self._descend(torch.from_numpy(x))
        z = self._span() @ x.T
        self._rotate(z @ z.T / (len(x) - 1))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> TransposeAutoencoder:
        """Go on training with one more chunk of the data: one pass over it, in minibatches.

        The mean is taken over all data so far. ``explained_variance_`` averages about the last ten chunks, because the
        directions of earlier ones were worse. Adam replaces ``"lbfgs"``, which needs all data at once. Shuffle the
        data before cutting chunks: if clusters come one after the other, earlier ones are forgotten.

        Arguments:
            X: A chunk, shape (n, n_features).
            y: Ignored.
        """
        self._check_parameters()
        first = not hasattr(self, "components_")
        x = np.asarray(validate_data(self, X, dtype=np.float64, reset=first))
        if first:
            self._start(x.shape[1])
            self.mean_, self.n_samples_seen_, self._squares = np.zeros(x.shape[1]), 0, 0.0
        elif not hasattr(self, "_squares"):  # fitted before, on all data at once
            self._squares = self._total * (self.n_samples_seen_ - 1)
        self._see(x)
        x = x - self.mean_
        size = len(x) if self.batch_size is None else self.batch_size
        batches = epoch_batches(np.arange(len(x)), size, seed=self._seed, epoch=self.n_iter_)
        data = torch.from_numpy(x)
        losses = list(self._steps([data[torch.from_numpy(batch)] for batch in batches]))
        self.n_iter_ += 1
        self.loss_curve_.append(float(np.mean(losses)) * self._total)
        old, span = getattr(self, "components_", None), self._span()
        z = span @ x.T
        covariance, share = z @ z.T / len(x), max(1 / self.n_iter_, 0.1)
        if old is not None:
            turn = span @ old.T
            covariance = share * covariance + (1 - share) * (turn * self.explained_variance_) @ turn.T
        self._rotate(covariance)
        return self

    def transform(self, X: Any) -> Array:
        """Return the latent variables of data, shape (n, n_components), in the data's unit."""
        check_is_fitted(self)
        x = np.asarray(validate_data(self, X, dtype=np.float64, reset=False))
        return (x - self.mean_) @ self.components_.T

    def inverse_transform(self, X: Any) -> Array:
        """Return the data reconstructed from latent variables, shape (n, n_features)."""
        check_is_fitted(self)
        z = np.asarray(X, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != len(self.components_):
            raise EmpnetError(f"latent variables of shape {z.shape}", wanted=f"(n, {len(self.components_)})")
        return z @ self.components_ + self.mean_

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _check_parameters(self) -> None:
        choices = {"norm": ("free", "unit"), "loss": tuple(LOSSES), "optimizer": tuple(OPTIMIZERS)}
        for name, few in choices.items():
            value = getattr(self, name)
            if value not in few:
                raise EmpnetError(f"{name}={value!r}", wanted=" or ".join(few), remedy=nearest(str(value), few))
        for name in ("n_components", "batch_size", "max_iter"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | np.integer) or value < 1):
                raise EmpnetError(f"{name}={value!r}", wanted="a whole number of at least 1")
        if self.loss == "variance" and self.batch_size == 1:
            raise EmpnetError("the variance of a batch of one", wanted="batch_size of at least 2")
        if self.loss == "variance" and self.norm == "free":
            raise EmpnetError(
                "loss='variance' with norm='free' has no minimum: twice the weight, four times the variance",
                remedy="norm='unit'",
            )

    def _start(self, n_features: int) -> None:
        """Create a new random map with its optimiser; the weight has about norm one."""
        random = check_random_state(self.random_state)
        constraint = Orthonormal() if self.norm == "unit" else None
        with torch.random.fork_rng(devices=[]):  # the map's own start is not used
            self._map = TransposeMap(n_features, int(self.n_components), constraint, dtype=torch.float64)
        start = random.normal(size=(self.n_components, n_features)) / math.sqrt(n_features)
        with torch.no_grad():
            self._map.raw.copy_(torch.from_numpy(start))
        self._seed = int(random.randint(2**31 - 1))
        self._optimizer: torch.optim.Optimizer | None = None
        self._n_steps, self.n_iter_ = 0, 0
        self.loss_curve_ = []
        for name in ("components_", "_squares"):
            self.__dict__.pop(name, None)

    def _see(self, x: Array) -> None:
        """Update mean and sum of squares with new data (T. F. Chan et al., The American Statistician 37 (1983) 242)."""
        n, mean = self.n_samples_seen_ + len(x), x.mean(0)
        shift = mean - self.mean_
        self._squares += float(((x - mean) ** 2).sum() + (shift**2).sum() * self.n_samples_seen_ * len(x) / n)
        self.mean_, self.n_samples_seen_ = self.mean_ + shift * len(x) / n, n
        self._total = self._squares / max(n - 1, 1)

    def _loss(self, x: Tensor) -> Tensor:
        """Return the loss of a batch as a share of the total variance."""
        if self.loss == "variance" and len(x) == 1:
            return 0 * self._map.raw.sum()
        return LOSSES[self.loss](x, self._map.weight) / (self._total or 1.0)

    def _steps(self, batches: Any, *, minibatches: bool = True) -> Iterator[float]:
        """Take steps of the optimiser from its current state; yield each batch's loss."""
        name = "adam" if minibatches and self.optimizer == "lbfgs" else self.optimizer
        make, usual = OPTIMIZERS[name]
        rate = usual if self.learning_rate is None else float(self.learning_rate)
        if self._optimizer is None or (minibatches and isinstance(self._optimizer, torch.optim.LBFGS)):
            self._optimizer = make([self._map.raw], rate)
        done = self._n_steps

        def falling(step: int) -> float:
            return rate * (1 + (done + step) / 100) ** -0.75  # the rates' sum diverges, that of their squares converges

        for value in descend(self._loss, batches, self._optimizer, rate=falling if minibatches else None):
            yield value
            self._n_steps += 1

    def _descend(self, x: Tensor) -> None:
        """Run passes over the data until the gradient is short."""
        size = len(x) if self.batch_size is None else min(self.batch_size, len(x))
        minibatches = size < len(x)
        tol = self.tol if self.tol is not None else 1e-3 if minibatches else 1e-8
        shortest, since = math.inf, 0
        for epoch in range(self.max_iter):
            batches = [x]
            if minibatches:
                cut = epoch_batches(np.arange(len(x)), size, seed=self._seed, epoch=epoch)
                batches = [x[torch.from_numpy(batch)] for batch in cut]
            losses = list(self._steps(batches, minibatches=minibatches))
            self.loss_curve_.append(float(np.mean(losses)) * self._total)
            self.n_iter_ = epoch + 1
            slope = self._slope(x)
            if not math.isfinite(slope):
                raise EmpnetError(f"the loss is no longer a number in pass {epoch + 1}", remedy="lower learning_rate")
            since = 0 if slope < shortest else since + 1
            shortest = min(slope, shortest)
            # L-BFGS compares losses, which round: near the optimum it may stand still a little above a small tol
            stuck = self.optimizer == "lbfgs" and since >= 10 and shortest < 1e-6
            if slope <= tol or stuck:
                return
        self._warn(slope, tol)

    def _slope(self, x: Tensor) -> float:
        """Return the length of the gradient over all data."""
        (gradient,) = torch.autograd.grad(self._loss(x), [self._map.raw])
        return float(gradient.norm())

    def _warn(self, slope: float, tol: float) -> None:
        text = f"after {self.n_iter_} passes the gradient is {slope:.1e}, above tol={tol:g}; raise max_iter or tol"
        warnings.warn(text, ConvergenceWarning, stacklevel=4)

    def _span(self) -> Array:
        """Return an orthonormal basis of the span of the trained rows, one vector in each row."""
        with torch.no_grad():
            self.weight_ = self._map.weight.numpy().copy()
        _, _, rows = np.linalg.svd(self.weight_, full_matrices=False)
        return np.asarray(rows)

    def _rotate(self, covariance: Array) -> None:
        """Fix the rotation within the span: uncorrelated latent variables, largest variance first."""
        u, variances, _ = np.linalg.svd(covariance, hermitian=True)
        components = u.T @ self._span()
        _, self.components_ = svd_flip(None, components, u_based_decision=False)
        self.explained_variance_ = variances
        self.explained_variance_ratio_ = variances / (self._total or 1.0)
