"""The trained transpose autoencoder, compared with scikit-learn's principal component analysis."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from empnet.studies.question_3_transpose_autoencoder.premises import Cloud, angle
from empnet.training.transpose_autoencoder import TransposeAutoencoder

__all__ = ["Principal", "Subspace", "principal", "trained"]


@dataclass(frozen=True)
class Subspace:
    """Several latent variables and as many principal components; angles in radians, the largest over the starts.

    Arguments:
        k: Number of latent variables.
        span: Largest principal angle between the subspaces.
        rows: Angle of the worst row, as trained, to the nearest principal component.
        rotated: Angle of the worst component, after the final decomposition, to the principal component of its number.
        gram: Largest entry of A A^T - 1, as trained.
    """

    k: int
    span: float
    rows: float
    rotated: float
    gram: float


@dataclass(frozen=True)
class Principal:
    """One latent variable, and several.

    Arguments:
        angles: Angle of the optimum to the first principal component, rad, by start.
        spread: Largest angle between the optima of two starts, rad.
        error: Mean squared reconstruction error, in the data's unit squared, of the worst start.
        pca_error: Mean squared reconstruction error of the first principal component.
        others: Sum of all variances but the largest: the error in closed form.
        digits: Angle on handwritten digits, rad.
        subspaces: Subspaces by number of latent variables.
        asked: Number of latent variables of the premises.
    """

    angles: np.ndarray
    spread: float
    error: float
    pca_error: float
    others: float
    digits: float
    subspaces: dict[int, Subspace]
    asked: int

    @property
    def several(self) -> Subspace:
        """Subspace of the premises' number of latent variables."""
        return self.subspaces[self.asked]


def trained(x: np.ndarray, k: int, seed: int, **how: str) -> TransposeAutoencoder:
    """Return the fitted estimator; rounding may stop it above its tolerance, which is measured here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return TransposeAutoencoder(k, random_state=seed, **how).fit(x)


@lru_cache(maxsize=16)
def principal(cloud: Cloud, k: int, quick: bool) -> Principal:
    """Train from several starts and compare.

    Arguments:
        cloud: The data.
        k: Number of latent variables.
        quick: Fewer starts and numbers of latent variables.
    """
    given, training, mean_free = cloud.sample(), cloud.training(), cloud.mean_free()
    pca = PCA(svd_solver="full").fit(given)
    seeds = range(3 if quick else 20)
    optima = np.array([trained(mean_free, 1, seed).weight_[0] for seed in seeds])
    errors = [float(((np.outer(training @ a, a) - training) ** 2).sum(1).mean()) for a in optima]
    score = np.outer((given - pca.mean_) @ pca.components_[0], pca.components_[0]) + pca.mean_
    moments = np.cov(given.T, bias=True)
    ks = {k} if quick else {k, *range(1, min(9, given.shape[1]))}
    return Principal(
        angles=np.array([angle(a, pca.components_[0]) for a in optima]),
        spread=max(angle(a, optima[0]) for a in optima[1:]),
        error=max(errors),
        pca_error=float(((score - given) ** 2).sum(1).mean()),
        others=float(np.linalg.eigvalsh(moments)[:-1].sum()),
        digits=_digits(cloud.centred),
        subspaces={size: _subspace(mean_free, pca.components_, size, quick) for size in sorted(ks)},
        asked=k,
    )


@lru_cache(maxsize=2)
def _digits(centred: bool) -> float:
    digits = Cloud("digits", centred=centred)
    first = PCA(1, svd_solver="full").fit(digits.sample()).components_[0]
    return angle(trained(digits.mean_free(), 1, 0).weight_[0], first)


def _subspace(x: np.ndarray, components: np.ndarray, k: int, quick: bool) -> Subspace:
    """Return the worst of several starts."""
    wanted, span, rows, rotated, gram = components[:k], 0.0, 0.0, 0.0, 0.0
    for seed in range(2 if quick else 5):
        ours = trained(x, k, seed)
        span = max(span, float(subspace_angles(ours.components_.T, wanted.T).max()))
        rows = max(rows, *(min(angle(row, component) for component in wanted) for row in ours.weight_))
        rotated = max(rotated, *(angle(a, b) for a, b in zip(ours.components_, wanted, strict=True)))
        gram = max(gram, float(np.abs(ours.weight_ @ ours.weight_.T - np.eye(k)).max()))
    return Subspace(k, span, rows, rotated, gram)
