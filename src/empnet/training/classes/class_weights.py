"""Weights of the classes in the loss, so that rare classes count as much as frequent ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

__all__ = ["class_weights"]


def class_weights(labels: Int64[np.ndarray, " n"], n_classes: int) -> Float64[np.ndarray, " K"]:
    r"""Return the weight of a system of each class; each class that is present has the same total weight, n / K.

    .. math::
        w_c = \frac{n}{K \, n_c}, \quad w_c = 0 \text{ if } n_c = 0

    Arguments:
        labels: Class of each system, from 0 to K - 1, shape (n,); others are not counted.
        n_classes: K, the number of classes.

    Returns:
        The weights, shape (K,), without a unit.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 3).round(3)
        array([0.444, 1.333, 0.   ])
    """
    known = labels[(labels >= 0) & (labels < n_classes)]
    counts = np.bincount(known, minlength=n_classes)
    return np.divide(len(known), n_classes * counts, out=np.zeros(n_classes), where=counts > 0)
