"""Two dimensions for many: the plane in which representations differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from sklearn.decomposition import PCA

from empnet.errors import EmpnetError
from empnet.training.transpose_autoencoder import TransposeAutoencoder

__all__ = ["Layout", "lay_out"]

ROUNDING = 1e-5
"""Representations that differ by less, relative to the largest number in them, differ by rounding: a float32 has 1e-7,
and a representation sums over a system's particles."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Systems in the plane.

    Arguments:
        places: Where each lies, shape (n, 2), in the representation's numbers (without a unit).
        explained: Share of the variance along each axis.
        pca: The same of scikit-learn's principal component analysis, which is the best that a plane can do.
    """

    places: Float64[np.ndarray, "n 2"]
    explained: tuple[float, float]
    pca: tuple[float, float]

    def summary(self) -> str:
        """The explained variance in words."""
        (a, b), (p, q) = self.explained, self.pca
        return (
            f"variance explained: {100 * (a + b):.3f} % by the transpose autoencoder's two axes "
            f"({100 * a:.3f} % + {100 * b:.3f} %), {100 * (p + q):.3f} % by PCA's ({100 * p:.3f} % + {100 * q:.3f} %)"
        )


def lay_out(representation: Float64[np.ndarray, "n F"], where: str = "", seed: int = 0) -> Layout:
    r"""Project onto two learned axes, which turn out to be the principal ones.

    .. math:: z = A (x - \bar x), \quad \min_A \sum_i \lVert x_i - \bar x - A^T z_i \rVert^2, \quad A \in R^{2 \times F}

    The shares of the variance agree with those of principal component analysis to 1e-6 (of all variance): training
    ends where the gradient is below 1e-8, and at an optimum the loss changes by the square of what is left.

    Arguments:
        representation: A row for each system.
        where: What the systems are, for messages.
        seed: Of the weights that training starts from.

    Raises:
        EmpnetError: If there is nothing to lay out: fewer than three systems, or all the same, or rows of one number.

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
    """No more than 2 F rows with the optimum of all: R and -R, where x = Q R.

    The loss knows the data by x^T x alone, which is R^T R; both signs keep the mean at zero. So a map of a million
    systems takes no more steps, nor longer ones, than one of a hundred.
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
        raise EmpnetError(text, where=where, wanted="three or more: fewer have no place in a plane")
    if width < 2:
        raise EmpnetError("the representation is one number", where=where, remedy="train with a larger --width")
    if float(np.ptp(rows, axis=0).max()) <= ROUNDING * float(np.abs(rows).max()):
        raise EmpnetError(
            f"all {n} systems are the same to the model: their representations differ by no more than rounding",
            where=where,
            wanted="systems that differ",
        )
