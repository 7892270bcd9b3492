"""Project representations onto the plane in which they differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from sklearn.decomposition import PCA

from empnet.errors import EmpnetError
from empnet.training.transpose_autoencoder import TransposeAutoencoder

__all__ = ["Layout", "lay_out"]

ROUNDING = 1e-5
"""Difference of representations, relative to their largest number, below which it is rounding: float32 has a relative
precision of 1e-7, and a representation sums over a system's particles."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Places of systems in the plane.

    Arguments:
        places: Place of each system, shape (n, 2), without unit.
        explained: Share of the variance along each axis.
        pca: Share of the variance along each axis of scikit-learn's principal component analysis, the optimum for a
            plane.
    """

    places: Float64[np.ndarray, "n 2"]
    explained: tuple[float, float]
    pca: tuple[float, float]

    def summary(self) -> str:
        """Return the explained variance in words."""
        (a, b), (p, q) = self.explained, self.pca
        return (
            f"variance explained: {100 * (a + b):.3f} % by the transpose autoencoder's two axes "
            f"({100 * a:.3f} % + {100 * b:.3f} %), {100 * (p + q):.3f} % by PCA's ({100 * p:.3f} % + {100 * q:.3f} %)"
        )


def lay_out(representation: Float64[np.ndarray, "n F"], where: str = "", seed: int = 0) -> Layout:
    r"""Project onto two learned axes, which agree with the first two principal axes.

    .. math:: z = A (x - \bar x), \quad \min_A \sum_i \lVert x_i - \bar x - A^T z_i \rVert^2, \quad A \in R^{2 \times F}

    The shares of the variance agree with principal component analysis to 1e-6 of the whole variance: training ends
    when the gradient is below 1e-8, and near an optimum the loss is quadratic in the remaining deviation.

    Arguments:
        representation: A row for each system, shape (n, F), without unit.
        where: Name of the systems, for messages.
        seed: Seed of the initial weights.

    Raises:
        EmpnetError: If there are fewer than three systems, if all are the same, or if a row has only one number.

    Example:
        >>> ring = np.stack([np.cos(np.arange(6.0)), np.sin(np.arange(6.0)), np.zeros(6)], axis=1)
        >>> layout = lay_out(ring)
        >>> layout.places.shape, round(sum(layout.explained), 6)
        ((6, 2), 1.0)
    """
    _refuse_nothing(representation, where)
    x = representation - representation.mean(axis=0)
    fitted = TransposeAutoencoder(n_components=2, random_state=seed).fit(_condensed(x))
    beside = PCA(n_components=2).fit(representation)
    explained, pca = (_pair(each.explained_variance_ratio_) for each in (fitted, beside))
    return Layout(np.asarray(fitted.transform(x)), explained, pca)


def _condensed(x: np.ndarray) -> np.ndarray:
    """Return at most 2 F rows with the same optimum as all rows: R and -R, where x = Q R.

    The loss depends on the data only through x^T x = R^T R; both signs keep the mean at zero. A map of a million
    systems therefore needs as many steps as a map of a hundred, and its steps take no longer.
    """
    if len(x) <= 2 * x.shape[1]:
        return x
    R = np.asarray(np.linalg.qr(x, mode="r"))
    return np.concatenate([R, -R])


def _pair(ratios: np.ndarray) -> tuple[float, float]:
    first, second = ratios.tolist()
    return first, second


def _refuse_nothing(rows: np.ndarray, where: str) -> None:
    n, width = rows.shape
    if n < 3:
        text = "1 system" if n == 1 else f"{n} systems"
        raise EmpnetError(text, where=where, wanted="three or more: fewer do not define a plane")
    if width < 2:
        raise EmpnetError("the representation is one number", where=where, remedy="train with a larger --width")
    if float(np.ptp(rows, axis=0).max()) <= ROUNDING * float(np.abs(rows).max()):
        raise EmpnetError(
            f"the model cannot distinguish the {n} systems: their representations differ by no more than rounding",
            where=where,
            wanted="systems that differ",
        )
